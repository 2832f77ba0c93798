package session

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"nhos.org/nhos/internal/identity/secret"
)

// perform does one effect. What takes time goes on beside, and its result comes back as an input.
func (a *Agent) perform(e effect) {
	switch e := e.(type) {
	case publish:
		for s := range a.subscribers {
			select {
			case s <- e.event:
			default: // the number of the next one tells
			}
		}
	case answer:
		w := a.waiters[e.ask]
		if w == nil {
			e.ticket.Wipe()
			return
		}
		delete(a.waiters, e.ask)
		w <- e
		close(w)
	case cancel:
		a.cancelled(e.op)
	case closePrompt:
		a.cancelled(e.id)
	case openPrompt:
		a.operate(e.id, promptTime, func(ctx context.Context) input {
			reply, err := a.prompt.Ask(ctx, e.q)
			if err != nil && ctx.Err() != nil {
				err = ErrCancelled // nobody answered in time, or it was closed
			}
			return promptDone{e.id, reply, err}
		})
	case sign:
		a.operate(e.op, cardTime, func(ctx context.Context) input {
			defer e.request.Passcode.Wipe()
			signature, err := a.cards.Sign(ctx, e.request)
			return signed{e.op, signature, err}
		})
	default:
		a.askServer(e)
	}
}

// askServer does one of the effects that talk to the Spine.
func (a *Agent) askServer(e effect) {
	switch e := e.(type) {
	case activate:
		a.operate(e.op, serverTime, func(ctx context.Context) input {
			challenge, err := a.spine.Activate(ctx)
			return activated{e.op, challenge, err}
		})
	case validate:
		a.operate(e.op, serverTime, func(ctx context.Context) input {
			login, err := a.spine.Validate(ctx, e.challenge, e.holder, e.signature)
			return validated{e.op, login, err}
		})
	case selectRole:
		a.operate(e.op, serverTime, func(ctx context.Context) input {
			defer e.login.Ticket.Wipe()
			return roleSelected{e.op, a.spine.SelectRole(ctx, e.login, e.role)}
		})
	case check:
		a.operate(e.op, serverTime, func(ctx context.Context) input {
			defer e.login.Ticket.Wipe()
			return checked{e.op, a.spine.Check(ctx, e.login)}
		})
	case logOut:
		a.operate(e.op, serverTime, func(ctx context.Context) input {
			defer e.login.Ticket.Wipe()
			return loggedOut{e.op, a.spine.Logout(ctx, e.login)}
		})
	}
}

// A result is what an operation reports.
type result struct {
	op uint64
	in input
}

// A call is an input that is answered.
type call struct {
	in     func(n uint64) input
	reply  chan answer // closed after the answer, or without one
	number uint64      // by which the machine knows it; belongs to the goroutine of Run
}

// takenBack is a call that nobody waits for any more.
type takenBack struct{ *call }

// operate does something that takes time, at most limit, and posts what came of it. A panic in it would be ours: it
// isn't caught.
func (a *Agent) operate(op uint64, limit time.Duration, do func(context.Context) input) {
	ctx, stop := context.WithTimeout(a.workCtx, limit)
	a.cancels[op] = stop
	a.start(func() {
		defer stop()
		a.post(result{op, do(ctx)})
	})
}

func (a *Agent) start(do func()) { a.work.Go(do) }

func (a *Agent) cancelled(op uint64) {
	if stop := a.cancels[op]; stop != nil {
		stop()
	}
}

// ask waits for a ticket, or for an error.
func (a *Agent) ask(ctx context.Context, what *ask) (*secret.Text, error) {
	r, err := a.wait(ctx, func(n uint64) input {
		what.id = n
		return asked{what}
	})
	if err != nil {
		if errors.Is(err, ErrClosed) { // otherwise it is the machine's by now
			what.passcode.Wipe()
		}
		return nil, err
	}
	return r.ticket, r.err
}

func (a *Agent) request(ctx context.Context, in func(n uint64) input) error {
	r, err := a.wait(ctx, in)
	return errors.Join(err, r.err)
}

// wait tells the machine something that it answers, and waits for the answer as long as ctx lasts.
func (a *Agent) wait(ctx context.Context, in func(n uint64) input) (answer, error) {
	c := &call{in: in, reply: make(chan answer, 1)}
	if !a.post(c) {
		return answer{}, ErrClosed
	}
	select {
	case r, ok := <-c.reply:
		if !ok {
			return answer{}, ErrClosed
		}
		return r, nil
	case <-ctx.Done():
	}
	if a.post(takenBack{c}) {
		if r, ok := <-c.reply; ok { // it was answered meanwhile
			r.ticket.Wipe()
		}
	}
	return answer{}, context.Cause(ctx)
}

// verify holds a signature against the key of a session's certificate.
func verify(h Holder, content, signature []byte) error {
	certificate, err := x509.ParseCertificate(h.Certificate.DER)
	if err != nil {
		return fmt.Errorf("reading the session's certificate: %w", err)
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("the session's certificate has a key of the kind %T, and only RSA is known here", certificate.PublicKey)
	}
	digest := sha256.Sum256(content)
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature); err != nil {
		return fmt.Errorf("the card's signature isn't by the key that began the session: %w", err)
	}
	return nil
}
