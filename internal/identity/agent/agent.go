// Package agent puts the Identity Agent together: cards, Spine, session, and the socket that programs ask at.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/logind"
	"nhos.org/nhos/internal/identity/pinentry"
	"nhos.org/nhos/internal/identity/policy"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/ui"
)

// Options are what an agent is made of.
type Options struct {
	Policy   policy.Policy
	Version  string
	Listener *net.UnixListener // where programs ask; it is closed at the end
	Audit    ticket.Audit
	Log      *slog.Logger
	Engine   string // nhos-identity-card, where it isn't beside the running program
	// DriverTime is how long a driver may take for anything before it counts as hung; 0 is as long as drivers need.
	DriverTime time.Duration
	// Absence is how long a card has to be away until it counts as pulled; 0 is card.DefaultAbsence.
	Absence time.Duration
	Bus     string // address of the system bus, where it isn't the usual one
	// Ready is called when programs are answered.
	Ready func()
}

// logindPause is the wait before logind is listened to again, where its bus ends.
const logindPause = 10 * time.Second

// Run works until ctx ends. Then the person is signed out.
func Run(ctx context.Context, o Options) error {
	environment, err := Environment(o.Policy)
	if err != nil {
		return err
	}
	server, err := spine.New(spine.Options{Environment: environment, Version: o.Version})
	if err != nil {
		return fmt.Errorf("setting up the Spine %q: %w", environment.Name, err)
	}
	defer server.Close()
	drivers, err := card.Start(card.Options{
		Engine: o.Engine, Modules: o.Policy.Card.Modules, TrustPad: o.Policy.Card.Pad, Absence: o.Absence,
		SignTimeout: o.DriverTime, HangTimeout: o.DriverTime,
	})
	if err != nil {
		return ui.Hint(err, "nhos-identity-card belongs to the same package as this program")
	}
	defer func() { _ = drivers.Close() }()

	settings := o.Policy.Settings()
	settings.Digest = card.Digest(environment.Digest)
	a := session.New(session.Config{
		Settings: settings, Cards: cards{drivers}, Spine: cis1{server, environment.Hash()},
		Prompt: pinentry.Pinentry{Program: o.Policy.Prompt.Pinentry, Title: "Smartcard"},
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { a.Run(ctx) })
	beside.Go(func() { tell(ctx, a, o.Log) })
	beside.Go(func() { listen(ctx, a, o) })
	door := &ticket.Server{Sessions: a, Audit: o.Audit, Log: o.Log, UID: os.Getuid()}
	if o.Ready != nil {
		o.Ready()
	}
	return door.Serve(ctx, o.Listener)
}

// Environment is the Spine that a policy names.
func Environment(p policy.Policy) (spine.Environment, error) {
	all := spine.Environments()
	if p.EnvironmentsFile != "" {
		var err error
		if all, err = spine.LoadEnvironments(p.EnvironmentsFile); err != nil {
			return spine.Environment{}, err
		}
	}
	return spine.FindEnvironment(all, p.Environment)
}

// tell writes every event to the log.
func tell(ctx context.Context, a *session.Agent, log *slog.Logger) {
	for e := range a.Subscribe(ctx) {
		log.Info(string(e.To), "was", string(e.From), "reason", e.Reason, "person", e.UID)
	}
}

// listen hears of the screen and of sleep.
func listen(ctx context.Context, a *session.Agent, o Options) {
	for warned := false; ctx.Err() == nil; warned = true {
		err := logind.Watch(ctx, o.Bus, uint32(os.Getuid()), func(s logind.Signal) {
			switch s {
			case logind.ScreenLocked, logind.ScreenUnlocked:
				a.ScreenLocked(s == logind.ScreenLocked)
			case logind.Sleeping, logind.Awake:
				a.Sleeping(s == logind.Sleeping)
			}
		})
		if err != nil && !warned {
			o.Log.Warn("locking the screen isn't noticed", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(logindPause):
		}
	}
}

// mapped makes the Spine's word for an ended session the machine's.
func mapped(err error) error {
	if errors.Is(err, spine.ErrExpired) {
		return fmt.Errorf("%w: %w", session.ErrSessionEnded, err)
	}
	return err
}
