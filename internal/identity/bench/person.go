package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/stage"
	"nhos.org/nhos/internal/identity/ticket"
)

// person is who uses a stage: by card, and by a program that is connected to the agent.
type person struct {
	stage *stage.Stage
	door  *ticket.Client
	role  string
}

// stepTime bounds every wait, on a machine that has other things to do.
const stepTime = time.Minute

// newPerson puts a pinentry in place that notes when it is asked, and that the person declines.
func newPerson(ctx context.Context, s *stage.Stage) (*person, error) {
	p := &person{stage: s}
	if err := os.WriteFile(filepath.Join(s.Folder, "pinentry"), fmt.Appendf(nil, pinentry, p.noteFile()), 0o755); err != nil {
		return nil, err
	}
	var err error
	p.door, err = dial(ctx, s)
	return p, err
}

// pinentry notes the time without starting a program for it.
const pinentry = `#!/bin/bash
echo OK
while read -r line; do
  case "$line" in
  GETPIN) echo "$EPOCHREALTIME" >>%q; echo 'ERR 83886179 cancelled' ;;
  BYE) echo OK; exit ;;
  *) echo OK ;;
  esac
done
`

func (p *person) noteFile() string { return filepath.Join(p.stage.Folder, "run/asked") }

// dial connects as the agent's user.
func dial(ctx context.Context, s *stage.Stage) (c *ticket.Client, err error) {
	err = stage.AsUser(func() error {
		c, err = ticket.Dial(ctx, s.Socket())
		return err
	})
	return c, err
}

func (p *person) close() { _ = p.door.Close() }

// call asks the agent; a ticket in the answer is wiped.
func (p *person) call(ctx context.Context, r ticket.Request) (ticket.Answer, error) {
	a, err := p.door.Call(ctx, r)
	a.Ticket.Wipe()
	return a, err
}

// becomes waits for a state.
func (p *person) becomes(ctx context.Context, want session.State) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	for {
		a, err := p.call(ctx, ticket.Request{Method: ticket.Status})
		if err != nil {
			return fmt.Errorf("waiting for %q: %w", want, err)
		}
		if a.Status.State == want {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// asked waits until the person was asked for the nth time, and gives when that was.
func (p *person) asked(ctx context.Context, n int) (time.Time, error) {
	for began := time.Now(); time.Since(began) < stepTime && ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(p.noteFile())
		if lines := strings.Split(string(text), "\n"); len(lines) > n { // the last one is empty, or isn't whole
			var seconds, micro int64
			if _, err := fmt.Sscanf(lines[n-1], "%d.%06d", &seconds, &micro); err != nil {
				return time.Time{}, fmt.Errorf("reading when the person was asked: %w", err)
			}
			return time.Unix(seconds, micro*1000), nil
		}
	}
	return time.Time{}, fmt.Errorf("nobody was asked for the %dth time", n)
}

// out pulls the card, and waits until the agent believes it. pcscd looks at its readers at intervals: what comes next comes
// at any moment of one.
func (p *person) out(ctx context.Context) error {
	p.stage.Cards.Pull(0)
	if err := p.becomes(ctx, session.NoCard); err != nil {
		return err
	}
	time.Sleep(time.Duration(rand.Int64N(int64(400 * time.Millisecond))))
	return nil
}

// signIn signs in by a passcode that a program brings, and takes the first role.
func (p *person) signIn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	r := ticket.Request{Method: ticket.SignIn, Passcode: secret.New([]byte(stage.Passcode)), Role: p.role}
	if _, err := p.call(ctx, r); err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	if p.role == "" {
		a, err := p.call(ctx, ticket.Request{Method: ticket.Roles})
		if err != nil || len(a.Roles) == 0 {
			return fmt.Errorf("asking for roles: %d roles, %w", len(a.Roles), err)
		}
		p.role = a.Roles[0].ID
		if _, err := p.call(ctx, ticket.Request{Method: ticket.SelectRole, Role: p.role}); err != nil {
			return fmt.Errorf("choosing a role: %w", err)
		}
	}
	if _, err := p.call(ctx, ticket.Request{Method: ticket.GetTicket}); err != nil {
		return fmt.Errorf("asking for the ticket: %w", err)
	}
	return nil
}
