package card

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"
)

// Options is how a Client works. The zero value of each field is a good choice.
type Options struct {
	// Engine is the program nhos-identity-card; empty is the one beside the running program.
	Engine string
	// Modules are PKCS#11 modules by absolute path; empty is what p11-kit is configured to load.
	Modules []string
	// TrustPad lets passcodes be typed at readers with a key pad. Some readers only claim to have one.
	TrustPad bool
	// Absence is how long a card has to be away until it counts as pulled; see DefaultAbsence.
	Absence time.Duration
	// SignTimeout is how long a signature may take until the driver counts as hung: 30 s, and with a key pad 90 s.
	SignTimeout time.Duration
	// HangTimeout is how long the driver may take for anything else; 15 s. Reading a slow card takes some.
	HangTimeout time.Duration
	// Environ is what the engine's environment has on top of this process's, in the form of os.Environ.
	Environ []string
}

// Snapshot is how readers and cards stand.
type Snapshot struct {
	Readers []Reader // sorted by name
	// Fault says why readers can't be seen (ErrModule, ErrNoService), or is nil. Readers are then what was last known, for
	// a few seconds: a driver that crashed is started again.
	Fault error
}

// Client watches readers and signs, by an engine in a process of its own, which it starts anew when it ends or hangs.
// Its methods may be called by several goroutines.
type Client struct {
	options   Options
	cancel    context.CancelFunc
	done      chan struct{}
	snapshots chan Snapshot

	mu       sync.Mutex
	presence presence
	fault    error
	process  *process // nil while there is none
	timer    *time.Timer
	shown    *Snapshot
}

// The pace of restarts: at once, then doubled up to the maximum; an engine that lived for a while counts as good again.
const (
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = 5 * time.Second
	goodLife     = 20 * time.Second
)

// Start starts the engine. The caller ends it with Close.
func Start(options Options) (*Client, error) {
	if options.Engine == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("finding the program of the smartcard drivers: %w", err)
		}
		options.Engine = filepath.Join(filepath.Dir(self), "nhos-identity-card")
	}
	if _, err := os.Stat(options.Engine); err != nil {
		return nil, fmt.Errorf("finding the program of the smartcard drivers: %w", err)
	}
	options.Absence = orDefault(options.Absence, DefaultAbsence)
	options.HangTimeout = orDefault(options.HangTimeout, 15*time.Second)
	if options.TrustPad {
		options.SignTimeout = orDefault(options.SignTimeout, 90*time.Second) // for who types at the reader
	}
	options.SignTimeout = orDefault(options.SignTimeout, 30*time.Second)

	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{
		options:   options,
		cancel:    cancel,
		done:      make(chan struct{}),
		snapshots: make(chan Snapshot, 1),
		presence:  presence{absence: options.Absence},
	}
	go c.supervise(ctx)
	return c, nil
}

func orDefault(value, otherwise time.Duration) time.Duration {
	if value <= 0 {
		return otherwise
	}
	return value
}

// Snapshots gives the state of readers each time it changes. Who reads late gets the last one only. The channel is
// closed by Close. The first comes when the engine has looked, also when there are no readers.
func (c *Client) Snapshots() <-chan Snapshot { return c.snapshots }

// Close ends the engine. Signatures that wait for it fail.
func (c *Client) Close() error {
	c.cancel()
	<-c.done
	return nil
}

