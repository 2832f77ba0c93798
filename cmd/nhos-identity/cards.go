package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/ui"
)

func newCards(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "cards", Short: "List readers and the cards in them",
		Example: "  nhos-identity cards\n  nhos-identity cards --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := f.status(c.Context())
			if err != nil {
				return err
			}
			if f.json {
				if s.Readers == nil {
					s.Readers = []session.Reader{}
				}
				return ui.WriteJSON(c.OutOrStdout(), s.Readers)
			}
			table := ui.NewTable(ui.Column{Title: "reader"}, ui.Column{Title: "card"}, ui.Column{Title: "tries left", Numeric: true}, ui.Column{Title: "valid until"}, ui.Column{Title: "id"})
			for _, r := range s.Readers {
				if r.Card == nil {
					table.Add(r.Name, "empty")
					continue
				}
				left, until := "", ""
				if r.Card.TriesLeft != card.Unknown {
					left = strconv.Itoa(r.Card.TriesLeft)
				}
				if !r.Card.NotAfter.IsZero() {
					until = r.Card.NotAfter.Local().Format("2006-01-02")
				}
				table.Add(r.Name, contents(r), left, until, string(r.Card.ID))
			}
			return table.Write(c.OutOrStdout())
		},
	}
}
