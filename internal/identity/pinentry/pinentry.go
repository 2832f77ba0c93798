// Package pinentry asks a person by pinentry, the program that GnuPG asks for passphrases with: there is one for every
// desktop, and it takes keyboard and screen as its own while it asks.
//
// It is spoken to by Assuan over its standard input and output: a command a line, answered by OK or ERR, with data in
// lines that begin with D (https://www.gnupg.org/documentation/manuals/assuan/).
package pinentry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
)

// Pinentry asks questions. It implements session.Prompt.
type Pinentry struct {
	Program string // path or name; empty is "pinentry"
	Title   string // of the window
	TTY     string // terminal to ask on, where there is no desktop; may be empty
}

// What pinentry answers when a person declines (gpg-error's codes, of pinentry as their source).
const (
	errCancelled    = 83886179
	errNotConfirmed = 83886194
)

// maxRounds bounds how often the same is asked.
const maxRounds = 10

// endTime is how long a pinentry that was told to end may take, before it is killed.
const endTime = 2 * time.Second

// Ask asks one question in a window of its own.
func (p Pinentry) Ask(ctx context.Context, q session.Question) (session.Reply, error) {
	program := p.Program
	if program == "" {
		program = "pinentry"
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := exec.CommandContext(ctx, program)
	c.WaitDelay = endTime
	in, err := c.StdinPipe()
	if err != nil {
		return session.Reply{}, fmt.Errorf("starting pinentry: %w", err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return session.Reply{}, fmt.Errorf("starting pinentry: %w", err)
	}
	if err := c.Start(); err != nil {
		return session.Reply{}, fmt.Errorf("starting pinentry: %w", err)
	}
	reply, err := p.talk(in, out, q)
	if err == nil {
		_, _ = io.WriteString(in, "BYE\n")
	}
	_ = in.Close()
	force := time.AfterFunc(endTime, cancel)
	defer force.Stop()
	_ = c.Wait() // what it says at its end doesn't matter
	if err != nil && ctx.Err() != nil {
		reply.Passcode.Wipe()
		return session.Reply{}, ctx.Err()
	}
	return reply, err
}

// talk asks q over a connection to a pinentry that has just started.
func (p Pinentry) talk(in io.Writer, out io.Reader, q session.Question) (session.Reply, error) {
	c := newConn(in, out)
	defer c.wipe()
	if err := c.greeting(); err != nil {
		return session.Reply{}, err
	}
	if p.TTY != "" {
		if err := c.command("OPTION ttyname=", p.TTY); err != nil {
			return session.Reply{}, err
		}
	}
	if err := c.command("SETTITLE ", p.Title); err != nil {
		return session.Reply{}, err
	}
	switch q.Kind {
	case session.AskWhichCard:
		return whichCard(c, q)
	case session.AskLastTry:
		err := confirm(c, q.Text, "Try it", "")
		return session.Reply{Yes: err == nil}, declined(err)
	case session.AskPasscode:
		return passcode(c, q)
	case session.AskRole:
		return whichRole(c, q)
	}
	return session.Reply{}, fmt.Errorf("asking %q: pinentry can't", q.Kind)
}

func passcode(c *conn, q session.Question) (session.Reply, error) {
	text := q.Text
	if q.TriesLeft > 0 {
		text += fmt.Sprintf("\n\nTries left: %d", q.TriesLeft)
	}
	if err := errors.Join(c.command("SETDESC ", text), c.command("SETPROMPT ", "Passcode:")); err != nil {
		return session.Reply{}, err
	}
	if q.Error != "" {
		if err := c.command("SETERROR ", q.Error); err != nil {
			return session.Reply{}, err
		}
	}
	value, err := c.data("GETPIN")
	if err != nil {
		return session.Reply{}, declined(err)
	}
	return session.Reply{Passcode: secret.New(value)}, nil
}

// whichCard offers one option after the other: a pinentry has no lists.
func whichCard(c *conn, q session.Question) (session.Reply, error) {
	for round := 0; len(q.Options) > 0 && round < maxRounds; round++ {
		for i, option := range q.Options {
			err := confirm(c, q.Text+"\n\n"+option, "This one", "Another one")
			var refused *refusal
			switch {
			case err == nil:
				return session.Reply{Choice: i}, nil
			case errors.As(err, &refused) && refused.code == errNotConfirmed:
			default:
				return session.Reply{}, declined(err)
			}
		}
	}
	return session.Reply{}, session.ErrCancelled
}

func confirm(c *conn, text, yes, no string) error {
	err := errors.Join(c.command("SETDESC ", text), c.command("SETOK ", yes))
	if no != "" {
		err = errors.Join(err, c.command("SETNOTOK ", no))
	}
	if err != nil {
		return err
	}
	return c.command("CONFIRM", "")
}

// declined is ErrCancelled where a person said no.
func declined(err error) error {
	var refused *refusal
	if errors.As(err, &refused) && (refused.code == errCancelled || refused.code == errNotConfirmed) {
		return session.ErrCancelled
	}
	return err
}
