package write

import (
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/rescue/sticktest"
)

const mib = 1 << 20

// try writes marks to flash that has place for an offset where physical says (-1: nowhere), and judges what comes back.
func try(size int64, physical func(int64) int64) (marks, error) {
	m := newMarks(size)
	cells := map[int64][]byte{}
	for i := len(m.offsets) - 1; i >= 0; i-- {
		if at := physical(m.offsets[i]); at >= 0 {
			buf := make([]byte, markBytes)
			m.fill(buf, m.offsets[i])
			cells[at] = buf
		}
	}
	var found []sighting
	for _, o := range m.offsets {
		buf, ok := cells[physical(o)]
		if !ok {
			buf = make([]byte, markBytes)
		}
		found = append(found, m.recognise(buf, o))
	}
	return m, judge(size, found)
}

func sizes(t *rapid.T) int64 {
	return rapid.Int64Range(8*mib/512, 4<<40/512).Draw(t, "sectors") * 512
}

// A good stick of any size is never accused, and its marks are where they may be.
func TestMarksOfAGoodStick(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := sizes(t)
		m, err := try(size, func(o int64) int64 { return o })
		if err != nil {
			t.Fatal(err)
		}
		before := int64(headBytes - markBytes)
		for _, o := range m.offsets {
			if o%markBytes != 0 || o < before+markBytes || o+markBytes > size {
				t.Fatalf("a mark at %d of %d, after one at %d", o, size, before)
			}
			before = o
		}
		if len(m.offsets) > 100 || size-before >= 2*markBytes {
			t.Fatalf("%d marks, the last one at %d of %d", len(m.offsets), before, size)
		}
	})
}

// A stick that wraps around at a power of two, or at a part of what it says, is always found, with its real size.
func TestMarksOfAStickThatWraps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := sizes(t)
		holds := size / rapid.Int64Range(2, 16).Draw(t, "part")
		if rapid.Bool().Draw(t, "power of two") {
			holds = 1 << rapid.IntRange(21, 41).Draw(t, "power")
		}
		holds -= holds % markBytes
		if holds < 2*mib || holds > size-2*mib {
			t.Skip("not a lie that matters")
		}
		_, err := try(size, func(o int64) int64 { return o % holds })
		var fake *FakeError
		if !errors.As(err, &fake) || !fake.Wraps || fake.HoldsBytes != holds {
			t.Fatalf("%d of %d: %v", holds, size, err)
		}
	})
}

// One that loses what is behind its end is always found, and so is one that writes all of that over its last block.
func TestMarksOfAStickThatLoses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := sizes(t)
		holds := rapid.Int64Range(2*mib, size-2*mib).Draw(t, "holds") / markBytes * markBytes
		beyond := rapid.SampledFrom([]int64{-1, holds - markBytes}).Draw(t, "where to")
		_, err := try(size, func(o int64) int64 {
			if o >= holds {
				return beyond
			}
			return o
		})
		var fake *FakeError
		if !errors.As(err, &fake) || fake.HoldsBytes > size {
			t.Fatalf("%d of %d: %v", holds, size, err)
		}
		if beyond < 0 && (fake.Wraps || fake.HoldsBytes < holds || fake.HoldsBytes > 2*holds+2*mib) {
			t.Fatalf("%d of %d: %v", holds, size, err)
		}
	})
}

// Marks of another run are none.
func TestMarksOfAnotherRun(t *testing.T) {
	a, b := newMarks(64*mib), newMarks(64*mib)
	buf := make([]byte, markBytes)
	a.fill(buf, a.offsets[0])
	if s := b.recognise(buf, a.offsets[0]); s.found != -1 {
		t.Errorf("another run's mark is taken for that of %d", s.found)
	}
	if s := a.recognise(buf, a.offsets[0]); s.found != a.offsets[0] {
		t.Errorf("its own isn't recognised: %+v", s)
	}
	buf[markBytes-1] ^= 1
	if s := a.recognise(buf, a.offsets[0]); s.found != -1 {
		t.Error("a mark with a flipped bit is taken for good")
	}
}

// What is wiped is behind the image, on the disk, in order, apart, and all of what has to be.
func TestWipes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := sizes(t)
		end := rapid.Int64Range(1, size/512).Draw(t, "end") * 512
		var parts []device.Part
		for range rapid.IntRange(0, 5).Draw(t, "partitions") {
			start := rapid.Int64Range(0, size/512-1).Draw(t, "start")
			length := rapid.Int64Range(1, size/512).Draw(t, "length") // a table may say more than there is
			parts = append(parts, device.Part{StartBytes: start * 512, SizeBytes: length * 512})
		}
		offsets := markOffsets(size)
		spans := wipes(end, size, parts, offsets)
		before := int64(-1)
		for _, s := range spans {
			if s.start <= before || s.start < end || s.end > size || s.start >= s.end || s.start%512 != 0 || s.end%512 != 0 {
				t.Fatalf("%d to %d of %d, image to %d, after %d", s.start, s.end, size, end, before)
			}
			before = s.end
		}
		wiped := func(at int64) bool {
			for _, s := range spans {
				if at >= s.start && at < s.end {
					return true
				}
			}
			return at < end || at >= size
		}
		places := []int64{end, size - 1, size - headBytes}
		for _, p := range parts {
			places = append(places, p.StartBytes, p.StartBytes+headBytes-1)
		}
		for _, o := range offsets {
			places = append(places, o, o+markBytes-1)
		}
		for _, p := range places {
			if !wiped(p) {
				t.Fatalf("byte %d of %d stays, image to %d", p, size, end)
			}
		}
	})
}

// What is read is what the device has, and not what the kernel remembers of it, with O_DIRECT and without.
func TestReadsPastTheCache(t *testing.T) {
	for name, direct := range map[string]int{"direct": unix.O_DIRECT, "through the cache": 0} {
		t.Run(name, func(t *testing.T) {
			var spoil atomic.Int64
			spoil.Store(-1)
			stick := sticktest.Faulty(t, 8*mib, func(f sticktest.Flash) sticktest.Flash { return spoilt{f, &spoil} })
			m := sticktest.NewMachine(t, t.TempDir())
			k, err := openWith(m.Plug(t, stick, sticktest.Hardware{Bus: "usb", Serial: filepath.Base(stick.Path)}), direct)
			if err != nil {
				t.Fatal(err)
			}
			defer k.close()
			buf := aligned(mib)
			for i := range buf {
				buf[i] = byte(i)
			}
			if err := errors.Join(k.write(buf, mib), k.flush(), k.read(buf, mib)); err != nil {
				t.Fatal(err)
			}
			if buf[5000] != 5000&0xff {
				t.Fatal("it doesn't read what was written")
			}
			spoil.Store(mib + 5000)
			if err := errors.Join(k.flush(), k.read(buf, mib)); err != nil {
				t.Fatal(err)
			}
			if buf[5000] == 5000&0xff {
				t.Error("it reads what isn't there any more")
			}
		})
	}
}

type spoilt struct {
	sticktest.Flash
	at *atomic.Int64 // -1: nowhere
}

func (s spoilt) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.Flash.ReadAt(p, off)
	if i := s.at.Load() - off; s.at.Load() >= 0 && i >= 0 && i < int64(n) {
		p[i] ^= 0xff
	}
	return n, err
}
