package vm

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	maxFrame  = 128 << 10 // bytes; QEMU's own limit is below
	frameHead = 4         // bytes before each, its length
	// maxQueue is how long a frame may wait until the line is free, maxDelay how long one may be on its way, and
	// maxFlight how many are.
	maxQueue  = 2 * time.Second
	maxDelay  = time.Minute
	maxFlight = 4096
)

// A cable carries Ethernet frames between two of QEMU's networks, each way, as slowly as it is told.
type cable struct {
	mu      sync.Mutex
	rate    int64 // bytes a second, 0 is no limit
	delay   time.Duration
	changed chan struct{} // closed at the next change

	frame func(sent bool, frame []byte) // of [Config]; nil is nobody who listens
}

func newCable() *cable { return &cable{changed: make(chan struct{})} }

// set changes the cable's nature, and lets what is on its way arrive.
func (c *cable) set(rate int64, delay time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rate, c.delay = rate, delay
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *cable) get() (rate int64, delay time.Duration, changed chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rate, c.delay, c.changed
}

// connect carries frames both ways until a connection ends. The cards are at the far end.
func (c *cable) connect(near, far net.Conn) {
	go func() { _ = c.carry(near, far, false) }()
	go func() { _ = c.carry(far, near, true) }()
}

// A flight is a frame on its way.
type flight struct {
	frame   []byte
	due     time.Time
	changed chan struct{} // of the cable when the frame entered it
}

// carry carries frames one way: those that cards have sent, or those for them. The error is that of the connection that
// ended.
func (c *cable) carry(from io.Reader, to io.Writer, sent bool) error {
	flights := make(chan flight, maxFlight)
	landed := make(chan error, 1)
	go func() { landed <- land(flights, to) }()
	var free time.Time // when the line has sent all that came before
	var era chan struct{}
	for in := bufio.NewReader(from); ; {
		frame, err := readFrame(in)
		if err != nil {
			close(flights)
			return errors.Join(err, <-landed)
		}
		if c.frame != nil {
			c.frame(sent, frame[frameHead:])
		}
		rate, delay, changed := c.get()
		now := time.Now()
		if era != changed || free.Before(now) {
			free, era = now, changed
		}
		if free.Sub(now) > maxQueue {
			continue
		}
		if rate > 0 {
			free = free.Add(time.Duration(float64(len(frame)) / float64(rate) * float64(time.Second)))
		}
		select {
		case flights <- flight{frame, free.Add(delay), changed}:
		case err := <-landed:
			return err
		default: // too many are on their way
		}
	}
}

// land writes each frame when it is due, or when its cable has changed.
func land(flights <-chan flight, to io.Writer) error {
	for f := range flights {
		if wait := time.Until(f.due); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-f.changed:
			}
			timer.Stop()
		}
		if _, err := to.Write(f.frame); err != nil {
			return err
		}
	}
	return nil
}

// readFrame returns the next frame as it is on a stream of QEMU's: with its length, four bytes, before it.
func readFrame(r io.Reader) ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	frame := make([]byte, len(head)+int(n))
	copy(frame, head[:])
	_, err := io.ReadFull(r, frame[len(head):])
	return frame, err
}
