package ui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// A style is how the lines of a terminal look.
type style struct {
	palette
	full, empty, cut string // of a bar, and where text was cut
}

// styleFor keeps to ASCII unless the locale says UTF-8.
func styleFor(w io.Writer) style {
	s := style{palette: paletteFor(w), full: "=", empty: "-", cut: "..."}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(os.Getenv(name)); locale != "" {
			if strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8") {
				s.full, s.empty, s.cut = "━", "─", "…"
			}
			break
		}
	}
	return s
}

// A layout is where things stand on a line: all that may be used of it, and the part that is for the name.
type layout struct{ columns, name int }

// A line is painted text and the columns that it takes.
type line struct {
	painted string
	width   int
}

// Columns of what a running phase shows, so that nothing jumps while figures change.
const (
	wideLine   = 100 // from here on there is room for the total
	barMost    = 24
	barLeast   = 6
	sizeWidth  = 8  // "1.26 GB"
	rateWidth  = 10 // "18.2 MB/s"
	timeWidth  = 10 // "2 min 05 s"
	leftWidth  = 15 // "2 min 05 s left"
	wholeWidth = 20 // "112 MB of 214 MB"
)

// running is the line of a phase that runs: name, bar, part, size, rate, time left, what it is at. What there is no room
// for goes, from the right.
func (s style) running(w *work, now time.Time, at layout) line {
	l := s.measured(w, now, at)
	const least = 10
	if doing := w.doing(); doing != "" && at.columns-l.width-2 >= least {
		doing = s.shorten(doing, at.columns-l.width-2)
		l = line{l.painted + "  " + doing, l.width + 2 + width(doing)}
	}
	return l
}

// measured is running without what the phase is at.
func (s style) measured(w *work, now time.Time, at layout) line {
	bytes := w.bytes.Load()
	rate := w.rate.read(now, bytes)
	text := "  " + pad(s.shorten(w.name, at.name), at.name)

	var parts []string
	speed := ""
	if rate > 0 {
		speed = Bytes(int64(rate)) + "/s"
	}
	if w.total == 0 {
		if bytes > 0 {
			parts = append(parts, pad(Bytes(bytes), -sizeWidth), pad(speed, -rateWidth))
		}
		parts = append(parts, pad(wholeDuration(now.Sub(w.began)), -timeWidth))
		return s.fit(at.columns, text, parts...)
	}

	done := min(1, float64(bytes)/float64(w.total))
	size, sizes := Bytes(bytes), sizeWidth
	if at.columns >= wideLine {
		size, sizes = amount(bytes, w.total), wholeWidth
	}
	parts = append(parts, fmt.Sprintf("%3d%%", int(done*100)), pad(size, -sizes), pad(speed, -rateWidth))
	if rate > 0 && bytes < w.total {
		left := time.Duration(float64(w.total-bytes) / rate * float64(time.Second))
		parts = append(parts, wholeDuration(max(left, time.Second))+" left")
	}
	room := at.columns - width(text) - 2 - len("100%") - 2 - sizes - 2 - rateWidth - 2 - leftWidth - 2
	if room < barLeast {
		return s.fit(at.columns, text, parts...)
	}
	room = min(room, barMost)
	full := int(done * float64(room))
	rest := s.fit(at.columns-width(text)-2-room, "", parts...)
	bar := strings.Repeat(s.full, full) + s.paint(faint, strings.Repeat(s.empty, room-full))
	return line{text + "  " + bar + rest.painted, width(text) + 2 + room + rest.width}
}

// ended is the line that stays of a phase: name, size, time, and what came of it.
func (s style) ended(w *work, outcome string, err error, at layout) string {
	size := ""
	if bytes := w.bytes.Load(); bytes > 0 {
		size = Bytes(bytes)
		if outcome == size {
			outcome = ""
		}
	}
	text := "  " + pad(s.shorten(w.name, at.name), at.name)
	facts := s.fit(at.columns, text, pad(size, -sizeWidth), pad(Duration(time.Since(w.began)), -timeWidth))
	how := ""
	if err != nil {
		outcome, how = "failed: "+why(err), red
	}
	rest := s.shorten(outcome, at.columns-facts.width-2)
	if rest == "" {
		return strings.TrimRight(facts.painted, " ")
	}
	return facts.painted + "  " + s.paint(how, rest)
}

// fit puts parts behind text, as many as fit into so many columns, two blanks apart. Text that is too long by itself
// is cut.
func (s style) fit(columns int, text string, parts ...string) line {
	text = s.shorten(text, columns)
	for _, part := range parts {
		if width(text)+2+width(part) > columns {
			break
		}
		text += "  " + part
	}
	return line{text, width(text)}
}

// shorten cuts text to so many columns and says so, where there is room to say it.
func (s style) shorten(text string, columns int) string {
	cut := s.cut
	if width(cut) > columns {
		cut = ""
	}
	return runewidth.Truncate(text, max(0, columns), cut)
}
