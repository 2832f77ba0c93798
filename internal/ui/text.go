package ui

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// Printable is what a person may be shown of s, which came from outside: what a terminal would obey is escaped.
func Printable(s string) string { return printable(s) }

// printable returns s with everything escaped that a terminal would obey rather than show. Names, outputs and error
// texts come from files and guests. Line breaks and tabs stay.
func printable(s string) string {
	if strings.IndexFunc(s, obeyed) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if obeyed(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// obeyed reports whether r steers a terminal: control characters, and those that turn the direction of writing.
func obeyed(r rune) bool {
	return r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}

// oneLine is [printable] on a single line.
func oneLine(s string) string {
	return printable(strings.Join(strings.Fields(s), " "))
}

// width is how many columns s takes on a terminal.
func width(s string) int { return runewidth.StringWidth(s) }

// pad fills s up with blanks to n columns, on the right, or on the left when n is negative.
func pad(s string, n int) string {
	if n < 0 {
		return strings.Repeat(" ", max(0, -n-width(s))) + s
	}
	return s + strings.Repeat(" ", max(0, n-width(s)))
}

// Escape sequences of a terminal (ECMA-48 SGR).
const (
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	red    = "\x1b[1;31m"
	normal = "\x1b[0m"
)

// A palette paints text, or leaves it as it is.
type palette bool

func (p palette) paint(how, s string) string {
	if !p || s == "" || how == "" {
		return s
	}
	return how + s + normal
}

// paletteFor paints on terminals, unless the user asked for none (https://no-color.org).
func paletteFor(w io.Writer) palette {
	f, ok := w.(*os.File)
	return palette(ok && isTerminal(f) && os.Getenv("NO_COLOR") == "")
}

// isTerminal reports whether f is a terminal that can move its cursor.
func isTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}
