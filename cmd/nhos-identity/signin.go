package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/ui"
)

func newSignIn(f *flags) *cobra.Command {
	var (
		fd            int
		here, lastTry bool
		id, role      string
		wait          time.Duration
	)
	c := &cobra.Command{
		Use: "sign-in", Short: "Sign in with the card in the reader, or resume a session that is locked",
		Long: `sign-in has the agent ask for the passcode in a window (pinentry), unless somebody is signed in already.

The passcode is never an argument: others on the computer see those. Automation gives it by a file descriptor; it is
tried once, and not at all where a wrong one would lock the card.`,
		Example: `  nhos-identity sign-in
  nhos-identity sign-in --here                      asks on this terminal
  nhos-identity sign-in --passcode-fd 3 3<passcode  reads one line`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := ticket.Request{Method: ticket.SignIn, Card: card.ID(id), Role: role, LastTry: lastTry, WaitSeconds: int(wait.Seconds())}
			var err error
			switch {
			case here && fd >= 0:
				return ui.Usage(errors.New("--here and --passcode-fd exclude each other"))
			case here:
				var text []byte
				if text, err = ui.AskSecret("Passcode of the smartcard: "); err != nil {
					return fmt.Errorf("asking for the passcode: %w", err)
				}
				r.Passcode = secret.New(text)
			case fd >= 0:
				r.Passcode, err = readPasscode(fd)
			}
			if err != nil {
				return err
			}
			defer r.Passcode.Wipe()
			if _, err := f.call(c.Context(), r); err != nil {
				return err
			}
			s, err := f.status(c.Context())
			if err != nil {
				return err
			}
			if err := f.show(c.OutOrStdout(), s); err != nil {
				return err
			}
			if s.State == session.RoleNeeded && !f.json {
				fmt.Fprintln(c.ErrOrStderr(), "hint: choose a role: nhos-identity roles lists them, nhos-identity role ID takes one")
			}
			return nil
		},
	}
	c.Flags().IntVar(&fd, "passcode-fd", -1, "read the passcode from this file `descriptor`")
	c.Flags().BoolVar(&here, "here", false, "ask for the passcode on this terminal")
	c.Flags().BoolVar(&lastTry, "last-try", false, "try the passcode even if a wrong one locks the card")
	c.Flags().StringVar(&id, "card", "", "`id` of the card, where there are several; nhos-identity cards lists them")
	c.Flags().StringVar(&role, "role", "", "`id` of the role to take")
	c.Flags().DurationVar(&wait, "wait", 5*time.Minute, "how long to wait for the person")
	return c
}

// maxPasscode is more than any card takes, in bytes.
const maxPasscode = 64

// readPasscode reads one line.
func readPasscode(fd int) (*secret.Text, error) {
	file := os.NewFile(uintptr(fd), "passcode")
	if file == nil {
		return nil, ui.Usage(fmt.Errorf("reading the passcode: there is no file descriptor %d", fd))
	}
	defer func() { _ = file.Close() }()
	buffer := make([]byte, maxPasscode+1)
	filled := 0
	for filled < len(buffer) && bytes.IndexByte(buffer[:filled], '\n') < 0 {
		n, err := file.Read(buffer[filled:])
		filled += n
		if err != nil {
			break
		}
	}
	end := bytes.IndexByte(buffer[:filled], '\n')
	if end < 0 {
		end = filled
	}
	if end == 0 || end > maxPasscode {
		clear(buffer)
		return nil, ui.Usage(fmt.Errorf("reading the passcode from the file descriptor %d: a line of 1 to %d bytes is wanted", fd, maxPasscode))
	}
	clear(buffer[end:])
	return secret.New(buffer[:end]), nil
}
