package write

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"nhos.org/nhos/internal/ui"
)

// Sticks are sold whose controller was made to say that it has more than it has. What is written behind the real end
// either wraps around, onto what is at the beginning, or is lost. A mark is a block that says where it was written, so a stick
// is asked at few places, and answers in a second or two.
//
// Wrapping around shows when two marks lie where one is. A controller that leaves out the upper bits of the address wraps
// at a power of two, others at a part of what they say; so there is a first mark, and others as far from it as all such
// sizes are. They are written downwards: of two that fell on the same place the lower one is left, which is the one that
// belongs there, and the distance tells the real size. What is lost shows at the places themselves.
//
// A stick's own cache may give back what was lost. The highest mark is written first, so the others have the best chance to
// push it out; and those behind the image are read again after the image was written.

const (
	markBytes = 4096
	// firstMark is behind the first MiB, which stays empty meanwhile.
	firstMark = headBytes
)

// marks are the places of one stick's marks, and what tells them from those that another run left there.
type marks struct {
	offsets []int64 // ascending multiples of markBytes
	run     [16]byte
}

func newMarks(size int64) marks {
	m := marks{offsets: markOffsets(size)}
	_, _ = rand.Read(m.run[:]) // never fails (crypto/rand)
	return m
}

// markOffsets are the places for marks on a stick that says it has this size.
func markOffsets(size int64) []int64 {
	last := size/markBytes*markBytes - markBytes
	offsets := []int64{firstMark, last, last - headBytes}
	for step := int64(headBytes); step < size; step *= 2 {
		offsets = append(offsets, firstMark+step)
	}
	for n := int64(2); n <= 16; n++ {
		offsets = append(offsets, firstMark+size/n, size/16*(n-1))
	}
	for i := range offsets {
		offsets[i] -= offsets[i] % markBytes
	}
	slices.Sort(offsets)
	offsets = slices.Compact(offsets)
	return slices.DeleteFunc(offsets, func(o int64) bool { return o < firstMark || o > last })
}

// from are the marks at offset and behind it.
func (m marks) from(offset int64) marks {
	m.offsets = slices.DeleteFunc(slices.Clone(m.offsets), func(o int64) bool { return o < offset })
	return m
}

// fill makes buf the mark of a place: the run, the place, and bytes that only this mark has.
func (m marks) fill(buf []byte, offset int64) {
	head := binary.BigEndian.AppendUint64(m.run[:], uint64(offset))
	copy(buf, head)
	for at := len(head); at < len(buf); {
		part := sha256.Sum256(binary.BigEndian.AppendUint64(head, uint64(at)))
		at += copy(buf[at:], part[:])
	}
}

// A sighting is what was found at the place of a mark: the mark of that place, of another place, or none (-1), and then
// the first byte that is another.
type sighting struct {
	at, found int64
	different *DifferenceError
}

func (m marks) recognise(buf []byte, at int64) sighting {
	want := make([]byte, len(buf))
	if bytes.HasPrefix(buf, m.run[:]) {
		of := int64(binary.BigEndian.Uint64(buf[len(m.run):]))
		if m.fill(want, of); bytes.Equal(buf, want) {
			return sighting{at, of, nil}
		}
	}
	m.fill(want, at)
	i := firstOther(buf, want)
	return sighting{at, -1, &DifferenceError{at + int64(i), want[i], buf[i]}}
}

// judge says of a stick with marks what they show, which are in order: nil, a *FakeError, or a *DifferenceError if one is wrong that
// good ones lie behind.
func judge(size int64, found []sighting) error {
	fake := FakeError{SaysBytes: size, HoldsBytes: math.MaxInt64}
	var lost *sighting // the first one
	lastGood := int64(-1)
	for _, s := range found {
		switch {
		case s.found == s.at:
			lastGood = s.at
		case s.found >= 0:
			fake.Wraps = true
			fake.HoldsBytes = min(fake.HoldsBytes, max(s.at-s.found, s.found-s.at))
		case lost == nil:
			lost = &s
		}
	}
	switch {
	case !fake.Wraps && lost == nil:
		return nil
	case !fake.Wraps && lastGood > lost.at:
		return lost.different
	case lost != nil:
		fake.HoldsBytes = min(fake.HoldsBytes, lost.at)
	}
	return ui.Hint(&fake, "it is a fake or broken: throw it away, so that nobody trusts it with anything")
}

// A FakeError says that a stick holds less than it says.
type FakeError struct {
	SaysBytes  int64
	HoldsBytes int64 // at most
	Wraps      bool  // what is written behind that falls on what is before it; else it is lost
}

func (e *FakeError) Error() string {
	what := "is lost"
	if e.Wraps {
		what = "overwrites what is at its beginning"
	}
	return fmt.Sprintf("it says that it holds %s, and holds %s at most: what is written behind that %s", ui.Bytes(e.SaysBytes), ui.Bytes(e.HoldsBytes), what)
}
