package write

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
)

// verifyBody reads back all that writeBody wrote.
func (s *stick) verifyBody(ctx context.Context) error {
	work := relay{
		pieces: s.image.body(),
		fill:   func(p piece, buf []byte) error { return s.disk.read(buf[:s.disk.padded(p.length)], p.offset) },
		drain: func(p piece, buf []byte) error {
			if err := s.compare(p, buf); err != nil {
				return err
			}
			s.phase.Add(p.length)
			return nil
		},
	}
	return work.run(ctx)
}

// compare holds what was read back of a piece against the image: against its digest, and byte by byte once that differs.
func (s *stick) compare(p piece, buf []byte) error {
	padding := buf[p.length:s.disk.padded(p.length)]
	if sha256.Sum256(buf[:p.length]) == p.digest {
		if i := firstOther(padding, nil); i >= 0 {
			return &DifferenceError{p.offset + p.length + int64(i), 0, padding[i]}
		}
		return nil
	}
	want := make([]byte, p.length)
	if err := s.image.read(p, want); err != nil {
		return err
	}
	i := firstOther(buf[:p.length], want)
	return &DifferenceError{p.offset + int64(i), want[i], buf[i]}
}

// verifyEmpty looks for zeros, and gives the first byte that is none as a *DifferenceError.
func (s *stick) verifyEmpty(spans []span) error {
	buf := aligned(headBytes)
	for _, x := range spans {
		for at := x.start; at < x.end; at += headBytes {
			part := buf[:min(headBytes, x.end-at)]
			if err := s.disk.read(part, at); err != nil {
				return err
			}
			if i := firstOther(part, nil); i >= 0 {
				return &DifferenceError{at + int64(i), 0, part[i]}
			}
		}
	}
	return nil
}

// A DifferenceError is the first byte that came back otherwise than it was written.
type DifferenceError struct {
	Offset    int64 // in bytes, from the start of the stick
	Want, Got byte
}

func (e *DifferenceError) Error() string {
	return fmt.Sprintf("byte %d came back as 0x%02x and not as 0x%02x", e.Offset, e.Got, e.Want)
}

// firstOther is the first place at which got isn't want (nil: zeros), or -1.
func firstOther(got, want []byte) int {
	if want != nil && bytes.Equal(got, want) {
		return -1
	}
	for i, b := range got {
		if want == nil && b != 0 || want != nil && b != want[i] {
			return i
		}
	}
	return -1
}
