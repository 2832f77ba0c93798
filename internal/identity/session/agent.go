package session

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
)

// Config is what an Agent works with.
type Config struct {
	Settings Settings
	Cards    Cards
	Spine    Spine
	Prompt   Prompt
	Clock    Clock // nil is WallClock
}

// Agent runs one machine. Its methods may be called from any goroutine; they answer while Run runs.
type Agent struct {
	cards  Cards
	spine  Spine
	prompt Prompt
	clock  Clock

	inputs chan any      // input, *call, takenBack, result, or a func(*Agent) that changes nothing of the machine
	done   chan struct{} // closed when Run has ended
	// signedIn is who is, for those who needn't wait for the goroutine of Run to say it.
	signedIn atomic.Pointer[string]

	// What follows belongs to the goroutine of Run.
	machine     *machine
	waiters     map[uint64]chan answer
	cancels     map[uint64]context.CancelFunc // of operations and prompts under way
	subscribers map[chan Event]bool
	work        sync.WaitGroup
	workCtx     context.Context
}

// Times that bound what an agent does. The Spine's client and the card's have shorter ones of their own.
const (
	serverTime = 90 * time.Second
	cardTime   = 90 * time.Second // the passcode may have to be typed at the reader
	promptTime = 5 * time.Minute
	// endingTime is how long an agent that is stopped takes to tell the server.
	endingTime = 5 * time.Second
	// wakeAtLeast bounds how long a deadline is overslept, where a computer was suspended and nobody said so.
	wakeAtLeast = time.Minute
	// eventsKept is how many events wait for a slow subscriber before it misses some.
	eventsKept = 64
)

// New makes an agent. Nothing happens before Run.
func New(c Config) *Agent {
	if c.Clock == nil {
		c.Clock = WallClock{}
	}
	m := newMachine(c.Settings, c.Clock.Now())
	m.holder, m.verify, m.nonce = c.Cards.Holder, verify, nonce
	return &Agent{
		cards: c.Cards, spine: c.Spine, prompt: c.Prompt, clock: c.Clock, machine: m,
		inputs: make(chan any), done: make(chan struct{}),
		waiters: map[uint64]chan answer{}, cancels: map[uint64]context.CancelFunc{}, subscribers: map[chan Event]bool{},
	}
}

// nonce is what a card signs to resume a session: 32 random bytes, after words that no server asks to have signed.
func nonce() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return append([]byte("org.nhos.identity resume\x00"), b...)
}

// Run owns the machine until ctx ends. Then the person is signed out, for which the server has a few seconds.
func (a *Agent) Run(ctx context.Context) {
	defer close(a.done)
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.workCtx = work
	watch, unwatch := context.WithCancel(work)
	a.start(func() {
		a.cards.Watch(watch, func(readers []card.Reader, err error) {
			if err != nil {
				a.post(cardsFailed{err})
				return
			}
			a.post(cardsSeen{readers})
		})
	})
	a.loop(ctx.Done(), nil)
	unwatch()
	a.tell(ends{})
	over, forget := a.clock.After(endingTime)
	a.loop(nil, over)
	forget()
	stop()
	a.drain()
	for _, w := range a.waiters {
		close(w)
	}
	for s := range a.subscribers {
		close(s)
	}
}

// loop tells the machine what comes, until asked to end, or until over while the server is still to be told of an end.
func (a *Agent) loop(end <-chan struct{}, over <-chan time.Time) {
	for over == nil || a.machine.owing() {
		wait := wakeAtLeast
		if t := a.machine.deadline(); !t.IsZero() {
			wait = min(wait, max(0, t.Sub(a.clock.Now())))
		}
		due, stop := a.clock.After(wait)
		select {
		case in := <-a.inputs:
			a.take(in)
		case <-due:
			a.tell(timePasses{})
		case <-end:
			stop()
			return
		case <-over:
			stop()
			return
		}
		stop()
	}
}

// drain takes what operations still report, until the last has ended, and wipes what is secret in it.
func (a *Agent) drain() {
	idle := make(chan struct{})
	go func() { a.work.Wait(); close(idle) }()
	over, stop := a.clock.After(endingTime)
	defer stop()
	for {
		select {
		case in := <-a.inputs:
			a.discard(in)
		case <-idle:
			return
		case <-over:
			return // a driver that hangs is ended with the process
		}
	}
}

// discard takes what comes when the machine is told nothing more.
func (a *Agent) discard(in any) {
	switch in := in.(type) {
	case func(*Agent):
		in(a)
	case *call:
		close(in.reply)
	case result:
		switch r := in.in.(type) {
		case promptDone:
			r.reply.Passcode.Wipe()
		case validated:
			r.login.Ticket.Wipe()
		}
	}
}

