package edit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// unset takes a key away, with those above it that hold nothing else then.
func (x *text) unset(path string) (*text, []Change, error) {
	keys := segments(path)
	found, err := x.find(keys)
	if err != nil {
		return nil, nil, err
	}
	if len(found) < len(keys) {
		return x, nil, nil
	}
	e := found[len(found)-1]
	changes := []Change{{path, x.lineOf(e.key), shown(e.node.Value), nil}}
	if list, ok := e.node.Value.(*ast.SequenceNode); ok {
		changes = nil
		for _, v := range list.Values {
			changes = append(changes, Change{path, x.lineOf(x.start(v)), shown(v), nil})
		}
	}
	var patches []patch
	top := e // the uppermost key that goes
	for i := len(found) - 1; i >= 0; i-- {
		top = found[i]
		in := x.document
		if i > 0 {
			in = found[i-1].node.Value.(*ast.MappingNode)
		}
		switch {
		case in.IsFlowStyle && len(in.Values) > 1:
			n := slices.Index(in.Values, top.node)
			patches = []patch{x.outOfBrackets(top.key, top.end, n == len(in.Values)-1)}
		case in.IsFlowStyle: // with what is above
		case len(patches) == 0:
			patches = []patch{x.wholeLines(top.key, top.end)}
		default: // the line of the key alone: comments below it stay
			patches = append(patches, x.wholeLines(top.key, top.colon))
		}
		if len(in.Values) > 1 {
			break
		}
	}
	if !top.flow {
		patches = append(patches, x.comments(top, patches)...)
	}
	m, err := meaning(x.document)
	if err != nil {
		return nil, nil, err
	}
	left := with(m, keys, nil)
	if left == nil {
		return nil, nil, fmt.Errorf("taking %s out of %s: it is empty then", path, x.target.File())
	}
	next, err := x.patched(left, patches...)
	return next, changes, err
}

// comments are patches that put those comments of an entry that stay when it goes as far in as its key was. Further in,
// they could become a part of the text before it.
func (x *text) comments(of entry, gone []patch) (patches []patch) {
	for at := x.nextLine(of.colon); at < x.nextLine(x.withComments(of)); at = x.nextLine(at) {
		goes := slices.ContainsFunc(gone, func(p patch) bool { return p.from <= at && at < p.to })
		if in := x.indentation(at); !goes && in > of.indent && x.s[at+in] == '#' {
			patches = append(patches, patch{at + of.indent, at + in, ""})
		}
	}
	return patches
}

// outOfBrackets is the patch that takes an entry out of a list in brackets, with the comma that it needs no more.
func (x *text) outOfBrackets(start, end int, last bool) patch {
	if comma := end + len(x.s[end:]) - len(strings.TrimLeft(x.s[end:], " ")); comma < len(x.s) && x.s[comma] == ',' {
		end = comma + 1
		if !last {
			end += len(x.s[end:]) - len(strings.TrimLeft(x.s[end:], " "))
		}
	}
	if before := strings.TrimRight(x.s[:start], " \t\r\n"); last && strings.HasSuffix(before, ",") {
		start = len(before) - 1
	}
	if line := x.lineStart(start); !last && strings.TrimSpace(x.s[line:start]) == "" && strings.TrimSpace(x.s[end:x.nextLine(end)]) == "" {
		return x.wholeLines(line, end) // it had a line of its own
	}
	return patch{start, end, ""}
}
