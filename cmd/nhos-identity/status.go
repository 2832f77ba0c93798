package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/ui"
)

func newStatus(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say who is signed in, and what is in the readers",
		Example: "  nhos-identity status\n  nhos-identity status --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := f.status(c.Context())
			if err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), s)
		},
	}
}

// show writes a status for people, or as JSON.
func (f *flags) show(w io.Writer, s session.Status) error {
	if f.json {
		return ui.WriteJSON(w, s)
	}
	fmt.Fprintf(w, "%s since %s\n", s.State, s.Since.Local().Format("15:04:05"))
	if s.UID != "" {
		fmt.Fprintf(w, "person   %s (%s)\n", s.Name, s.UID)
	}
	if s.Role != nil {
		fmt.Fprintf(w, "role     %s\n", describe(*s.Role))
	}
	if !s.Ends.IsZero() {
		fmt.Fprintf(w, "ends     at %s, whatever happens\n", s.Ends.Local().Format("15:04"))
	}
	fmt.Fprintf(w, "mode     %s\n", s.Mode)
	for _, r := range s.Readers {
		fmt.Fprintf(w, "reader   %s: %s\n", r.Name, contents(r))
	}
	if s.Problem != "" {
		fmt.Fprintf(w, "problem  %s\n", s.Problem)
	}
	return nil
}

// contents says what is in a reader.
func contents(r session.Reader) string {
	switch {
	case r.Card == nil:
		return "empty"
	case r.Card.Problem != "":
		return r.Card.Problem
	case r.Card.Notice != "":
		return fmt.Sprintf("card of %s; %s", r.Card.UID, r.Card.Notice)
	}
	return "card of " + r.Card.UID
}

// describe is a role in one line.
func describe(r spine.Role) string {
	if r.OrgCode == "" {
		return fmt.Sprintf("%s at %s", r.Name, r.Organisation)
	}
	return fmt.Sprintf("%s at %s (%s)", r.Name, r.Organisation, r.OrgCode)
}
