// Demo shows the Identity Agent at work without any hardware: "make identity-demo".
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/stage"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/ui"
)

// limit is how long all of it may take.
const limit = 5 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	tell := show
	if filepath.Base(os.Args[0]) == clinical && len(os.Args) == 2 {
		tell = func(ctx context.Context) error { return ask(ctx, os.Args[1]) }
	}
	err := tell(ctx)
	cancel()
	if err != nil {
		ui.PrintError(os.Stderr, "identity-demo", err)
		os.Exit(ui.ExitCode(err)) //nolint:gocritic // stop has nothing left to do
	}
}

// show tells the story. Whatever happens, nothing is left running.
func show(ctx context.Context) (err error) {
	began := time.Now()
	say("A reader, a card, a Spine and the agent are set up; none of them is real.")
	s, err := stage.Start(ctx, stage.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for _, step := range []func(context.Context, *stage.Stage) error{insert, switchRole, handOut, pull, audit} {
		if err := step(ctx, s); err != nil {
			return fmt.Errorf("%w\nthe agent's log:\n%s", err, s.Log())
		}
	}
	say(fmt.Sprintf("That took %s. Everything ends now, and the folder is removed.", time.Since(began).Round(time.Second)))
	return nil
}

func say(text string) { fmt.Printf("\n# %s\n", text) }

func insert(ctx context.Context, s *stage.Stage) error {
	say("The card goes into the reader. The agent asks for the passcode (here a script types it), and signs in.")
	if err := s.Cards.Insert(ctx, 0, s.Card); err != nil {
		return err
	}
	if err := wait(ctx, s, session.RoleNeeded); err != nil {
		return err
	}
	return run(ctx, s, "roles")
}

func switchRole(ctx context.Context, s *stage.Stage) error {
	say("The person has two roles: one is taken, then the other, without signing in anew.")
	st, err := status(ctx, s)
	if err != nil {
		return err
	}
	for _, r := range st.Roles {
		if err := run(ctx, s, "role", r.ID); err != nil {
			return err
		}
	}
	return nil
}

// clinical is what this program is called when it plays the one that works with patients' records.
const clinical = "records-viewer"

func handOut(ctx context.Context, s *stage.Stage) error {
	say("A program asks for the ticket at the agent's socket.")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(s.Program(clinical), text, 0o755)
	}
	if err != nil {
		return fmt.Errorf("putting %s beside the agent: %w", clinical, err)
	}
	out, err := s.Command(ctx, clinical, s.Socket()).CombinedOutput()
	fmt.Print(string(out))
	return err
}

// ask is all that a program has to do.
func ask(ctx context.Context, socket string) error {
	c, err := ticket.Dial(ctx, socket)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	a, err := c.Call(ctx, ticket.Request{Method: ticket.GetTicket})
	if err != nil {
		return err
	}
	defer a.Ticket.Wipe()
	fmt.Printf("→ {\"method\":\"GetTicket\"}\n← a ticket of %d characters; printed it is %s\n", a.Ticket.Len(), a.Ticket)
	return nil
}

func pull(ctx context.Context, s *stage.Stage) error {
	say("The card is pulled. The ticket is gone at once, and the Spine is told.")
	s.Cards.Pull(0)
	if err := wait(ctx, s, session.NoCard); err != nil {
		return err
	}
	for range 100 {
		if len(s.Spine.Sessions()) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Printf("the Spine has %d sessions\n", len(s.Spine.Sessions()))
	return run(ctx, s, "status")
}

func audit(_ context.Context, s *stage.Stage) error {
	say("Who got what, and when: the audit. On a real computer it is in the journal.")
	lines := bufio.NewScanner(strings.NewReader(s.Audit()))
	for lines.Scan() {
		var r ticket.Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		fmt.Println(r.Time.Format("15:04:05"), r)
	}
	return lines.Err()
}

// run shows one of the person's commands with what it writes.
func run(ctx context.Context, s *stage.Stage, args ...string) error {
	fmt.Println("$ nhos-identity " + strings.Join(args, " "))
	out, err := s.Run(ctx, args...)
	fmt.Print(out)
	return err
}

func status(ctx context.Context, s *stage.Stage) (session.Status, error) {
	var st session.Status
	out, err := s.Run(ctx, "status", "--json")
	if err != nil {
		return st, err
	}
	return st, json.Unmarshal([]byte(out), &st)
}

// wait waits for a state.
func wait(ctx context.Context, s *stage.Stage, want session.State) error {
	for {
		st, err := status(ctx, s)
		if err != nil {
			return err
		}
		if st.State == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it is %q (%s), and doesn't become %q: %w", st.State, st.Problem, want, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
