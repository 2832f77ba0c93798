package ui

import (
	"cmp"
	"io"
	"math"
	"sync"
	"time"
)

// A PhaseRecord is what a [Recorder] kept of one phase.
type PhaseRecord struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
	Outcome string  `json:"outcome,omitempty"`
	Error   string  `json:"error,omitempty"` // set when it failed or never ended
}

// A Recorder is a Progress that passes everything on to another and keeps what the phases took.
type Recorder struct {
	next Progress

	mu     sync.Mutex
	phases []*recorded
}

// NewRecorder returns a recorder in front of next.
func NewRecorder(next Progress) *Recorder { return &Recorder{next: next} }

// Begin starts a phase and its record.
func (r *Recorder) Begin(name string, total int64) Phase {
	p := &recorded{next: r.next.Begin(name, total), recorder: r}
	p.work = newWork(name, total, p.end)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phases = append(r.phases, p)
	return p
}

// Note passes message on.
func (r *Recorder) Note(message string) { r.next.Note(message) }

// A recorded is a phase in two: the one that is shown, and a work that nobody looks at until it ended.
type recorded struct {
	*work
	next     Phase
	recorder *Recorder

	// Guarded by the recorder's lock.
	ended   time.Time
	outcome string
	err     error
}

func (p *recorded) Add(n int64) {
	p.work.Add(n)
	p.next.Add(n)
}

func (p *recorded) At(doing string) { p.next.At(doing) }

func (p *recorded) Hush() { p.next.Hush() }

func (p *recorded) Done(outcome string) {
	p.work.Done(outcome)
	p.next.Done(outcome)
}

func (p *recorded) Fail(err error) {
	p.work.Fail(err)
	p.next.Fail(err)
}

func (p *recorded) end(_ *work, outcome string, err error) {
	p.recorder.mu.Lock()
	defer p.recorder.mu.Unlock()
	p.ended, p.outcome, p.err = time.Now(), outcome, err
}

// Phases returns the records in the order in which the phases began.
func (r *Recorder) Phases() []PhaseRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	records := make([]PhaseRecord, len(r.phases))
	for i, p := range r.phases {
		ended, err := p.ended, p.err
		if ended.IsZero() {
			ended, err = time.Now(), errUnfinished
		}
		seconds := math.Round(ended.Sub(p.began).Seconds()*1000) / 1000
		records[i] = PhaseRecord{Name: p.name, Seconds: seconds, Bytes: p.bytes.Load(), Outcome: p.outcome}
		if err != nil {
			records[i].Error = why(err)
		}
	}
	return records
}

// Summary writes the phases as a table, and below them the time from the first begin to the last end; phases that ran
// at once make it less than their sum. total is the outcome of all of them, or "". Without phases it writes nothing.
func (r *Recorder) Summary(w io.Writer, total string) error {
	records := r.Phases()
	if len(records) == 0 {
		return nil
	}
	t := NewTable(Column{Title: "phase"}, Column{"time", true}, Column{"size", true}, Column{Title: "outcome"})
	for _, p := range records {
		size, outcome := "", p.Outcome
		if p.Bytes > 0 {
			size = Bytes(p.Bytes)
		}
		if outcome == size {
			outcome = ""
		}
		if p.Error != "" {
			outcome = "failed: " + p.Error
		}
		t.Add(p.Name, Duration(time.Duration(p.Seconds*float64(time.Second))), size, outcome)
	}
	t.Add("total", Duration(r.span()), "", total)
	return t.Write(w)
}

// span is the time from the first begin to the last end.
func (r *Recorder) span() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.phases[0].began
	for _, p := range r.phases {
		if end := cmp.Or(p.ended, time.Now()); end.After(last) {
			last = end
		}
	}
	return last.Sub(r.phases[0].began)
}
