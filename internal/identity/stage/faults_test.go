package stage_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spinesim"
	"nhos.org/nhos/internal/identity/stage"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// A step is how far a sign-in is.
type step string

const (
	beforePrompt    step = "before the prompt"
	promptOpen      step = "while the prompt is open"
	beforeChallenge step = "before the challenge"
	afterChallenge  step = "after the challenge"
	duringSignature step = "during the signature"
	duringValidate  step = "during validate"
	beforeRole      step = "before the role"
)

var steps = []step{beforePrompt, promptOpen, beforeChallenge, afterChallenge, duringSignature, duringValidate, beforeRole}

// faulty is a stage on which a sign-in stops at a step until it is let go on.
type faulty struct {
	*stage.Stage
	t       *testing.T
	client  *ticket.Client
	armed   atomic.Value // the step to stop at
	reached chan struct{}
	goOn    chan struct{}
	engine  int // the process that was stopped
}

// newFaulty sets a stage up: nobody is asked before a program asks.
func newFaulty(t *testing.T, driverTime time.Duration) *faulty {
	t.Helper()
	f := &faulty{t: t, reached: make(chan struct{}), goOn: make(chan struct{})}
	f.armed.Store(step(""))
	places := map[string]step{"activate": beforeChallenge, "validate": duringValidate}
	var err error
	f.Stage, err = stage.Start(t.Context(), stage.Options{
		Policy: "[session]\nprompt_on_insert = false\n", DriverTime: driverTime,
		Before: func(at string) { f.stop(places[at]) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	f.Card.SetFaults(virtualcard.Faults{Hold: func(_ context.Context, m virtualcard.Moment) {
		f.stop(map[virtualcard.Moment]step{virtualcard.BeforeVerify: afterChallenge, virtualcard.BeforeSignature: duringSignature}[m])
	}})
	f.client = f.dial()
	f.Cards.MustInsert(t, 0, f.Card)
	f.becomes(session.CardPresent)
	return f
}

// stop holds a part that is at a step, where a test waits for that.
func (f *faulty) stop(at step) {
	if at == "" || !f.armed.CompareAndSwap(at, step("")) {
		return
	}
	f.reached <- struct{}{}
	<-f.goOn
}

func (f *faulty) dial() (c *ticket.Client) {
	f.t.Helper()
	err := stage.AsUser(func() (err error) {
		c, err = ticket.Dial(context.Background(), f.Socket())
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// call asks the agent for something that takes no person.
func (f *faulty) call(r ticket.Request) (ticket.Answer, error) {
	return f.client.Call(f.t.Context(), r)
}

// until waits for something of the status.
func (f *faulty) until(what string, is func(session.Status) bool) session.Status {
	f.t.Helper()
	var st session.Status
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
		a, err := f.call(ticket.Request{Method: ticket.Status})
		if err != nil {
			f.t.Fatal(err)
		}
		if st = *a.Status; is(st) {
			return st
		}
	}
	f.t.Fatalf("it is %q (%s), and not %s; the log:\n%s", st.State, st.Problem, what, f.Log())
	return st
}

func (f *faulty) becomes(want session.State) session.Status {
	f.t.Helper()
	return f.until(string(want), func(s session.Status) bool { return s.State == want })
}

// signIn asks for a sign-in, and gives what comes of it.
func (f *faulty) signIn() <-chan error {
	c := f.dial()
	done := make(chan error, 1)
	go func() {
		defer c.Close()
		_, err := c.Call(f.t.Context(), ticket.Request{Method: ticket.SignIn, WaitSeconds: 120})
		done <- err
	}()
	return done
}

// gate makes the FIFO that holds pinentry back. open waits for the prompt, and gives what answers it.
func (f *faulty) gate() (open func() (answer func())) {
	f.t.Helper()
	if err := errors.Join(syscall.Mkfifo(f.Gate(), 0o600), os.Chown(f.Gate(), stage.UID, stage.UID)); err != nil {
		f.t.Fatal(err)
	}
	return func() func() {
		f.t.Helper()
		for range 3000 {
			fd, err := unix.Open(f.Gate(), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			if err == nil { // it is open at the other end
				_ = os.Remove(f.Gate())
				return func() {
					_, _ = unix.Write(fd, []byte("\n")) // pinentry may have ended
					_ = unix.Close(fd)
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		f.t.Fatalf("no prompt opens; the log:\n%s", f.Log())
		return nil
	}
}

// replaced says whether the process that was stopped is gone.
func (f *faulty) replaced() bool { return syscall.Kill(f.engine, 0) != nil }

// through brings a sign-in to a step, has something happen there, lets the sign-in go on, and gives what came of it.
func (f *faulty) through(at step, happen func()) error {
	f.t.Helper()
	switch at {
	case beforePrompt:
		happen()
		return <-f.signIn()
	case promptOpen:
		open := f.gate()
		done := f.signIn()
		answer := open()
		happen()
		answer()
		return <-done
	case beforeRole:
		if err := <-f.signIn(); err != nil {
			f.t.Fatal(err)
		}
		st := f.becomes(session.RoleNeeded)
		happen()
		_, err := f.call(ticket.Request{Method: ticket.SelectRole, Role: st.Roles[0].ID})
		return err
	}
	f.armed.Store(at)
	done := f.signIn()
	select {
	case <-f.reached:
	case err := <-done:
		f.t.Fatalf("it didn't come to %q: %v", at, err)
	case <-time.After(time.Minute):
		f.t.Fatalf("it doesn't come to %q; the log:\n%s", at, f.Log())
	}
	happen()
	// What happened is noticed, or the sign-in goes on.
	f.goOn <- struct{}{}
	return <-done
}

// clean ends a session that there is. Then nobody has a ticket, here and at the Spine, and no passcode try was lost.
func (f *faulty) clean() {
	f.t.Helper()
	if _, err := f.call(ticket.Request{Method: ticket.DestroyTicket}); err != nil && ticket.CodeOf(err) != ticket.TicketNotAvailable {
		f.t.Error(err)
	}
	f.noTicket()
	f.becomes(session.CardPresent)
	for began := time.Now(); len(f.Spine.Sessions()) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			f.t.Fatalf("the Spine still has %d sessions; the log:\n%s", len(f.Spine.Sessions()), f.Log())
		}
	}
	if left := f.Card.TriesLeft(); left != 3 {
		f.t.Errorf("%d passcode tries are left", left)
	}
}

func (f *faulty) noTicket() {
	f.t.Helper()
	if a, err := f.call(ticket.Request{Method: ticket.GetTicketNoAuth}); ticket.CodeOf(err) != ticket.TicketNotAvailable {
		a.Ticket.Wipe()
		f.t.Errorf("a ticket is left: %v", err)
	}
}

// normal is a sign-in without any fault.
func (f *faulty) normal() {
	f.t.Helper()
	if err := <-f.signIn(); err != nil {
		f.t.Fatalf("a normal sign-in afterwards: %v; the log:\n%s", err, f.Log())
	}
	st := f.becomes(session.RoleNeeded)
	if _, err := f.call(ticket.Request{Method: ticket.SelectRole, Role: st.Roles[0].ID}); err != nil {
		f.t.Fatal(err)
	}
	a, err := f.call(ticket.Request{Method: ticket.GetTicket})
	if err != nil {
		f.t.Fatal(err)
	}
	a.Ticket.Wipe()
	f.clean()
}

// A fault happens at each step. Where says is empty for a step, the sign-in goes on as if nothing had happened.
type fault struct {
	name   string
	driver time.Duration
	begin  func(f *faulty, at step)
	mend   func(f *faulty)
	says   map[step]string
}

// driverTime is what a driver is given where it is stopped: the test waits for it.
const driverTime = 5 * time.Second

var faults = []fault{
	{
		name:  "the card is gone",
		begin: func(f *faulty, _ step) { f.pull() },
		mend:  func(f *faulty) { f.Cards.MustInsert(f.t, 0, f.Card) },
		says: map[step]string{
			beforePrompt: "there is no card in the reader", promptOpen: "the card is no longer in the reader",
			beforeChallenge: "the card is no longer in the reader", afterChallenge: "the card is no longer in the reader",
			duringSignature: "the card is no longer in the reader", duringValidate: "the card is no longer in the reader",
			beforeRole: "nobody is signed in",
		},
	},
	{
		name: "pcscd is killed",
		begin: func(f *faulty, _ step) {
			f.Cards.KillService()
			f.until("without cards", func(s session.Status) bool { return s.State == session.Fault || s.Problem != "" })
		},
		mend: func(f *faulty) {
			f.Cards.Pull(0) // its link ended with pcscd
			if err := f.Cards.StartService(f.t.Context()); err != nil {
				f.t.Fatal(err)
			}
			f.until("without a card", noCard) // until then the card counts as nudged
			f.Cards.MustInsert(f.t, 0, f.Card)
		},
		says: map[step]string{
			beforePrompt: "(pcscd) doesn't answer", promptOpen: "(pcscd) doesn't answer", beforeChallenge: "(pcscd) doesn't answer",
			afterChallenge: "(pcscd) doesn't answer", duringSignature: "(pcscd) doesn't answer", duringValidate: "(pcscd) doesn't answer",
			// The role is between the agent and the Spine alone.
		},
	},
	{
		name: "the server closes the connection",
		begin: func(f *faulty, _ step) {
			for _, at := range []string{"activate", "validate", "select"} {
				if err := f.Spine.Break(spinesim.Fault{Name: "close", At: at}); err != nil {
					f.t.Fatal(err)
				}
			}
		},
		mend: func(f *faulty) { f.Spine.Mend("") },
		says: map[step]string{
			beforePrompt: "can't be reached", promptOpen: "can't be reached", beforeChallenge: "can't be reached",
			afterChallenge: "can't be reached", duringSignature: "can't be reached", duringValidate: "can't be reached",
			beforeRole: "can't be reached",
		},
	},
	{
		name: "the driver's process is stopped", driver: driverTime,
		begin: func(f *faulty, at step) {
			pid, err := f.Engine()
			if err != nil {
				f.t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				f.t.Fatal(err)
			}
			f.engine = pid
			if at == promptOpen || at == beforeChallenge {
				f.until("without that process", func(session.Status) bool { return f.replaced() })
			}
		},
		mend: func(f *faulty) {
			f.until("another process of the drivers", func(s session.Status) bool {
				return f.replaced() && s.State != session.Fault && len(s.Readers) > 0
			})
		},
		says: map[step]string{
			beforePrompt: "the smartcard driver failed: it hung", promptOpen: "the smartcard driver failed: it hung", beforeChallenge: "the smartcard driver failed: it hung",
			afterChallenge: "the smartcard driver failed: it hung", duringSignature: "the smartcard driver failed: it hung",
			// From validate on the card has done its part.
		},
	},
}

// pull takes the card out, and waits until the agent has noticed. A card that is held in a command goes on: into nothing.
func (f *faulty) pull() {
	f.t.Helper()
	go f.Cards.Pull(0) // it waits for the command
	f.until("without a card", noCard)
}

// noCard says whether the agent sees readers alone.
func noCard(s session.Status) bool {
	return s.State != session.Fault && len(s.Readers) > 0 && !slices.ContainsFunc(s.Readers, func(r session.Reader) bool { return r.Card != nil })
}

// TestFaultsAtEveryStep breaks a sign-in of real pcscd and OpenSC at every step. Each ends with words that say why, without
// a ticket, with all passcode tries left, and the next sign-in is as good as any.
func TestFaultsAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, fault.driver)
			for _, at := range steps {
				if !t.Run(string(at), func(t *testing.T) { f.breakAt(t, fault, at) }) {
					return
				}
			}
		})
	}
}

func (f *faulty) breakAt(t *testing.T, fault fault, at step) {
	whole := f.t
	f.t = t
	defer func() { f.t = whole }()
	before := f.Card.Stats().Verifies
	err := f.through(at, func() { fault.begin(f, at) })
	switch says := fault.says[at]; {
	case says == "" && err != nil:
		t.Errorf("it fails: %v", err)
	case says != "" && (err == nil || !strings.Contains(err.Error(), says)):
		t.Errorf("it says %v, and not %q", err, says)
	}
	if sent := f.Card.Stats().Verifies - before; sent > 0 && (at == promptOpen || at == beforeChallenge) {
		t.Errorf("the card was given a passcode %d times", sent)
	}
	if says := fault.says[at]; says != "" {
		f.noTicket()
	}
	fault.mend(f)
	f.clean()
	f.normal()
}
