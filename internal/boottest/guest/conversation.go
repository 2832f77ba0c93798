package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Why a request has no answer.
var (
	ErrNoGuest   = errors.New("no guest answers")
	ErrRestarted = errors.New("the guest started anew before it answered")
	ErrSilent    = errors.New("the guest has fallen silent")
	ErrGone      = errors.New("the machine is gone")
)

const (
	// silence is how long a guest that serves may send nothing, not even a beat.
	silence = 3 * time.Minute
	// writeLimit is how long a request may wait to be taken by QEMU.
	writeLimit = time.Minute
)

// A Conversation is the host's side of a guest that serves. Guests come and go: one that starts anew says hello again,
// and is another one.
type Conversation struct {
	conn     net.Conn
	patience time.Duration
	silence  time.Duration
	heard    func(Message)

	writing sync.Mutex // held while one request is written

	mu      sync.Mutex
	next    int
	waiting map[int]waiter
	session string // of the guest that is there, "" if none is
	facts   Facts
	latest  time.Time     // when something was heard
	since   time.Time     // when a hello began to be waited for
	greeted chan struct{} // closed at the hello

	ended chan struct{} // closed when the connection has ended
}

// A waiter waits for an answer.
type waiter struct {
	answer chan Answer // gets one, or is closed when the guest starts anew
	last   bool        // a guest that says yes to this one goes
}

// NewConversation talks over conn until that is closed. A hello is waited for as long as patience. heard gets every
// message but the answers, in order, from one goroutine; nil is nobody.
func NewConversation(conn net.Conn, patience time.Duration, heard func(Message)) *Conversation {
	c := &Conversation{
		conn: conn, patience: patience, silence: silence, heard: heard, waiting: map[int]waiter{},
		since: time.Now(), greeted: make(chan struct{}), ended: make(chan struct{}),
	}
	if heard == nil {
		c.heard = func(Message) {}
	}
	go c.listen()
	return c
}

// listen hands over what the guest says until the connection ends.
func (c *Conversation) listen() {
	defer close(c.ended)
	in := NewReader(c.conn)
	for {
		m, err := in.Next()
		if err != nil {
			return
		}
		if m.Kind != KindAnswer {
			c.heard(m)
		}
		c.take(m)
	}
}

func (c *Conversation) take(m Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = time.Now()
	switch {
	case m.Kind == KindAnswer:
		w, known := c.waiting[m.Answer.ID]
		if !known {
			return
		}
		w.answer <- *m.Answer
		delete(c.waiting, m.Answer.ID)
		if w.last && m.Answer.Passed {
			c.anew()
		}
	case m.Kind == KindHello && m.Session != "":
		for id, w := range c.waiting {
			close(w.answer)
			delete(c.waiting, id)
		}
		if c.session == "" {
			close(c.greeted)
		}
		c.session, c.facts = m.Session, *m.Hello
	}
}

// Anew says that the guest is about to start anew: the next request waits for its next hello. A caller that resets the
// machine or presses its power button says it before.
func (c *Conversation) Anew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.anew()
}

func (c *Conversation) anew() {
	if c.session != "" {
		c.session, c.greeted = "", make(chan struct{})
	}
	c.since = time.Now()
}

// Hello waits for the guest and returns what it said of its machine. The error is [ErrNoGuest] if it didn't come in
// time, as a guest without systemd 256 never does.
func (c *Conversation) Hello(ctx context.Context) (facts Facts, err error) {
	err = c.await(ctx, func() { facts = c.facts })
	return facts, err
}

// await waits for a guest to be there, and calls do while it can't be replaced by another one.
func (c *Conversation) await(ctx context.Context, do func()) error {
	for {
		c.mu.Lock()
		if c.session != "" {
			do()
			c.mu.Unlock()
			return nil
		}
		greeted, left := c.greeted, time.Until(c.since.Add(c.patience))
		c.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case <-greeted:
			timer.Stop()
			continue
		case <-timer.C:
			return fmt.Errorf("%w within %v", ErrNoGuest, c.patience)
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("waiting for the guest: %w", ctx.Err())
		case <-c.ended:
			timer.Stop()
			return ErrGone
		}
	}
}

// Ask asks the guest for something and waits for the answer, which may say that it failed: that isn't an error. The
// error is ctx's, or one of this package's, or that of the connection.
func (c *Conversation) Ask(ctx context.Context, r Request) (Answer, error) {
	a, err := c.ask(ctx, r)
	if err != nil {
		return Answer{}, fmt.Errorf("asking the guest (%s): %w", r, err)
	}
	return a, nil
}

func (c *Conversation) ask(ctx context.Context, r Request) (Answer, error) {
	answer := make(chan Answer, 1)
	err := c.await(ctx, func() {
		c.next++
		r.ID, r.Session = c.next, c.session
		c.waiting[r.ID] = waiter{answer, r.Kind == AskRestart || r.Kind == AskPowerOff || r.Kind == AskEnd}
	})
	if err != nil {
		return Answer{}, err
	}
	defer func() {
		c.mu.Lock()
		delete(c.waiting, r.ID)
		c.mu.Unlock()
	}()
	if err := c.send(r); err != nil {
		return Answer{}, err
	}
	tick := time.NewTicker(c.silence / 10)
	defer tick.Stop()
	for {
		select {
		case a, came := <-answer:
			if !came {
				return Answer{}, ErrRestarted
			}
			return a, nil
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		case <-c.ended:
			select {
			case a, came := <-answer: // its last words
				if came {
					return a, nil
				}
			default:
			}
			return Answer{}, ErrGone
		case <-tick.C:
			c.mu.Lock()
			quiet := time.Since(c.latest)
			c.mu.Unlock()
			if quiet > c.silence {
				return Answer{}, fmt.Errorf("%w: nothing was heard of it for %v", ErrSilent, quiet.Round(time.Second))
			}
		}
	}
}

// send writes a request, after a line's end: one that couldn't be written whole may be before it.
func (c *Conversation) send(r Request) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if len(b) > maxRequest-2 {
		return fmt.Errorf("it has %d bytes, more than a guest takes", len(b))
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	_, err = c.conn.Write(append(append([]byte("\n"), b...), '\n'))
	return err
}
