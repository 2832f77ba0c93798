package main

import (
	"errors"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/ui"
)

func newRoles(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "roles", Short: "List the roles of who is signed in",
		Example: "  nhos-identity roles\n  nhos-identity roles --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := f.status(c.Context())
			if err != nil {
				return err
			}
			if f.json {
				if s.Roles == nil {
					s.Roles = []spine.Role{}
				}
				return ui.WriteJSON(c.OutOrStdout(), s.Roles)
			}
			if s.UID == "" {
				return ui.Hint(errors.New("nobody is signed in"), "nhos-identity sign-in")
			}
			table := ui.NewTable(ui.Column{}, ui.Column{Title: "id"}, ui.Column{Title: "role"}, ui.Column{Title: "organisation"}, ui.Column{Title: "code"})
			for _, r := range s.Roles {
				mark := ""
				if s.Role != nil && r.ID == s.Role.ID {
					mark = "*"
				}
				table.Add(mark, r.ID, r.Name, r.Organisation, r.OrgCode)
			}
			return table.Write(c.OutOrStdout())
		},
	}
}

func newRole(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "role ID", Short: "Take another role; nobody signs in anew",
		Example: "  nhos-identity role 555100000102",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return ui.Usage(ui.Hint(errors.New(c.CommandPath()+" takes the id of one role"), "nhos-identity roles lists them"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := f.call(c.Context(), ticket.Request{Method: ticket.SelectRole, Role: args[0]}); err != nil {
				return err
			}
			s, err := f.status(c.Context())
			if err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), s)
		},
	}
}
