package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"
)

// An event is one thing that a display in lines tells. Its JSON is what --json prints, and programs rely on it.
type event struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"` // begin, progress, done, failed, note
	Phase   string    `json:"phase,omitempty"`
	Bytes   int64     `json:"bytes,omitempty"`   // done so far
	Total   int64     `json:"total,omitempty"`   // absent when it isn't known
	Seconds float64   `json:"seconds,omitempty"` // since the phase began
	At      string    `json:"at,omitempty"`      // what it is at
	Outcome string    `json:"outcome,omitempty"`
	Error   string    `json:"error,omitempty"`
	Message string    `json:"message,omitempty"` // of a note
}

func (e event) lasted() time.Duration { return time.Duration(e.Seconds * float64(time.Second)) }

// A stream tells of progress in lines that stay: an event at the begin and end of each phase, and one at each interval
// between. line writes an event out, or "" for one that isn't worth a line.
type stream struct {
	every time.Duration
	line  func(event) string

	mu   sync.Mutex
	w    io.Writer
	live map[*work]bool
	shut bool
}

func newStream(w io.Writer, every time.Duration, line func(event) string) *stream {
	return &stream{w: w, every: every, line: line, live: map[*work]bool{}}
}

func (s *stream) Begin(name string, total int64) Phase {
	w := newWork(name, total, s.end)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		return silent{}
	}
	s.live[w] = true
	s.tell("begin", w, nil)
	w.timer = time.AfterFunc(s.every, func() { s.still(w) })
	return w
}

// still tells that w goes on.
func (s *stream) still(w *work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live[w] {
		if !w.mute.Load() {
			s.tell("progress", w, func(e *event) { e.At = w.doing() })
		}
		w.timer.Reset(s.every)
	}
}

func (s *stream) end(w *work, outcome string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live[w] {
		return
	}
	delete(s.live, w)
	w.timer.Stop()
	if err != nil {
		s.tell("failed", w, func(e *event) { e.Error = why(err) })
	} else {
		s.tell("done", w, func(e *event) { e.Outcome = outcome })
	}
}

func (s *stream) Note(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(event{Event: "note", Message: printable(message)})
}

func (s *stream) Close() {
	s.mu.Lock()
	s.shut = true
	unfinished := inOrder(s.live)
	s.mu.Unlock()
	for _, w := range unfinished {
		w.Fail(errUnfinished)
	}
}

// tell writes what happened to w; more fills in what only some events have. The lock is held.
func (s *stream) tell(what string, w *work, more func(*event)) {
	e := event{Event: what, Phase: w.name, Bytes: w.bytes.Load(), Total: w.total}
	e.Seconds = math.Round(time.Since(w.began).Seconds()*1000) / 1000
	if more != nil {
		more(&e)
	}
	s.write(e)
}

func (s *stream) write(e event) {
	e.Time = time.Now().UTC().Truncate(time.Millisecond)
	if line := s.line(e); line != "" {
		_, _ = io.WriteString(s.w, line+"\n")
	}
}

func jsonLine(e event) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(e) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func plainLine(e event) string {
	switch e.Event {
	case "note":
		return e.Message
	case "progress":
		line := Duration(e.lasted())
		if e.Bytes > 0 {
			line = amount(e.Bytes, e.Total) + ", " + line
		}
		if e.At != "" {
			line += ": " + e.At
		}
		return fmt.Sprintf("[%s] %s", e.Phase, line)
	case "failed":
		return fmt.Sprintf("[%s] failed after %s: %s", e.Phase, Duration(e.lasted()), e.Error)
	case "done":
		line := fmt.Sprintf("[%s] done in %s", e.Phase, Duration(e.lasted()))
		if came := came(e.Bytes, e.Outcome); came != "" {
			line += ": " + came
		}
		return line
	default:
		return ""
	}
}

// amount says how far a phase is.
func amount(bytes, total int64) string {
	if total == 0 {
		return Bytes(bytes)
	}
	return Bytes(bytes) + " of " + Bytes(total)
}

// came says what came of a phase, and nothing twice.
func came(bytes int64, outcome string) string {
	switch {
	case bytes == 0 || outcome == Bytes(bytes):
		return outcome
	case outcome == "":
		return Bytes(bytes)
	default:
		return Bytes(bytes) + ", " + outcome
	}
}
