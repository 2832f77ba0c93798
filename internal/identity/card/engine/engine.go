// Package engine holds smartcard drivers (PKCS#11 modules) and answers its parent over a pipe: which readers and cards
// there are, and one signature at a time. It is the whole of nhos-identity-card.
//
// A module is somebody else's C code. Here it may crash or hang: this process has nothing to lose, and its parent
// (card.Client) starts another. One goroutine calls the modules; nothing else waits for it, so that the end of the
// parent is the end of this process, whatever a module does.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/card/wire"
	"nhos.org/nhos/internal/identity/secret"
)

const (
	// pollOften is how often readers are looked at where neither pcscd nor the module tells of changes.
	pollOften = 150 * time.Millisecond
	// pollSeldom is how often they are looked at as well where something tells of them.
	pollSeldom = time.Second
)

// errUnknown is for cards that were here, and for none at all.
var errUnknown = fmt.Errorf("%w", card.ErrRemoved)

// order is an order with the passcode that came with it.
type order struct {
	card.Order
	passcode *secret.Text
}

// engine is the state of the goroutine that calls the modules.
type engine struct {
	out     io.Writer
	open    *card.OpenOrder
	modules []*module
	failure error // why modules aren't there

	wake chan struct{}
	// told is how many things tell of changes; with none, the engine polls often.
	told    atomic.Int32
	service serviceState
	last    string // the snapshot that was sent last
}

// Serve answers orders from in until it ends, or says what isn't an order.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	orders := make(chan order)
	ended := make(chan error, 2)
	go func() {
		for {
			var o order
			var err error
			if o.passcode, err = wire.Receive(in, &o.Order); err != nil {
				ended <- err
				return
			}
			select {
			case orders <- o:
			case <-ctx.Done():
				o.passcode.Wipe()
				return
			}
		}
	}()
	e := &engine{out: out, wake: make(chan struct{}, 1)}
	go func() { ended <- e.run(ctx, orders) }()
	// A module that hangs holds the engine, not this: the parent's end is noticed all the same.
	err := <-ended
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// run is the goroutine that calls the modules.
func (e *engine) run(ctx context.Context, orders <-chan order) error {
	timer := time.NewTimer(pollSeldom)
	defer timer.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case o := <-orders:
			err = e.answer(ctx, o)
		case <-e.wake:
			err = e.look()
		case <-timer.C:
			err = e.look()
		}
		if err != nil {
			return err
		}
		poll := pollOften
		if e.told.Load() > 0 {
			poll = pollSeldom
		}
		timer.Reset(poll)
	}
}

// changed asks for a look at the readers, soon.
func (e *engine) changed() {
	select {
	case e.wake <- struct{}{}:
	default: // one is asked for
	}
}

func (e *engine) answer(ctx context.Context, o order) error {
	defer o.passcode.Wipe()
	report := card.Report{Number: o.Number}
	switch {
	case o.Open != nil && e.open != nil:
		report.Failure = card.NewFailure(errors.New("the drivers are loaded already"))
	case o.Open != nil:
		e.load(ctx, *o.Open)
		report.Failure = card.NewFailure(e.failure)
	case o.Sign != nil:
		signature, err := e.sign(*o.Sign, o.passcode)
		report.Signature, report.Failure = signature, card.NewFailure(err)
		report.Unknown = errors.Is(err, errUnknown)
	}
	if o.Open != nil || o.Sign != nil {
		// Before the answer: who gets it knows of the card that was pulled, and of the tries that are left.
		if err := e.look(); err != nil {
			return err
		}
	}
	return wire.Send(e.out, report, nil)
}

// load loads the modules. One that can't be loaded doesn't keep others from work.
func (e *engine) load(ctx context.Context, open card.OpenOrder) {
	e.open = &open
	var failed []error
	for _, path := range open.Modules {
		m, err := loadModule(path)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		e.modules = append(e.modules, m)
		if !open.NoWait {
			go m.wait(e)
		}
	}
	if len(e.modules) == 0 {
		e.failure = fmt.Errorf("%w: %w", card.ErrModule, errors.Join(append(failed, errors.New("no driver is configured"))...))
		if len(failed) > 0 {
			e.failure = fmt.Errorf("%w: %w", card.ErrModule, errors.Join(failed...))
		}
	}
	go e.watchService(ctx)
}

// look reads how readers and cards stand, and reports it when that has changed.
func (e *engine) look() error {
	if e.open == nil {
		return nil
	}
	if e.service.restarted() {
		// Modules keep what they knew of the pcscd that is gone. They start afresh, and cards are read again.
		for _, m := range e.modules {
			m.restart()
		}
	}
	var views []card.Reader
	var failures []error
	for _, m := range e.modules {
		readers, err := m.look()
		if err != nil {
			failures = append(failures, err)
		}
		views = append(views, readers...)
	}
	report := card.Report{Readers: merge(views)}
	failure := e.failure
	switch {
	case failure == nil && len(report.Readers) == 0 && e.service.down() && slices.ContainsFunc(e.modules, needsService):
		failure = card.ErrNoService
	case failure == nil && len(report.Readers) == 0 && len(failures) > 0:
		failure = errors.Join(failures...)
	}
	report.Failure = card.NewFailure(failure)
	if state := fingerprint(report); state != e.last {
		e.last = state
		return wire.Send(e.out, report, nil)
	}
	return nil
}

func needsService(m *module) bool { return !m.software }

func (e *engine) sign(request card.SignOrder, passcode *secret.Text) ([]byte, error) {
	for _, m := range e.modules {
		if slot := m.slotOf(request.Card); slot != nil {
			signature, err := m.sign(slot, request, passcode, e.open.TrustPad)
			gone := errors.Is(err, card.ErrModule) || errors.Is(err, card.ErrRemoved)
			switch {
			case gone && m.software:
				err = m.recheck(slot.card.Serial, err)
			case gone && (e.service.down() || !serviceAnswers()):
				err = card.ErrNoService // without pcscd a driver sees no card, and says either
			}
			return signature, err
		}
	}
	return nil, errUnknown
}
