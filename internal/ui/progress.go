package ui

import (
	"io"
	"os"
	"time"
)

// Progress shows long work as it goes: on a terminal one line a phase with rate and time left, elsewhere plain lines
// with times, with --json a stream of events. It is safe for use by several goroutines.
type Progress interface {
	// Begin starts a phase. total is its size in bytes; 0 says that it isn't known. Several phases may run at once.
	Begin(name string, total int64) Phase
	// Note says one thing that isn't a phase.
	Note(message string)
}

// A Phase is one piece of work that has a beginning and an end. What comes after its end is ignored.
type Phase interface {
	// Add counts n more bytes as done.
	Add(n int64)
	// At says what the phase is at, in few words; "" is nothing worth telling. It is shown as long as that goes on.
	At(doing string)
	// Hush lets the phase be silent until its end: somebody else has the screen.
	Hush()
	// Done ends the phase; outcome says in few words what came of it ("reused", "214 MB"), or is "".
	Done(outcome string)
	// Fail ends the phase with the reason that it failed. It isn't the error's only mention: the caller returns it too.
	Fail(err error)
}

// A Display is a Progress that somebody looks at. Whoever made it closes it before anything else is written to its
// writer, also after an interruption; phases that still run are shown as not finished.
type Display interface {
	Progress
	Close()
}

// A Mode is a way to show progress.
type Mode int

// The modes.
const (
	Silent   Mode = iota // nothing at all
	Plain                // a line for each phase that ended, and one every ten seconds while it lasts
	Terminal             // live lines that are drawn over
	JSON                 // an event a line
)

// How often a phase that lasts is told about anew.
const (
	plainEvery    = 10 * time.Second
	jsonEvery     = time.Second
	terminalEvery = 100 * time.Millisecond
)

// ModeFor returns the mode that suits w: JSON if it was asked for, live lines on a terminal, plain lines elsewhere.
// NO_COLOR takes the colours away and leaves the lines live.
func ModeFor(w *os.File, json bool) Mode {
	switch {
	case json:
		return JSON
	case isTerminal(w):
		return Terminal
	default:
		return Plain
	}
}

// NewProgress returns a display on w. Errors in writing to w are ignored: work doesn't fail because nobody looks.
func NewProgress(w io.Writer, mode Mode) Display {
	switch mode {
	case Plain:
		return newStream(w, plainEvery, plainLine)
	case JSON:
		return newStream(w, jsonEvery, jsonLine)
	case Terminal:
		return newTerminal(w, sizeOf(w), styleFor(w))
	default:
		return silent{}
	}
}

type silent struct{}

func (silent) Begin(string, int64) Phase { return silent{} }
func (silent) Note(string)               {}
func (silent) Close()                    {}
func (silent) Add(int64)                 {}
func (silent) At(string)                 {}
func (silent) Hush()                     {}
func (silent) Done(string)               {}
func (silent) Fail(error)                {}
