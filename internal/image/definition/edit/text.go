package edit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"nhos.org/nhos/internal/image/definition"
)

// A text is a definition file that was read. It isn't changed; a change gives another one.
type text struct {
	target   definition.Target
	mark     string // the byte order mark, if the file has one
	s        string // all after it
	lines    []int  // where each line begins in s
	document *ast.MappingNode
}

const byteOrderMark = "\ufeff"

func parse(t definition.Target, s string) (*text, error) {
	x := &text{target: t}
	x.s = strings.TrimPrefix(s, byteOrderMark)
	x.mark = s[:len(s)-len(x.s)]
	n, err := definition.Parse(t.File(), []byte(s))
	if err != nil {
		return nil, err
	}
	var ok bool
	if x.document, ok = n.(*ast.MappingNode); !ok {
		return nil, fmt.Errorf("%s holds no keys and values", t.File())
	}
	x.lines = []int{0}
	for i, c := range x.s {
		if c == '\n' {
			x.lines = append(x.lines, i+1)
		}
	}
	_, err = meaning(x.document)
	return x, err
}

func (x *text) String() string { return x.mark + x.s }

// A patch replaces the bytes of a text from one offset to another.
type patch struct {
	from, to int
	by       string
}

// patched applies patches that don't overlap, and holds the outcome against what it should mean.
func (x *text) patched(want any, patches ...patch) (*text, error) {
	s := x.s
	for _, p := range x.joined(patches) {
		if p.from < 0 || p.to < p.from || p.to > len(s) {
			return nil, x.cannot("a place outside the file")
		}
		s = s[:p.from] + p.by + s[p.to:]
	}
	next, err := parse(x.target, x.mark+s)
	if err != nil {
		return nil, x.cannot(err.Error())
	}
	got, err := meaning(next.document)
	if err != nil {
		return nil, err
	}
	if !same(want, got) {
		return nil, x.cannot("it would change more than was asked for")
	}
	return next, nil
}

// joined puts patches that touch into one, and orders them from the end of the file to its beginning. Where the last lines
// of a file go that ends without a line end, it goes on to do so.
func (x *text) joined(patches []patch) (joined []patch) {
	slices.SortFunc(patches, func(a, b patch) int { return b.from - a.from })
	for _, p := range patches {
		if n := len(joined); n > 0 && joined[n-1].from == p.to {
			joined[n-1].from, joined[n-1].by = p.from, p.by+joined[n-1].by
		} else {
			joined = append(joined, p)
		}
	}
	if p := &joined[0]; p.by == "" && p.to == len(x.s) && p.to > p.from && !strings.HasSuffix(x.s, "\n") && x.lineStart(p.from) == p.from {
		p.from = len(strings.TrimSuffix(strings.TrimSuffix(x.s[:p.from], "\n"), "\r"))
	}
	return joined
}

// cannot is the error of a file that is written in a way that this package doesn't see through.
func (x *text) cannot(why string) error {
	return fmt.Errorf("changing %s: it is written in an unusual way, change it with an editor: %s", x.target.File(), why)
}

// eol is how the file ends its lines.
func (x *text) eol() string {
	if i := strings.IndexByte(x.s, '\n'); i > 0 && x.s[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// lineOf is the number of the line that an offset is in, from 1.
func (x *text) lineOf(at int) int {
	i, exact := slices.BinarySearch(x.lines, at)
	if exact {
		return i + 1
	}
	return i
}

// lineStart is where the line of an offset begins; nextLine is where the one after it does, or the end.
func (x *text) lineStart(at int) int { return x.lines[x.lineOf(at)-1] }

func (x *text) nextLine(at int) int {
	if line := x.lineOf(at); line < len(x.lines) {
		return x.lines[line]
	}
	return len(x.s)
}

// wholeLines is the patch that takes out the lines from that of one offset to that of another.
func (x *text) wholeLines(first, last int) patch {
	return patch{from: x.lineStart(first), to: x.nextLine(last)}
}

// newLines is the patch that puts lines, each without its end, after the line of an offset.
func (x *text) newLines(after int, lines []string) patch {
	at := x.nextLine(after)
	s := strings.Join(lines, x.eol())
	if at == len(x.s) && !strings.HasSuffix(x.s, "\n") {
		return patch{at, at, x.eol() + s}
	}
	return patch{at, at, s + x.eol()}
}

// indentation is how many blanks the line of an offset begins with.
func (x *text) indentation(at int) int {
	line := x.s[x.lineStart(at):]
	return len(line) - len(strings.TrimLeft(line, " "))
}