// Sign returns the PKCS#1 v1.5 signature (256 bytes with a key of 2048 bits) over the digest of the content, checked
// against the card's certificate. The request's passcode stays the caller's to wipe.
//
// Errors: *PasscodeError, ErrLastTry, ErrRemoved (also when the card went meanwhile), *CertificateError when its key isn't there,
// ErrNoPad and ErrPadCancelled where the reader was to ask for the passcode, ErrNoService, ErrModule when the driver fails or
// hangs, and ctx's. When ctx ends first, the card may still sign; what it
// says is dropped.
func (c *Client) Sign(ctx context.Context, request SignRequest) ([]byte, error) {
	switch {
	case request.Passcode != nil && request.Passcode.Len() == 0:
		// On the pipe it would be the same as none, which asks for it at the reader.
		return nil, fmt.Errorf("signing: %w", &PasscodeError{Left: Unknown, Length: true})
	case len(request.Content) == 0 || len(request.Content) > MaxContent:
		return nil, fmt.Errorf("signing %d bytes: from 1 to %d can be signed", len(request.Content), MaxContent)
	}
	report, err := c.order(ctx, request)
	if err == nil && report.Unknown {
		// The engine began to call the card something else before it read the order, and has said so by now.
		report, err = c.order(ctx, request)
	}
	if err == nil {
		err = report.Failure.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return report.Signature, nil
}

// order has the engine sign, by what it calls the card at this moment.
func (c *Client) order(ctx context.Context, request SignRequest) (Report, error) {
	c.mu.Lock()
	id, present := c.presence.engineID(request.Card)
	engine := c.process
	c.mu.Unlock()
	if engine == nil {
		return Report{}, fmt.Errorf("%w and is being started again", ErrModule)
	}
	if !present {
		return Report{}, ErrRemoved
	}
	order := Order{Sign: &SignOrder{
		Card: id, KeyID: request.KeyID, LastTry: request.LastTry, Digest: request.Digest, Content: request.Content,
	}}
	return engine.ask(ctx, order, request.Passcode, c.options.SignTimeout)
}

// supervise keeps an engine running until ctx ends.
func (c *Client) supervise(ctx context.Context) {
	defer close(c.done)
	defer close(c.snapshots)
	defer c.stopTimer()
	backoff := firstBackoff
	noWait := false
	for {
		started := time.Now()
		err := c.live(ctx, noWait)
		if ctx.Err() != nil {
			return
		}
		// A driver that hung may have done so because it was waited in while it was asked.
		noWait = noWait || errors.Is(err, errHung)
		if time.Since(started) > goodLife {
			backoff = firstBackoff
		}
		c.lose(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// live runs one engine until it ends, and says why it did.
func (c *Client) live(ctx context.Context, noWait bool) error {
	modules := c.options.Modules
	if len(modules) == 0 {
		var err error
		if modules, err = Modules(); err != nil {
			return fmt.Errorf("%w: %w", ErrModule, err)
		}
	}
	engine, err := startProcess(ctx, c.options, c.observe)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrModule, err)
	}
	c.mu.Lock()
	c.process = engine
	c.mu.Unlock()
	go func() {
		open := Order{Open: &OpenOrder{Modules: modules, TrustPad: c.options.TrustPad, NoWait: noWait}}
		_, _ = engine.ask(ctx, open, nil, c.options.HangTimeout) // what fails shows in its reports, or ends it
		engine.keepAsking(ctx, c.options.HangTimeout)
	}()
	return engine.wait()
}

// observe takes a report on readers.
func (c *Client) observe(report Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = report.Failure.Err()
	c.publish(c.presence.observe(time.Now(), report.Readers))
}

// lose is called when the engine has ended.
func (c *Client) lose(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = nil
	c.fault = err
	c.presence.lost(time.Now())
	c.publish(c.presence.show())
}

// publish replaces the snapshot that waits to be read, when it says something new, and sets the timer for cards that
// are away. c.mu is held.
func (c *Client) publish(readers []Reader) {
	c.setTimer()
	snapshot := Snapshot{Readers: readers, Fault: c.fault}
	if c.shown != nil && reflect.DeepEqual(c.shown.Readers, snapshot.Readers) && sameText(c.shown.Fault, snapshot.Fault) {
		return
	}
	c.shown = &snapshot
	select {
	case <-c.snapshots:
	default:
	}
	c.snapshots <- snapshot
}

func sameText(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Error() == b.Error()
}

func (c *Client) setTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if next := c.presence.next(); !next.IsZero() {
		c.timer = time.AfterFunc(time.Until(next), c.expire)
	}
}

func (c *Client) stopTimer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.presence.seats = nil
	c.setTimer()
}

// expire is called when a card has been away for long enough.
func (c *Client) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.done:
		return
	default:
	}
	if !c.presence.next().IsZero() {
		c.publish(c.presence.expire(time.Now()))
	}
}
