package vm

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// framed is a frame as QEMU writes it.
func framed(payload string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

// wiredCable is a cable with two ends to hold.
func wiredCable(t *testing.T) (*cable, net.Conn, net.Conn) {
	near, a := net.Pipe()
	far, b := net.Pipe()
	t.Cleanup(func() { closeAll([]net.Conn{near, a, far, b}) })
	c := newCable()
	c.connect(a, b)
	return c, near, far
}

// arrivals sends frames of size bytes (with their heads) and returns when each arrived, since the first was sent.
func arrivals(t *testing.T, from io.Writer, to io.Reader, frames, size int) (times []time.Duration) {
	t.Helper()
	begin := time.Now()
	frame := framed(strings.Repeat("x", size-4))
	go func() {
		for range frames {
			_, _ = from.Write(frame)
		}
	}()
	for range frames {
		got := make([]byte, size)
		if _, err := io.ReadFull(to, got); err != nil || !bytes.Equal(got, frame) {
			t.Fatalf("%q arrived, error %v", got, err)
		}
		times = append(times, time.Since(begin))
	}
	return times
}

func TestCable(t *testing.T) {
	tests := map[string]struct {
		rate  int64
		delay time.Duration
		want  []time.Duration
	}{
		"as it is":         {0, 0, []time.Duration{0, 0, 0}},
		"slow":             {1000, 0, []time.Duration{500 * time.Millisecond, time.Second, 1500 * time.Millisecond}},
		"far":              {0, time.Second, []time.Duration{time.Second, time.Second, time.Second}},
		"slow and far":     {500, time.Second, []time.Duration{2 * time.Second, 3 * time.Second, 4 * time.Second}},
		"slow beyond hope": {1, 0, []time.Duration{500 * time.Second}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, near, far := wiredCable(t)
				c.set(test.rate, test.delay)
				for _, ends := range [][2]net.Conn{{near, far}, {far, near}} { // each way has its own lane
					got := arrivals(t, ends[0], ends[1], len(test.want), 500)
					for i, want := range test.want {
						if got[i] != want {
							t.Errorf("frame %d arrived after %v, not %v", i, got[i], want)
						}
					}
				}
			})
		})
	}
}

func TestCableLosesWhatWouldWaitTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, near, far := wiredCable(t)
		c.set(1000, 0)
		const frames = 20
		for i := range frames {
			_, _ = near.Write(framed(strings.Repeat(string(rune('a'+i)), 496)))
		}
		synctest.Wait()
		got := make(chan byte, frames)
		go func() {
			for {
				frame, err := readFrame(far)
				if err != nil {
					close(got)
					return
				}
				got <- frame[4]
			}
		}()
		time.Sleep(time.Minute)
		_ = far.Close()
		var seen []byte
		for b := range got {
			seen = append(seen, b)
		}
		// Half a second each, and the fifth finds a line that is free after two seconds.
		if string(seen) != "abcde" {
			t.Errorf("%q arrived", seen)
		}
	})
}

func TestCableLetsGoAtAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, near, far := wiredCable(t)
		c.set(1, maxDelay)
		begin := time.Now()
		time.AfterFunc(3*time.Second, func() { c.set(0, 0) })
		go func() {
			_, _ = near.Write(framed("one"))
			time.Sleep(4 * time.Second)
			_, _ = near.Write(framed("two"))
		}()
		for i, want := range []time.Duration{3 * time.Second, 4 * time.Second} {
			if frame, err := readFrame(far); err != nil || time.Since(begin) != want {
				t.Errorf("frame %d (%q) after %v, error %v", i, frame, time.Since(begin), err)
			}
		}
	})
}

func TestCableEndsWithItsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		_, near, far := wiredCable(t)
		_, _ = near.Write([]byte{0xff, 0xff, 0xff, 0xff}) // no frame is as long
		_ = far.Close()
	})
}

func FuzzReadFrame(f *testing.F) {
	f.Add(framed("a frame"))
	f.Add([]byte{0, 0, 0, 9, 1})
	f.Add([]byte{0xff, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		frame, err := readFrame(bytes.NewReader(in))
		if err == nil && !bytes.HasPrefix(in, frame) {
			t.Fatalf("%q became %q", in, frame)
		}
	})
}
