package ui

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// An excerpter is an error that can show the place it speaks of: the line of a file, and a caret below the column.
type excerpter interface {
	error
	Excerpt() string
}

// PrintError tells a person about err, in program's name: what went wrong, the place in a file if an error in the
// chain has one (a method Excerpt() string), and the hints. Errors that were joined (errors.Join) are told one by one,
// each with its own excerpt and hint. A nil err prints nothing.
func PrintError(w io.Writer, program string, err error) {
	if err == nil {
		return
	}
	colour := paletteFor(w)
	if ExitCode(err) == ExitInterrupted {
		_, _ = fmt.Fprintf(w, "%s: interrupted\n", program)
		return
	}
	var b strings.Builder
	told, hints := separate(err)
	for _, one := range told {
		fmt.Fprintf(&b, "%s: %s %s\n", program, colour.paint(red, "error:"), colour.paint(bold, printable(one.message)))
		var place excerpter
		if errors.As(one.err, &place) {
			b.WriteString(ended(printable(place.Excerpt())))
		}
		writeHint(&b, colour, HintOf(one.err))
	}
	for _, hint := range hints {
		writeHint(&b, colour, hint)
	}
	_, _ = io.WriteString(w, b.String())
}

// ended returns s with a line break at its end, or "" for "".
func ended(s string) string {
	if s = strings.TrimRight(s, "\n"); s == "" {
		return ""
	}
	return s + "\n"
}

func writeHint(b *strings.Builder, colour palette, hint string) {
	if hint = strings.TrimSpace(printable(hint)); hint != "" {
		label := "hint:"
		fmt.Fprintf(b, "%s %s\n", colour.paint(bold, label), strings.ReplaceAll(hint, "\n", "\n      "))
	}
}

// A telling is one error with the message that it is told with: its own after those of what it was wrapped in.
type telling struct {
	message string
	err     error
}

// separate takes joined errors apart. The hints that were given for all of them together come beside.
//
// Only a join is taken apart, an error whose message is those of its parts on lines of their own: the parts of
// fmt.Errorf("%w: %w") make one sentence.
func separate(err error) (told []telling, hints []string) {
	prefix := ""
	for at := err; ; {
		if h, ok := at.(hinted); ok { //nolint:errorlint // the loop is what walks the chain
			hints = append(hints, h.hint)
		}
		switch u := at.(type) { //nolint:errorlint // as above
		case interface{ Unwrap() []error }:
			parts := u.Unwrap()
			if len(parts) == 0 || at.Error() != joined(parts) {
				return []telling{{err.Error(), err}}, nil
			}
			for _, part := range parts {
				inner, more := separate(part)
				for _, one := range inner {
					told = append(told, telling{prefix + one.message, one.err})
				}
				hints = append(more, hints...)
			}
			return told, hints
		case interface{ Unwrap() error }:
			next := u.Unwrap()
			if next == nil {
				return []telling{{err.Error(), err}}, nil
			}
			before, ok := strings.CutSuffix(at.Error(), next.Error())
			if !ok {
				return []telling{{err.Error(), err}}, nil
			}
			prefix, at = prefix+before, next
		default:
			return []telling{{err.Error(), err}}, nil
		}
	}
}

func joined(parts []error) string {
	messages := make([]string, len(parts))
	for i, part := range parts {
		messages[i] = part.Error()
	}
	return strings.Join(messages, "\n")
}
