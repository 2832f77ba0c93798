package yamlfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"nhos.org/nhos/internal/ui"
)

// An Origin is a place in a file. Line and column count from 1.
type Origin struct {
	File   string `json:"file"` // relative to the definitions folder, with slashes
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String gives the origin as FILE:LINE:COLUMN, or FILE alone where it is a whole file.
func (o Origin) String() string {
	switch {
	case o == Origin{}:
		return "built-in default"
	case o.Line == 0:
		return o.File
	}
	return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
}

// Compare orders places of the same file.
func (o Origin) Compare(with Origin) int {
	return cmp.Or(cmp.Compare(o.Line, with.Line), cmp.Compare(o.Column, with.Column))
}

// An Error is one thing that is wrong in a file. What to do about it is a hint (ui.HintOf).
type Error struct {
	Origin  Origin // Line is 0 where the file as a whole is wrong
	Message string

	line string // the line of the file that Origin points to
}

func (e *Error) Error() string { return e.Origin.String() + ": " + e.Message }

// excerptRunes is how much of a long line an excerpt shows on either side of the caret.
const excerptRunes = 60

// Excerpt returns the line that is wrong, with its number, and a caret under the column, as two lines without a newline
// at the end. It is "" where the error is about a whole file. What can't be printed is shown as "?", so that a file
// can't steer the reader's terminal.
func (e *Error) Excerpt() string {
	if e.Origin.Line == 0 {
		return ""
	}
	line := []rune(strings.TrimRight(e.line, "\r"))
	at := min(max(e.Origin.Column-1, 0), len(line))
	from, to := 0, len(line)
	if len(line) > 2*excerptRunes {
		from, to = max(at-excerptRunes, 0), min(at+excerptRunes, len(line))
	}
	text, pad := line[from:to], make([]rune, at-from)
	for i, r := range text {
		if r != '\t' && !unicode.IsPrint(r) {
			text[i] = '?'
		}
		if i < len(pad) {
			pad[i] = ' '
			if r == '\t' { // as wide as in the line above
				pad[i] = '\t'
			}
		}
	}
	number := fmt.Sprintf("%6d", e.Origin.Line)
	return fmt.Sprintf("%s | %s\n%*s | %s^", number, string(text), len(number), "", string(pad))
}

// A Report gathers all that is wrong, so that a person sees it at once.
type Report struct {
	// Page is the page of the documentation that has all keys: "docs/definitions.md".
	Page string

	sources map[string][]string // lines by file, in which errors are shown
	digests map[string]string   // SHA-256 by file
	order   []string            // files in the order that they were read
	errors  map[string][]hintedError
}

type hintedError struct {
	*Error
	hint string
}

// NewReport returns an empty report; page is a page of the documentation.
func NewReport(page string) *Report {
	return &Report{Page: page, sources: map[string][]string{}, digests: map[string]string{}, errors: map[string][]hintedError{}}
}

// Fresh returns a report without errors that shows the lines of the files which r has read.
func (r *Report) Fresh() *Report {
	fresh := NewReport(r.Page)
	fresh.sources = r.sources
	return fresh
}

// NewError returns an error that shows the line of sources (lines by file) that at points to.
func NewError(sources map[string][]string, at Origin, message string) *Error {
	e := &Error{Origin: at, Message: message}
	if lines := sources[at.File]; at.Line > 0 && at.Line <= len(lines) {
		e.line = lines[at.Line-1]
	}
	return e
}

// Sources are the lines of the files that were read, by file.
func (r *Report) Sources() map[string][]string { return r.sources }

// Files are the files that were read, in the order that they were.
func (r *Report) Files() []string { return r.order }

// Digests are the SHA-256 of the files that were read, in hexadecimal, by file.
func (r *Report) Digests() map[string]string { return r.digests }

// Errors are what was found wrong with a file so far, in the order that it was found.
func (r *Report) Errors(file string) []*Error {
	var all []*Error
	for _, e := range r.errors[file] {
		all = append(all, e.Error)
	}
	return all
}

// open makes the lines of a file known, and its place among the files.
func (r *Report) open(file string, lines []string) {
	r.sources[file] = lines
	if !slices.Contains(r.order, file) {
		r.order = append(r.order, file)
	}
}

// Add records an error; hint may be "".
func (r *Report) Add(at Origin, hint, format string, args ...any) {
	e := NewError(r.sources, at, fmt.Sprintf(format, args...))
	if !slices.Contains(r.order, at.File) {
		r.order = append(r.order, at.File)
	}
	r.errors[at.File] = append(r.errors[at.File], hintedError{e, hint})
}

// Err joins what was found, by file as read and by line; nil if nothing was.
func (r *Report) Err() error {
	var all []error
	for _, file := range r.order {
		found := r.errors[file]
		slices.SortStableFunc(found, func(a, b hintedError) int { return a.Origin.Compare(b.Origin) })
		for _, e := range found {
			if e.hint == "" {
				all = append(all, e.Error)
			} else {
				all = append(all, ui.Hint(e.Error, e.hint))
			}
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return errors.Join(all...)
}

// Quote quotes what a file says for a message, and shortens it if it is long.
func Quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	return strconv.Quote(s)
}
