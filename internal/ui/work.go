package ui

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// errUnfinished is why a phase failed that was still running when its display was closed.
var errUnfinished = errors.New("not finished")

// A work is a phase as a display keeps it.
type work struct {
	name  string
	total int64
	began time.Time
	bytes atomic.Int64
	at    atomic.Pointer[string]
	mute  atomic.Bool
	once  sync.Once
	// end is the display's: it shows the end of the phase.
	end func(w *work, outcome string, err error)

	// What follows is guarded by the display's lock.
	timer *time.Timer
	rate  speedometer
}

func newWork(name string, total int64, end func(*work, string, error)) *work {
	return &work{name: oneLine(name), total: max(0, total), began: time.Now(), end: end}
}

func (w *work) Add(n int64) { w.bytes.Add(n) }

func (w *work) At(doing string) {
	doing = oneLine(doing)
	w.at.Store(&doing)
}

func (w *work) Hush() { w.mute.Store(true) }

// doing is what the phase is at.
func (w *work) doing() string {
	if at := w.at.Load(); at != nil {
		return *at
	}
	return ""
}

func (w *work) Done(outcome string) {
	w.once.Do(func() { w.end(w, oneLine(outcome), nil) })
}

func (w *work) Fail(err error) {
	if err == nil {
		err = errors.New("no reason given")
	}
	w.once.Do(func() { w.end(w, "", err) })
}

// why is err for the line of its phase.
func why(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return oneLine(err.Error())
}

// A speedometer tells the rate of the last few seconds, so that it is neither jumpy nor about long ago.
type speedometer struct{ marks []mark }

type mark struct {
	at    time.Time
	bytes int64
}

const (
	rateOver = 8 * time.Second // how far back the rate looks
	rateFrom = time.Second     // how long it must have looked to say anything
)

// read notes how many bytes are done now and returns bytes a second, or 0 while it is too early to say.
func (s *speedometer) read(now time.Time, bytes int64) float64 {
	s.marks = append(s.marks, mark{now, bytes})
	for len(s.marks) > 2 && now.Sub(s.marks[1].at) >= rateOver {
		s.marks = s.marks[1:]
	}
	seen := now.Sub(s.marks[0].at)
	if seen < rateFrom {
		return 0
	}
	return float64(bytes-s.marks[0].bytes) / seen.Seconds()
}

// inOrder returns the running phases in the order in which they began.
func inOrder(live map[*work]bool) []*work {
	return slices.SortedFunc(maps.Keys(live), func(a, b *work) int {
		return cmp.Or(a.began.Compare(b.began), strings.Compare(a.name, b.name))
	})
}
