// Package trace writes down what ran when, in a file that Perfetto (ui.perfetto.dev) and chrome://tracing open.
//
// A trace has tracks, each with spans that lie in one another or one after another. The phases of a [ui.Progress] are
// spans of their own; what happens inside a phase hangs from it:
//
//	t, err := trace.Create("build.json")
//	progress := t.Progress(display)
//	phase := progress.Begin("layer base", 0)
//	trace.Of(phase).Time("mmdebstrap")()
//	t.Close()
//
// A nil trace and a nil span do nothing, so nobody who is traced has to ask whether somebody wants to know.
//
// The format is Chrome's Trace Event Format: complete events ("X") with times in microseconds.
package trace

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/renameio/v2"
)

// most bounds a trace: of what comes after so many spans, only the number is kept.
const most = 200_000

// A Trace is what ran when. It is safe for use by several goroutines.
type Trace struct {
	file  string
	begun time.Time

	mu     sync.Mutex
	spans  []*Span
	tracks []track
	lost   int
}

// A track is a line of spans. Those of a group are as many as ran at the same time.
type track struct {
	group string
	busy  bool
}

// Create begins a trace that [Trace.Close] writes to a file, which is made at once, so that a wrong path is told before
// the work. Without a file there is no trace, and that is no error.
func Create(file string) (*Trace, error) {
	if file == "" {
		return nil, nil
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		return nil, fmt.Errorf("writing a trace: %w", err)
	}
	return &Trace{file: file, begun: time.Now()}, nil
}

// A Span is one thing that ran, on a track.
type Span struct {
	trace *Trace
	name  string
	kind  string
	track int // index
	begun time.Time
	ended time.Time // zero while it runs
	args  map[string]string
}

// Begin begins a span on the first free track of a group.
func (t *Trace) Begin(group, name string) *Span {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.tracks, func(k track) bool { return k.group == group && !k.busy })
	if i < 0 {
		i = len(t.tracks)
		t.tracks = append(t.tracks, track{group: group})
	}
	t.tracks[i].busy = true
	s := &Span{trace: t, name: name, kind: group, track: i, begun: time.Now()}
	t.keep(s)
	return s
}

// keep adds a span. The lock is held.
func (t *Trace) keep(s *Span) {
	if len(t.spans) >= most {
		t.lost++
		return
	}
	t.spans = append(t.spans, s)
}

// End ends the span; args say what came of it. Only the first end counts.
func (s *Span) End(args map[string]string) {
	if s == nil {
		return
	}
	s.trace.mu.Lock()
	defer s.trace.mu.Unlock()
	if s.ended.IsZero() {
		s.ended, s.args = time.Now(), args
		s.trace.tracks[s.track].busy = false
	}
}

// Inside adds something that ran while s did, and has ended. A time outside s is cut to it: clocks are set.
func (s *Span) Inside(kind, name string, begun time.Time, took time.Duration) {
	if s == nil {
		return
	}
	s.trace.mu.Lock()
	defer s.trace.mu.Unlock()
	now := time.Now()
	if !s.ended.IsZero() {
		now = s.ended
	}
	ended := begun.Add(took)
	if begun.Before(s.begun) {
		begun = s.begun
	}
	if ended.After(now) {
		ended = now
	}
	if ended.Before(begun) {
		begun, ended = now, now
	}
	s.trace.keep(&Span{trace: s.trace, name: name, kind: kind, track: s.track, begun: begun, ended: ended})
}

// Time begins something inside s; the function that it returns ends it.
func (s *Span) Time(name string) func() {
	begun := time.Now()
	return func() { s.Inside("program", name, begun, time.Since(begun)) }
}

// Beside begins a span on the first free track of another group.
func (s *Span) Beside(group, name string) *Span {
	if s == nil {
		return nil
	}
	return s.trace.Begin(group, name)
}

// Close writes the trace. What still runs is marked as not finished.
func (t *Trace) Close() error {
	if t == nil {
		return nil
	}
	f, err := renameio.NewPendingFile(t.file, renameio.WithPermissions(0o644))
	if err == nil {
		defer func() { _ = f.Cleanup() }()
		if err = t.write(f); err == nil {
			err = f.CloseAtomicallyReplace()
		}
	}
	if err != nil {
		return fmt.Errorf("writing the trace: %w", err)
	}
	return nil
}

// An event is one of the format's. Times are in microseconds since the trace began.
type event struct {
	Name     string         `json:"name"`
	Category string         `json:"cat,omitempty"`
	Phase    string         `json:"ph"` // X: complete event, M: name of a track
	At       float64        `json:"ts"`
	Took     *float64       `json:"dur,omitempty"`
	Process  int            `json:"pid"`
	Thread   int            `json:"tid"`
	Args     map[string]any `json:"args,omitempty"`
}

func (t *Trace) write(w io.Writer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	events := []event{{Name: "process_name", Phase: "M", Process: 1, Args: map[string]any{"name": "nhos"}}}
	count := map[string]int{}
	for i, k := range t.tracks {
		count[k.group]++
		name := k.group
		if n := count[k.group]; n > 1 {
			name = fmt.Sprintf("%s %d", k.group, n)
		}
		events = append(events,
			event{Name: "thread_name", Phase: "M", Process: 1, Thread: i + 1, Args: map[string]any{"name": name}},
			event{Name: "thread_sort_index", Phase: "M", Process: 1, Thread: i + 1, Args: map[string]any{"sort_index": i}})
	}
	for _, s := range t.spans {
		args := map[string]any{}
		for name, value := range s.args {
			args[name] = value
		}
		ended := s.ended
		if ended.IsZero() {
			ended = now
			args["outcome"] = "not finished"
		}
		// The end is rounded and not the length: rounded lengths might reach into what follows.
		at, end := microseconds(s.begun.Sub(t.begun)), microseconds(ended.Sub(t.begun))
		took := end - at
		events = append(events, event{Name: s.name, Category: s.kind, Phase: "X", At: at, Took: &took, Process: 1, Thread: s.track + 1, Args: args})
	}
	if t.lost > 0 {
		events[0].Args["lost_spans"] = t.lost
	}
	return json.NewEncoder(w).Encode(struct {
		Events []event `json:"traceEvents"`
		Unit   string  `json:"displayTimeUnit"`
	}{events, "ms"})
}

// microseconds are whole, so that sums of them are exact.
func microseconds(d time.Duration) float64 { return float64(d.Microseconds()) }
