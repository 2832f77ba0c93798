package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/ui"
)

// Flags that every command has.
type flags struct {
	socket string
	json   bool
}

func newRoot() *cobra.Command {
	f := &flags{}
	root := &cobra.Command{
		Use:   "nhos-identity",
		Short: "Sign in to the Spine with a smartcard, choose a role, see what is wrong",
		Long: `nhos-identity speaks with the Identity Agent, which runs for each person.

Exit codes: 0 done, 1 it failed, 2 the call was wrong, 130 interrupted.`,
		Example: `  nhos-identity status
  nhos-identity sign-in
  nhos-identity role 555100000102
  nhos-identity doctor`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := "nhos-identity --help lists the commands"
			var known []string
			for _, sub := range c.Commands() {
				if sub.IsAvailableCommand() {
					known = append(known, sub.Name())
				}
			}
			if near := ui.Nearest(args[0], known); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return ui.Usage(ui.Hint(fmt.Errorf("unknown command %q", args[0]), hint))
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return ui.Usage(ui.Hint(err, c.CommandPath()+" --help lists the flags"))
	})
	p := root.PersistentFlags()
	p.StringVar(&f.socket, "socket", "", "`path` of the agent's socket (default: in XDG_RUNTIME_DIR)")
	p.BoolVar(&f.json, "json", false, "write JSON, for programs")
	root.AddCommand(newStatus(f), newSignIn(f), newRoles(f), newRole(f), newLock(f), newSignOut(f), newWatch(f), newCards(f), newDoctor(f), newMan())
	f.complete(root)
	return root
}

// noArgs is cobra's, with an error that says so.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return ui.Usage(ui.Hint(errors.New(c.CommandPath()+" takes no argument"), c.CommandPath()+" --help shows examples"))
	}
	return nil
}

// dial connects to the agent.
func (f *flags) dial(ctx context.Context) (*ticket.Client, error) {
	path := f.socket
	if path == "" {
		var err error
		if path, err = ticket.SocketPath(); err != nil {
			return nil, err
		}
	}
	return ticket.Dial(ctx, path)
}

// call asks the agent one thing.
func (f *flags) call(ctx context.Context, r ticket.Request) (ticket.Answer, error) {
	c, err := f.dial(ctx)
	if err != nil {
		return ticket.Answer{}, err
	}
	defer func() { _ = c.Close() }()
	return c.Call(ctx, r)
}

// status asks the agent how things stand.
func (f *flags) status(ctx context.Context) (session.Status, error) {
	a, err := f.call(ctx, ticket.Request{Method: ticket.Status})
	if err != nil {
		return session.Status{}, err
	}
	if a.Status == nil {
		return session.Status{}, errors.New("asking the Identity Agent: its answer has no status")
	}
	return *a.Status, nil
}
