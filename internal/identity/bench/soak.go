package bench

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spinesim"
	"nhos.org/nhos/internal/identity/stage"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// soak is an agent in a process of its own, with a Spine, a door to it, and a hand at its card.
type soak struct {
	folder  string
	spine   *spinesim.Running
	process *exec.Cmd
	ask     io.WriteCloser // a line for each sample
	told    *bufio.Reader
	hand    net.Conn // a letter for each card that comes or goes
	door    *ticket.Client
	events  *ticket.Client
	role    string
}

// Soak inserts a card, signs in at a Spine over TLS, takes the ticket and pulls the card, so many times. The agent runs in a
// process of its own: all of nhos-identityd but its command line. Its card process is played, since pcscd and the time that
// a card has to be away would make a cycle last two seconds.
func Soak(ctx context.Context, cycles int) (g growth, err error) {
	s, err := newSoak(ctx)
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for n := range cycles {
		if err := s.cycle(ctx); err != nil {
			return g, fmt.Errorf("cycle %d: %w", n+1, err)
		}
		if err := g.sampleAt(n+1, cycles, s.sample); err != nil {
			return g, err
		}
	}
	return g, nil
}

func newSoak(ctx context.Context) (s *soak, err error) {
	s = &soak{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.folder, err = os.MkdirTemp("", "soak-"); err != nil {
		return s, err
	}
	authority, err := virtualcard.NewAuthority("Test CA of NHoS")
	if err != nil {
		return s, err
	}
	card, err := authority.Issue(virtualcard.CardSpec{UID: stage.Person, Passcode: stage.Passcode})
	if err != nil {
		return s, err
	}
	if err := card.Save(s.path(cardFile)); err != nil {
		return s, err
	}
	spine, err := spinesim.New(spinesim.Options{CardCAs: []*x509.Certificate{authority.Certificate}})
	if err != nil {
		return s, err
	}
	if s.spine, err = spine.Start(spinesim.Listen{}); err != nil {
		return s, err
	}
	if err := s.write(); err != nil {
		return s, err
	}
	return s, s.start(ctx)
}

// write makes the agent's files.
func (s *soak) write() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	files := map[string]string{
		"ca.pem":            string(s.spine.CAPEM),
		"environments.yaml": "environments:\n  soak:\n    title: A Spine to try with\n    login: " + s.spine.URL + "\n    ca_file: ca.pem\n",
		policyFile: fmt.Sprintf("environment = \"soak\"\nenvironments_file = %q\n[card]\nmodules = [\"/played\"]\n[session]\nprompt_on_insert = false\n",
			s.path("environments.yaml")),
	}
	for name, text := range files {
		if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return errors.Join(os.Symlink(self, s.path(agentName)), os.Symlink(self, s.path(engineName)))
}

func (s *soak) path(name string) string { return filepath.Join(s.folder, name) }

// start starts the agent and connects to it.
func (s *soak) start(ctx context.Context) error {
	s.process = exec.Command(s.path(agentName))
	var err error
	if s.ask, err = s.process.StdinPipe(); err != nil {
		return err
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		return err
	}
	s.told = bufio.NewReader(out)
	s.process.Stderr = os.Stderr
	if err := s.process.Start(); err != nil {
		return fmt.Errorf("starting an agent: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	for s.hand == nil || s.door == nil || s.events == nil {
		if s.hand == nil {
			if c, err := net.Dial("unix", s.path(handSocket)); err == nil {
				s.hand = c
			}
		}
		for _, c := range []**ticket.Client{&s.door, &s.events} {
			if *c == nil {
				if d, err := ticket.Dial(ctx, s.path(doorSocket)); err == nil {
					*c = d
				}
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("starting an agent: it doesn't answer")
		case <-time.After(10 * time.Millisecond):
		}
	}
	_, err = s.events.Call(ctx, ticket.Request{Method: ticket.Subscribe})
	return err
}

// cycle is a card that comes, a login, a ticket, and a card that goes.
func (s *soak) cycle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	if err := s.move(ctx, cardIn, session.CardPresent); err != nil {
		return err
	}
	r := ticket.Request{Method: ticket.SignIn, Passcode: secret.New([]byte(stage.Passcode)), Role: s.role}
	if _, err := s.door.Call(ctx, r); err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	if s.role == "" {
		a, err := s.door.Call(ctx, ticket.Request{Method: ticket.Roles})
		if err != nil || len(a.Roles) == 0 {
			return fmt.Errorf("asking for roles: %d roles, %w", len(a.Roles), err)
		}
		s.role = a.Roles[0].ID
		if _, err := s.door.Call(ctx, ticket.Request{Method: ticket.SelectRole, Role: s.role}); err != nil {
			return fmt.Errorf("choosing a role: %w", err)
		}
	}
	a, err := s.door.Call(ctx, ticket.Request{Method: ticket.GetTicket})
	if err != nil {
		return fmt.Errorf("asking for the ticket: %w", err)
	}
	a.Ticket.Wipe()
	return s.move(ctx, cardOut, session.NoCard)
}

// move has the card come or go, and waits for the state after it.
func (s *soak) move(ctx context.Context, letter byte, want session.State) error {
	if _, err := s.hand.Write([]byte{letter}); err != nil {
		return fmt.Errorf("moving the card: %w", err)
	}
	for {
		a, err := s.events.Next(ctx)
		if err != nil {
			return fmt.Errorf("waiting for %q: %w", want, err)
		}
		if a.Event != nil && a.Event.To == want {
			return nil
		}
	}
}

// sample asks the agent for what only it knows, after a collection, and looks at the rest.
func (s *soak) sample() (sample, error) {
	if _, err := io.WriteString(s.ask, "\n"); err != nil {
		return sample{}, fmt.Errorf("asking the agent for its figures: %w", err)
	}
	line, err := s.told.ReadBytes('\n')
	if err != nil {
		return sample{}, fmt.Errorf("reading the agent's figures: %w", err)
	}
	var own sample
	if err := json.Unmarshal(line, &own); err != nil {
		return sample{}, fmt.Errorf("reading the agent's figures: %w", err)
	}
	seen, err := look(s.process.Process.Pid)
	seen.Goroutines, seen.HeapKiB = own.Goroutines, own.HeapKiB
	return seen, err
}

// close ends all of it. The agent ends with its standard input.
func (s *soak) close() error {
	for _, c := range []*ticket.Client{s.door, s.events} {
		if c != nil {
			_ = c.Close()
		}
	}
	if s.hand != nil {
		_ = s.hand.Close()
	}
	var errs []error
	if s.process != nil && s.process.Process != nil {
		_ = s.ask.Close()
		force := time.AfterFunc(30*time.Second, func() { _ = s.process.Process.Signal(syscall.SIGKILL) })
		errs = append(errs, s.process.Wait())
		force.Stop()
	}
	if s.spine != nil {
		errs = append(errs, s.spine.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.folder))...)
}
