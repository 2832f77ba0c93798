package main

import (
	"fmt"
	"io"
	"strings"

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
	var b strings.Builder
	fmt.Fprintf(&b, "%s since %s\n", s.State, s.Since.Local().Format("15:04:05"))
	if s.UID != "" {
		fmt.Fprintf(&b, "person   %s (%s)\n", s.Name, s.UID)
	}
	if s.Role != nil {
		fmt.Fprintf(&b, "role     %s\n", describe(*s.Role))
	}
	if !s.Ends.IsZero() {
		fmt.Fprintf(&b, "ends     at %s, whatever happens\n", s.Ends.Local().Format("15:04"))
	}
	fmt.Fprintf(&b, "mode     %s\n", s.Mode)
	for _, r := range s.Readers {
		fmt.Fprintf(&b, "reader   %s: %s\n", r.Name, contents(r))
	}
	if s.Problem != "" {
		fmt.Fprintf(&b, "problem  %s\n", s.Problem)
	}
	_, err := io.WriteString(w, ui.Printable(b.String())) // names of readers and of people come from outside
	return err
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