// take handles one thing from the channel.
func (a *Agent) take(in any) {
	switch in := in.(type) {
	case *call:
		in.number = a.machine.operation()
		a.waiters[in.number] = in.reply
		a.tell(in.in(in.number))
	case takenBack:
		a.tell(askGone{in.number})
	case result:
		delete(a.cancels, in.op)
		a.tell(in.in)
	case func(*Agent):
		in(a)
	case input:
		a.tell(in)
	}
}

// tell is one step of the machine, and what it wants done.
func (a *Agent) tell(in input) {
	if gone, ok := in.(askGone); ok {
		if w := a.waiters[gone.id]; w != nil {
			delete(a.waiters, gone.id)
			close(w)
		}
	}
	effects := a.machine.step(a.clock.Now(), in)
	a.note() // before anybody is answered
	for _, e := range effects {
		a.perform(e)
	}
}

// note has Person say what the machine knows.
func (a *Agent) note() {
	uid := ""
	if s := a.machine.live; s != nil {
		uid = s.holder.UID
	}
	if known := a.signedIn.Load(); known == nil || *known != uid {
		changed := uid // so that only a change is allocated
		a.signedIn.Store(&changed)
	}
}

// post hands an input to the goroutine of Run, unless that has ended.
func (a *Agent) post(in any) bool {
	select {
	case a.inputs <- in:
		return true
	case <-a.done:
		return false
	}
}

// Ticket gives the ticket. Who isn't signed in is asked to, as long as ctx lasts. The caller wipes it.
func (a *Agent) Ticket(ctx context.Context) (*secret.Text, error) {
	return a.ask(ctx, &ask{want: wantTicket})
}

// TicketNoAuth gives the ticket of the session that there is, and asks nobody.
func (a *Agent) TicketNoAuth(ctx context.Context) (*secret.Text, error) {
	return a.ask(ctx, &ask{want: wantPresent})
}

// NewTicket has the person sign in anew, and gives the new session's ticket.
func (a *Agent) NewTicket(ctx context.Context) (*secret.Text, error) {
	return a.ask(ctx, &ask{want: wantFresh})
}

// SignIn says how somebody signs in. The zero value asks the person for what there is to ask.
type SignIn struct {
	Card     card.ID      // where there are several
	Passcode *secret.Text // instead of the prompt, for one try; it is wiped
	LastTry  bool         // the passcode may be tried where a wrong one locks the card
	Role     string       // to choose
}

// SignIn returns when somebody is signed in; a role may still have to be chosen.
func (a *Agent) SignIn(ctx context.Context, s SignIn) error {
	_, err := a.ask(ctx, &ask{want: wantSignIn, card: s.Card, passcode: s.Passcode, lastTry: s.LastTry, role: s.Role})
	return err
}

// SelectRole changes the role of the session; nobody signs in anew.
func (a *Agent) SelectRole(ctx context.Context, id string) error {
	return a.request(ctx, func(n uint64) input { return choose{n, id} })
}

// Lock keeps the ticket from everybody until the passcode is typed.
func (a *Agent) Lock(ctx context.Context) error {
	return a.request(ctx, func(n uint64) input { return lockNow{n} })
}

// SignOut ends the session. The ticket is given to nobody any more; the server is told in the background.
func (a *Agent) SignOut(ctx context.Context) error {
	return a.request(ctx, func(n uint64) input { return leaveNow{n} })
}

// ScreenLocked says that the desktop's screen was locked or unlocked.
func (a *Agent) ScreenLocked(locked bool) {
	if locked {
		a.post(screenLocks{})
	} else {
		a.post(screenUnlocks{})
	}
}

// Sleeping says that the computer goes to sleep, or woke up.
func (a *Agent) Sleeping(asleep bool) {
	if asleep {
		a.post(sleeps{})
	} else {
		a.post(wakes{})
	}
}

// Status is what the agent knows.
func (a *Agent) Status() (Status, error) {
	reply := make(chan Status, 1)
	if !a.post(func(a *Agent) { reply <- a.machine.status() }) {
		return Status{}, ErrClosed
	}
	select {
	case s := <-reply:
		return s, nil
	case <-a.done:
		return Status{}, ErrClosed
	}
}

// Person is the uid of who is signed in, also while the session is locked; empty where nobody is. It is that of the
// moment of the last answer, or later.
func (a *Agent) Person() string {
	if uid := a.signedIn.Load(); uid != nil {
		return *uid
	}
	return ""
}

// Subscribe gives every event from now on until ctx ends; then the channel is closed. A subscriber that doesn't keep up
// misses events, and sees it by their numbers.
func (a *Agent) Subscribe(ctx context.Context) <-chan Event {
	events := make(chan Event, eventsKept)
	if !a.post(func(a *Agent) { a.subscribers[events] = true }) {
		close(events)
		return events
	}
	context.AfterFunc(ctx, func() {
		a.post(func(a *Agent) {
			delete(a.subscribers, events)
			close(events)
		})
	})
	return events
}
