package spine

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// utf8Text gives what a server sent as UTF-8. Text that isn't is taken for Windows-1252, whatever the XML declaration
// says: names of organisations come from older systems. Each piece between two tags is judged for itself, and as a
// whole, since two letters of Windows-1252 may look like one of UTF-8. The caller's bytes aren't changed.
func utf8Text(body []byte) []byte {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	out := make([]byte, 0, len(body)+len(body)/8)
	for len(body) > 0 {
		piece := body
		if i := bytes.IndexByte(body[1:], '<'); i >= 0 {
			piece = body[:i+1]
		}
		body = body[len(piece):]
		if utf8.Valid(piece) {
			out = append(out, piece...)
			continue
		}
		for _, b := range piece {
			out = utf8.AppendRune(out, charmap.Windows1252.DecodeByte(b))
		}
	}
	return out
}

// plain is text for people: on one line, without characters that steer a terminal or turn the direction of writing.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// htmlTitle is the title of an HTML page, and whether body is one at all.
func htmlTitle(body []byte) (title string, isHTML bool) {
	lower := lowerASCII(body)
	if !bytes.Contains(lower, []byte("<html")) {
		return "", false
	}
	from := bytes.Index(lower, []byte("<title>"))
	if from < 0 {
		return "", true
	}
	from += len("<title>")
	to := bytes.Index(lower[from:], []byte("</title"))
	if to < 0 {
		return "", true
	}
	return string(body[from : from+to]), true
}

// lowerASCII is a copy of b with A to Z in lower case, and of the same length.
func lowerASCII(b []byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}
