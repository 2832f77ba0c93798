package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/doctor"
	"nhos.org/nhos/internal/ui"
)

func newDoctor(f *flags) *cobra.Command {
	var missing bool
	c := &cobra.Command{
		Use: "doctor", GroupID: "machine", Short: "Say whether this machine can build and test, and what it lacks",
		Example: `  nhos doctor
  apt-get install $(nhos doctor --missing)`,
		Args: exactArgs(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			findings := doctor.Examine(f.store)
			packages := doctor.Missing(findings)
			switch {
			case missing:
				_, err := fmt.Fprintln(c.OutOrStdout(), strings.Join(packages, " "))
				return err
			case f.json:
				if err := ui.WriteJSON(c.OutOrStdout(), findings); err != nil {
					return err
				}
			default:
				table := ui.NewTable(ui.Column{Title: ""}, ui.Column{Title: "what"}, ui.Column{Title: "found"}, ui.Column{Title: "for"})
				for _, x := range findings {
					table.Add(map[bool]string{true: "ok", false: "MISSING"}[x.OK], x.What, x.Found, x.For)
				}
				if err := table.Write(c.OutOrStdout()); err != nil {
					return err
				}
			}
			if len(packages) > 0 {
				return ui.Hint(errors.New("this machine lacks what the table calls missing"), "apt-get install "+strings.Join(packages, " "))
			}
			return doctor.Err(findings)
		},
	}
	c.Flags().BoolVar(&missing, "missing", false, "print the Debian packages that are missing, and nothing else")
	return c
}
