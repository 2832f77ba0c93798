package session_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spine"
)

// A desk is a person at a computer with one reader: cards, server and prompt in one, all of which answer at once
// unless told otherwise.
type desk struct {
	agent   *session.Agent
	key     *rsa.PrivateKey
	der     []byte
	seen    func([]card.Reader, error)
	hang    atomic.Bool // the server doesn't answer
	logins  atomic.Int64
	logouts atomic.Int64
	prompts atomic.Int64 // open at the moment
	asked   atomic.Int64
	think   time.Duration // how long the person types
	cancels atomic.Bool
	typed   []*secret.Text
	mu      sync.Mutex
}

// sitDown starts an agent; leave ends it.
func sitDown(t testing.TB, s session.Settings) (d *desk, leave func()) {
	d = &desk{}
	var err error
	if d.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "555000000001"}}
	if d.der, err = x509.CreateCertificate(rand.Reader, template, template, d.key.Public(), d.key); err != nil {
		t.Fatal(err)
	}
	d.agent = session.New(session.Config{Settings: s, Cards: d, Spine: d, Prompt: d})
	ctx, cancel := context.WithCancel(context.Background())
	ended, watched := make(chan struct{}), make(chan struct{})
	first := sync.OnceFunc(func() { close(watched) })
	d.seen = nil
	go func() { d.agent.Run(context.WithValue(ctx, started{}, first)); close(ended) }()
	<-watched
	return d, func() { cancel(); <-ended }
}

type started struct{}

func (d *desk) Watch(ctx context.Context, seen func([]card.Reader, error)) {
	d.seen = seen
	ctx.Value(started{}).(func())()
	<-ctx.Done()
}

// insert puts the card in, as the card of this name.
func (d *desk) insert(id card.ID) {
	d.seen([]card.Reader{{Name: "reader", Card: &card.Card{ID: id, MinPasscode: 4, MaxPasscode: 8, TriesLeft: 3}}}, nil)
}

func (d *desk) remove() { d.seen([]card.Reader{{Name: "reader"}}, nil) }

func (d *desk) Holder(card.Card, time.Time) (session.Holder, error) {
	return session.Holder{UID: "555000000001", Certificate: card.Certificate{DER: d.der}, NotAfter: time.Now().AddDate(1, 0, 0)}, nil
}

func (d *desk) Sign(_ context.Context, r card.SignRequest) ([]byte, error) {
	if string(r.Passcode.Reveal()) != "739164" {
		return nil, &card.PasscodeError{Left: 2}
	}
	digest := sha256.Sum256(r.Content)
	return rsa.SignPKCS1v15(rand.Reader, d.key, crypto.SHA256, digest[:])
}

func (d *desk) Ask(ctx context.Context, _ session.Question) (session.Reply, error) {
	d.asked.Add(1)
	if d.prompts.Add(1) > 1 {
		panic("two prompts at once")
	}
	defer d.prompts.Add(-1)
	select {
	case <-time.After(d.think):
	case <-ctx.Done():
		time.Sleep(d.think) // a window takes its time to close
		return session.Reply{}, ctx.Err()
	}
	if d.cancels.Load() {
		return session.Reply{}, session.ErrCancelled
	}
	p := secret.New([]byte("739164"))
	d.mu.Lock()
	d.typed = append(d.typed, p)
	d.mu.Unlock()
	return session.Reply{Passcode: p}, nil
}

func (d *desk) answer(ctx context.Context) error {
	if d.hang.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (d *desk) Activate(ctx context.Context) (spine.Challenge, error) {
	return spine.Challenge{Bytes: []byte("challenge")}, d.answer(ctx)
}

func (d *desk) Validate(ctx context.Context, _ spine.Challenge, h session.Holder, _ []byte) (spine.Login, error) {
	if err := d.answer(ctx); err != nil {
		return spine.Login{}, err
	}
	d.logins.Add(1)
	return spine.Login{UID: h.UID, Ticket: secret.New([]byte("AQIC5wM2LY4Sfcticket")), MaxSessionTime: 10 * time.Hour}, nil
}

func (d *desk) SelectRole(ctx context.Context, _ spine.Login, _ string) error { return d.answer(ctx) }

func (d *desk) Check(ctx context.Context, _ spine.Login) error { return d.answer(ctx) }

func (d *desk) Logout(ctx context.Context, l spine.Login) error {
	if l.Ticket.Len() == 0 {
		panic("a logout without a ticket")
	}
	d.logouts.Add(1)
	return d.answer(ctx)
}

func (d *desk) state(t testing.TB) session.State {
	s, err := d.agent.Status()
	if err != nil {
		t.Fatal(err)
	}
	return s.State
}

func TestAgentSharesOnePrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, leave := sitDown(t, session.Settings{NoPromptOnInsert: true})
		d.think = time.Second
		d.insert("1")
		if uid := d.agent.Person(); uid != "" {
			t.Errorf("%q is signed in before anybody is", uid)
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				ticket, err := d.agent.Ticket(t.Context())
				if err != nil || string(ticket.Reveal()) != "AQIC5wM2LY4Sfcticket" {
					t.Errorf("%v", err)
				}
				if uid := d.agent.Person(); uid != "555000000001" { // as the audit is told with the answer
					t.Errorf("%q has the ticket", uid)
				}
			})
		}
		wg.Wait()
		if n := d.asked.Load(); n != 1 {
			t.Errorf("%d prompts", n)
		}
		d.cancels.Store(true)
		for range 50 {
			wg.Go(func() {
				if _, err := d.agent.NewTicket(t.Context()); !errors.Is(err, session.ErrCancelled) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := d.agent.SignOut(t.Context()); err != nil || d.agent.Person() != "" {
			t.Errorf("%q is signed in after signing out, %v", d.agent.Person(), err)
		}
		leave()
		if d.logins.Load() != 1 || d.logouts.Load() != 1 {
			t.Errorf("%d logins, %d logouts", d.logins.Load(), d.logouts.Load())
		}
		for _, p := range d.typed {
			if p.Len() > 0 {
				t.Error("a passcode isn't wiped")
			}
		}
	})
}

func TestAgentGivesUpAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, leave := sitDown(t, session.Settings{NoPromptOnInsert: true})
		defer leave()
		d.think = time.Minute
		d.insert("1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := d.agent.Ticket(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		if s := d.state(t); s != session.CardPresent || d.prompts.Load() != 0 {
			t.Errorf("state %q, %d prompts are open", s, d.prompts.Load())
		}
	})
}

func TestAgentWithServerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, leave := sitDown(t, session.Settings{NoPromptOnInsert: true})
		d.hang.Store(true)
		d.insert("1")
		began := time.Now()
		if _, err := d.agent.Ticket(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if d.state(t) != session.CardPresent || time.Since(began) > 2*time.Minute {
			t.Errorf("%s after %s", d.state(t), time.Since(began))
		}
		d.hang.Store(false)
		if _, err := d.agent.Ticket(t.Context()); err != nil {
			t.Error(err)
		}
		d.hang.Store(true)
		began = time.Now()
		leave()
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("ending took %s", took)
		}
	})
}

func TestAgentTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, leave := sitDown(t, session.Settings{Idle: 10 * time.Minute})
		defer leave()
		events := d.agent.Subscribe(t.Context())
		d.insert("1")
		time.Sleep(9 * time.Minute)
		if s := d.state(t); s != session.SignedIn {
			t.Error(s)
		}
		time.Sleep(2 * time.Minute)
		if s := d.state(t); s != session.Locked {
			t.Error(s)
		}
		if err := d.agent.SignIn(t.Context(), session.SignIn{Passcode: secret.New([]byte("739164"))}); err != nil || d.state(t) != session.SignedIn {
			t.Error(err, d.state(t))
		}
		time.Sleep(10 * time.Hour)
		if s := d.state(t); s != session.CardPresent {
			t.Error(s)
		}
		number := uint64(0)
		for len(events) > 0 {
			e := <-events
			if number != 0 && e.Number != number+1 {
				t.Errorf("event %d after %d", e.Number, number)
			}
			number = e.Number
		}
		if number < 6 {
			t.Errorf("%d events", number)
		}
	})
}

func TestAgentAfterItsEnd(t *testing.T) {
	d, leave := sitDown(t, session.Settings{})
	events := d.agent.Subscribe(t.Context())
	leave()
	if _, err := d.agent.Ticket(t.Context()); !errors.Is(err, session.ErrClosed) {
		t.Error(err)
	}
	if _, err := d.agent.Status(); !errors.Is(err, session.ErrClosed) {
		t.Error(err)
	}
	if err := d.agent.Lock(t.Context()); !errors.Is(err, session.ErrClosed) {
		t.Error(err)
	}
	for range events {
	}
}

// soak puts the card in and out, n times, each time with a sign-in.
func soak(t testing.TB, n int) {
	d, leave := sitDown(t, session.Settings{})
	defer leave()
	for i := range n {
		d.insert(card.ID(string(rune('a' + i%26))))
		ticket, err := d.agent.Ticket(context.Background())
		if err != nil {
			t.Fatal(i, err)
		}
		ticket.Wipe()
		d.remove()
		if i%1000 == 0 {
			runtime.GC()
		}
	}
	for range 100 {
		if d.logouts.Load() == d.logins.Load() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if d.logins.Load() != d.logouts.Load() {
		t.Errorf("%d logins, %d logouts", d.logins.Load(), d.logouts.Load())
	}
	d.typed = nil
}

func TestSoak(t *testing.T) {
	soak(t, 10)
	before := runtime.NumGoroutine()
	soak(t, 500)
	time.Sleep(20 * time.Millisecond)
	if after := runtime.NumGoroutine(); after > before+2 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

func BenchmarkInsertSignInRemove(b *testing.B) { soak(b, b.N) }
