package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/agent"
	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/doctor"
	"nhos.org/nhos/internal/identity/policy"
	"nhos.org/nhos/internal/ui"
)

func newDoctor(f *flags) *cobra.Command {
	var files []string
	c := &cobra.Command{
		Use: "doctor", Short: "Say which part keeps from signing in: reader, driver, card, clock, network, Spine",
		Long: `doctor looks at every part that signing in needs, in their order. It sends nothing of the card's or the person's, and
needs no passcode.`,
		Example: "  nhos-identity doctor\n  nhos-identity doctor --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if len(files) == 0 {
				files = policy.Files()
			}
			p, err := policy.Load(files...)
			if err != nil {
				return err
			}
			environment, err := agent.Environment(p)
			if err != nil {
				return err
			}
			patient := doctor.Patient{Modules: p.Card.Modules, Environment: environment, Now: time.Now()}
			if len(patient.Modules) == 0 {
				patient.Modules, patient.ModulesErr = card.Modules()
			}
			if s, err := f.status(c.Context()); err == nil {
				patient.Status = &s
			}
			findings := doctor.Examine(c.Context(), patient)
			if f.json {
				err = ui.WriteJSON(c.OutOrStdout(), findings)
			} else {
				table := ui.NewTable(ui.Column{}, ui.Column{Title: "what"}, ui.Column{Title: "found"})
				for _, x := range findings {
					table.Add(map[bool]string{true: "ok", false: "NOT WELL"}[x.OK], x.What, x.Found)
				}
				err = table.Write(c.OutOrStdout())
			}
			if err != nil {
				return err
			}
			if worst, found := doctor.AtFault(findings); found {
				return ui.Hint(fmt.Errorf("at fault: %s: %s", worst.What, worst.Found), worst.Advice)
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&files, "policy", nil, "policy `file` instead of the system's and the person's; may be given again")
	return c
}
