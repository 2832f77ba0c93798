package lock

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A field is one "Name: value" of a stanza; continuation lines stay in the value as they stood.
type field struct{ name, value string }

// A stanza is one paragraph of a Debian control file, its fields in the order that they stood in.
type stanza []field

func (s stanza) get(name string) string {
	for _, f := range s {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

// maxLine bounds a line of a control file. The longest of Debian's (a Provides of a Rust or Perl package) have 200 kB.
const maxLine = 4 << 20

// readStanzas calls each for every stanza of r, with the line that it begins at. The syntax is deb-control(5)'s.
func readStanzas(r io.Reader, each func(line int, s stanza) error) error {
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 64<<10), maxLine)
	var s stanza
	begin, line := 0, 0
	flush := func() error {
		if s == nil {
			return nil
		}
		done := s
		s = nil
		return each(begin, done)
	}
	for scan.Scan() {
		line++
		text := scan.Text()
		switch {
		case strings.TrimSpace(text) == "":
			if err := flush(); err != nil {
				return err
			}
		case text[0] == ' ' || text[0] == '\t':
			if s == nil {
				return fmt.Errorf("line %d: a continuation line without a field", line)
			}
			s[len(s)-1].value += "\n" + text
		default:
			name, value, ok := strings.Cut(text, ":")
			if !ok || name == "" || strings.ContainsAny(name, " \t") {
				return fmt.Errorf("line %d: %q is no field", line, clip(text))
			}
			if s == nil {
				begin = line
			}
			s = append(s, field{name, strings.TrimSpace(value)})
		}
	}
	if err := scan.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return fmt.Errorf("line %d: longer than %d bytes", line+1, maxLine)
		}
		return err
	}
	return flush()
}

func (s stanza) write(b *strings.Builder) {
	for _, f := range s {
		b.WriteString(f.name)
		b.WriteByte(':')
		if f.value != "" && !strings.HasPrefix(f.value, "\n") {
			b.WriteByte(' ')
		}
		b.WriteString(f.value)
		b.WriteByte('\n')
	}
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
