package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/identity/ticket"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"nhos-identity": main})
}

// TestScripts runs the examples of testdata/script. Each has an agent of its own behind XDG_RUNTIME_DIR: one card, two
// roles, the passcode 739164.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			run := filepath.Join(e.WorkDir, ".run")
			e.Setenv("XDG_RUNTIME_DIR", run)
			e.Setenv("TZ", "UTC")
			l, err := ticket.Listen(filepath.Join(run, "nhos-identity", "agent.socket"))
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(context.Background())
			var ended sync.WaitGroup
			a := session.New(session.Config{Settings: session.Settings{NoPromptOnInsert: true}, Cards: desk{}, Spine: desk{}, Prompt: desk{}})
			server := &ticket.Server{Sessions: a, Audit: &ticket.Lines{W: io.Discard}, Log: slog.New(slog.DiscardHandler), UID: os.Getuid()}
			ended.Go(func() { a.Run(ctx) })
			ended.Go(func() { _ = server.Serve(ctx, l) })
			e.Defer(func() { cancel(); ended.Wait() })
			return nil
		},
	})
}

// desk is a reader with a card in it, a Spine and a person who isn't there.
type desk struct{}

func (desk) Watch(ctx context.Context, seen func([]card.Reader, error)) {
	seen([]card.Reader{{Name: "Reader 00"}, {Name: "Reader 01", Card: &card.Card{ID: "card1", MinPasscode: 4, MaxPasscode: 8, TriesLeft: 3}}, {Name: "Reader \x1b[2J02"}}, nil)
	<-ctx.Done()
}

func (desk) Sign(_ context.Context, r card.SignRequest) ([]byte, error) {
	if string(r.Passcode.Reveal()) != "739164" {
		return nil, &card.PasscodeError{Left: 2}
	}
	return []byte("signature"), nil
}

func (desk) Holder(card.Card, time.Time) (session.Holder, error) {
	return session.Holder{UID: "555000000101", NotAfter: time.Date(2096, 1, 2, 0, 0, 0, 0, time.UTC)}, nil
}

func (desk) Ask(context.Context, session.Question) (session.Reply, error) {
	return session.Reply{}, session.ErrCancelled
}

func (desk) Activate(context.Context) (spine.Challenge, error) { return spine.Challenge{}, nil }

func (desk) Validate(context.Context, spine.Challenge, session.Holder, []byte) (spine.Login, error) {
	return spine.Login{UID: "555000000101", Name: "Bloggs Jo Dr", Ticket: secret.New([]byte("AQIC5wM2LY4Sfc")), Roles: []spine.Role{
		{ID: "1", OrgCode: "Z9X01", Organisation: "EXAMPLE", Name: "Clerk"}, {ID: "2", OrgCode: "Z9X02", Organisation: "SAMPLE", Name: "Nurse"},
	}}, nil
}

func (desk) SelectRole(context.Context, spine.Login, string) error { return nil }
func (desk) Check(context.Context, spine.Login) error              { return nil }
func (desk) Logout(context.Context, spine.Login) error             { return nil }

// TestHelp sees to it that every command and every flag says what it is for, and that every command has an example.
func TestHelp(t *testing.T) {
	visit := func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || c.Example == "" {
			t.Errorf("%s: its one line is %q, its example %q", c.CommandPath(), c.Short, c.Example)
		}
		c.LocalFlags().VisitAll(func(x *pflag.Flag) {
			if x.Usage == "" || strings.Contains(x.Name, "passcode") && x.Value.Type() == "string" {
				t.Errorf("%s: --%s", c.CommandPath(), x.Name)
			}
		})
	}
	root := newRoot()
	visit(root)
	for _, c := range root.Commands() {
		visit(c)
	}
}
