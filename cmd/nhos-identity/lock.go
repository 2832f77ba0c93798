package main

import (
	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/ticket"
)

func newLock(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "lock", Short: "Keep the ticket from all programs until the passcode is typed",
		Example: "  nhos-identity lock",
		Args:    noArgs,
		RunE:    f.do(ticket.Lock),
	}
}

func newSignOut(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "sign-out", Short: "End the session, here and at the Spine",
		Example: "  nhos-identity sign-out",
		Args:    noArgs,
		RunE:    f.do(ticket.DestroyTicket),
	}
}

// do asks for one thing and shows how things stand then.
func (f *flags) do(m ticket.Method) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		if _, err := f.call(c.Context(), ticket.Request{Method: m}); err != nil {
			return err
		}
		s, err := f.status(c.Context())
		if err != nil {
			return err
		}
		return f.show(c.OutOrStdout(), s)
	}
}
