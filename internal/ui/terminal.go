package ui

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// A terminal shows each running phase on a live line at the bottom, and leaves a line above for each that ended.
//
// It draws in one write and leaves the cursor at the start of the line below. It changes no setting of the terminal
// and hides no cursor, so that a program that is killed leaves nothing to be mended.
type terminal struct {
	size  func() (columns, rows int)
	style style

	mu    sync.Mutex
	w     io.Writer
	live  []*work
	drawn []int // widths of the live lines on the screen
	names int   // columns of the longest name
	timer *time.Timer
	shut  bool
}

func newTerminal(w io.Writer, size func() (int, int), s style) *terminal {
	t := &terminal{w: w, size: size, style: s}
	t.timer = time.AfterFunc(terminalEvery, t.tick)
	t.timer.Stop()
	return t
}

// sizeOf returns what tells the size of the terminal w as it is at the time.
func sizeOf(w io.Writer) func() (columns, rows int) {
	return func() (int, int) {
		if f, ok := w.(*os.File); ok {
			if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
				return columns, rows
			}
		}
		return 80, 24
	}
}

func (t *terminal) Begin(name string, total int64) Phase {
	w := newWork(name, total, t.end)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shut {
		return silent{}
	}
	t.names = max(t.names, width(w.name))
	t.live = append(t.live, w)
	t.draw()
	t.timer.Reset(terminalEvery)
	return w
}

func (t *terminal) tick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.live) > 0 {
		t.draw()
		t.timer.Reset(terminalEvery)
	}
}

func (t *terminal) end(w *work, outcome string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.live, w)
	if i < 0 {
		return
	}
	t.live = slices.Delete(t.live, i, i+1)
	if len(t.live) == 0 {
		t.timer.Stop()
	}
	columns, _ := t.size()
	t.draw(t.style.ended(w, outcome, err, t.layout(columns)))
}

func (t *terminal) Note(message string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// A note is read and copied: the terminal wraps it, nothing is cut.
	t.draw(strings.Split(strings.TrimRight(printable(message), "\n"), "\n")...)
}

func (t *terminal) Close() {
	t.mu.Lock()
	t.shut = true
	unfinished := slices.Clone(t.live)
	t.mu.Unlock()
	for _, w := range unfinished {
		w.Fail(errUnfinished)
	}
}

// draw writes the lines that stay, and the live ones anew below them. The lock is held.
func (t *terminal) draw(stay ...string) {
	columns, rows := t.size()
	var b strings.Builder
	up := 0
	for _, w := range t.drawn {
		// A window made narrower since has wrapped what it shows.
		up += max(1, (w+columns-1)/columns)
	}
	if up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", up)
	}
	for _, line := range stay {
		b.WriteString(line + "\x1b[K\n")
	}
	t.drawn = t.drawn[:0]
	for _, line := range t.lines(columns, rows) {
		b.WriteString(line.painted + "\x1b[K\n")
		t.drawn = append(t.drawn, line.width)
	}
	if up > 0 {
		b.WriteString("\x1b[J")
	}
	_, _ = io.WriteString(t.w, b.String())
}

// lines are the live lines, not more than leave room for the cursor.
func (t *terminal) lines(columns, rows int) []line {
	room := max(1, rows-1)
	shown := slices.DeleteFunc(slices.Clone(t.live), func(w *work) bool { return w.mute.Load() })
	all := len(shown)
	if len(shown) > room {
		shown = shown[:max(0, room-1)]
	}
	now := time.Now()
	out := make([]line, 0, len(shown)+1)
	for _, w := range shown {
		out = append(out, t.style.running(w, now, t.layout(columns)))
	}
	if more := all - len(shown); more > 0 {
		out = append(out, t.style.fit(columns-1, fmt.Sprintf("  and %d more", more)))
	}
	return out
}

func (t *terminal) layout(columns int) layout {
	// The last column stays free: terminals differ in what they do when it is written to.
	return layout{columns: columns - 1, name: min(max(t.names, 18), max(8, columns/3))}
}
