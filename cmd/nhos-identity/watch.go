package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/ui"
)

func newWatch(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "watch", Short: "Tell what happens, until interrupted",
		Long:    "watch writes a line for every change, first how things stand. With --json each line is one object.",
		Example: "  nhos-identity watch\n  nhos-identity watch --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := f.dial(c.Context())
			if err != nil {
				return err
			}
			defer func() { _ = client.Close() }()
			a, err := client.Call(c.Context(), ticket.Request{Method: ticket.Subscribe})
			for err == nil {
				if err := f.tell(c.OutOrStdout(), a); err != nil {
					return err
				}
				a, err = client.Next(c.Context())
			}
			return err
		},
	}
}

func (f *flags) tell(w io.Writer, a ticket.Answer) error {
	e := a.Event
	if e == nil && a.Status != nil {
		e = &session.Event{Time: a.Status.Since, From: a.Status.State, To: a.Status.State, UID: a.Status.UID, Role: a.Status.Role}
	}
	if e == nil {
		return nil
	}
	if f.json {
		return json.NewEncoder(w).Encode(e)
	}
	_, err := fmt.Fprintf(w, "%s  %-15s  %s\n", e.Time.Local().Format("15:04:05"), e.To, ui.Printable(e.Reason))
	return err
}
