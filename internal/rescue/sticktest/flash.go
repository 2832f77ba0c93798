package sticktest

import (
	"io"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A Flash is the memory of a stick: whole blocks come and go. An error that is a unix.Errno is what the kernel is told.
type Flash interface {
	io.ReaderAt
	io.WriterAt
}

// Wrapping holds fewer bytes than it says: what is written behind its end falls on what is at its beginning.
func Wrapping(holds int64) func(Flash) Flash {
	return func(f Flash) Flash { return wrapping{f, holds} }
}

type wrapping struct {
	Flash
	holds int64
}

func (w wrapping) ReadAt(p []byte, off int64) (int, error) {
	return w.each(p, off, w.Flash.ReadAt)
}

func (w wrapping) WriteAt(p []byte, off int64) (int, error) {
	return w.each(p, off, w.Flash.WriteAt)
}

func (w wrapping) each(p []byte, off int64, do func([]byte, int64) (int, error)) (int, error) {
	for done := 0; done < len(p); {
		at := (off + int64(done)) % w.holds
		n := min(len(p)-done, int(w.holds-at))
		if _, err := do(p[done:done+n], at); err != nil {
			return done, err
		}
		done += n
	}
	return len(p), nil
}

// Losing holds fewer bytes than it says: it takes what is written behind its end, and reads as zeros there. It remembers the
// last few writes, as a stick's own cache does.
func Losing(holds int64, remembers int) func(Flash) Flash {
	return func(f Flash) Flash { return &losing{Flash: f, holds: holds, remembers: remembers} }
}

type losing struct {
	Flash
	holds     int64
	remembers int
	recent    []remembered
}

type remembered struct {
	off  int64
	data []byte
}

func (l *losing) ReadAt(p []byte, off int64) (int, error) {
	n := max(0, min(int64(len(p)), l.holds-off))
	clear(p[n:])
	if _, err := l.Flash.ReadAt(p[:n], off); err != nil {
		return 0, err
	}
	for _, r := range l.recent {
		for i, b := range r.data {
			if at := r.off + int64(i) - off; at >= 0 && at < int64(len(p)) {
				p[at] = b
			}
		}
	}
	return len(p), nil
}

func (l *losing) WriteAt(p []byte, off int64) (int, error) {
	if n := max(0, min(int64(len(p)), l.holds-off)); n > 0 {
		if _, err := l.Flash.WriteAt(p[:n], off); err != nil {
			return 0, err
		}
	}
	l.recent = append(l.recent, remembered{off, append([]byte(nil), p...)})
	l.recent = l.recent[max(0, len(l.recent)-l.remembers):]
	return len(p), nil
}

// Breaking does what it should until so many bytes were written, and is then gone: all that is asked of it fails.
// then, if it isn't nil, is called at that moment.
func Breaking(after int64, then func()) func(Flash) Flash {
	return func(f Flash) Flash { return &breaking{Flash: f, left: after, then: then} }
}

type breaking struct {
	Flash
	left int64
	gone atomic.Bool
	then func()
}

func (b *breaking) ReadAt(p []byte, off int64) (int, error) {
	if b.gone.Load() {
		return 0, unix.ENODEV
	}
	return b.Flash.ReadAt(p, off)
}

func (b *breaking) WriteAt(p []byte, off int64) (int, error) {
	b.left -= int64(len(p))
	if b.left < 0 && !b.gone.Swap(true) && b.then != nil {
		b.then()
	}
	if b.gone.Load() {
		return 0, unix.ENODEV
	}
	return b.Flash.WriteAt(p, off)
}

// Flipping has a cell that is stuck: one bit of one byte comes back changed.
func Flipping(at int64) func(Flash) Flash {
	return func(f Flash) Flash { return flipping{f, at} }
}

type flipping struct {
	Flash
	at int64
}

func (f flipping) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.Flash.ReadAt(p, off)
	if i := f.at - off; err == nil && i >= 0 && i < int64(n) {
		p[i] ^= 0x10
	}
	return n, err
}

// Worn takes all that is written, without a word, and keeps what it had.
func Worn(f Flash) Flash { return worn{f} }

type worn struct{ Flash }

func (worn) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// Watched calls seen before each write, with its place and length.
func Watched(seen func(off, n int64)) func(Flash) Flash {
	return func(f Flash) Flash { return watched{f, seen} }
}

type watched struct {
	Flash
	seen func(off, n int64)
}

func (w watched) WriteAt(p []byte, off int64) (int, error) {
	w.seen(off, int64(len(p)))
	return w.Flash.WriteAt(p, off)
}
