package edit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"nhos.org/nhos/internal/image/definition"
)

// insert writes a key that isn't there, with those above it that aren't either. found are those that are; where the key
// itself is among them, it has no value yet.
func (x *text) insert(path string, found []entry, values []string, list bool) (*text, []Change, error) {
	keys := segments(path)
	in, flow := x.document, false
	if len(found) > 0 {
		last := found[len(found)-1]
		in, _ = last.node.Value.(*ast.MappingNode)
		flow = last.flow || in != nil && in.IsFlowStyle
	}
	style := x.style(in)
	value, means := x.newValue(path, values, list, flow)
	var p patch
	var err error
	switch rest := keys[len(found):]; {
	case len(rest) == 0:
		at := found[len(found)-1].start
		p = patch{at, at, " " + value}
	case flow && in == nil:
		err = x.cannot(fmt.Sprintf("%q is empty within braces", keys[len(found)-1]))
	case flow:
		p, err = x.newInBraces(in, found, rest, value)
	case list && !style.brackets:
		p, err = x.newInLines(in, found, rest, style, "", values)
	default:
		p, err = x.newInLines(in, found, rest, style, " "+value, nil)
	}
	if err != nil {
		return nil, nil, err
	}
	m, err := meaning(x.document)
	if err != nil {
		return nil, nil, err
	}
	next, err := x.patched(with(m, keys, means), p)
	if err != nil {
		return nil, nil, err
	}
	changes, err := next.inserted(path, values, list)
	return next, changes, err
}

// newValue is how a value or a list is written in one line, and what it means.
func (x *text) newValue(path string, values []string, list, flow bool) (string, any) {
	if !list {
		return x.written(path, values[0], 0, flow)
	}
	var all []any
	for _, v := range values {
		all = append(all, v)
	}
	return bracketed(values), all
}

// inserted says what came in with a key.
func (x *text) inserted(path string, values []string, list bool) (changes []Change, err error) {
	if !list {
		found, err := x.find(segments(path))
		if err != nil {
			return nil, err
		}
		return []Change{{path, x.lineOf(found[len(found)-1].key), nil, &values[0]}}, nil
	}
	_, _, items, err := x.list(path)
	if err != nil {
		return nil, err
	}
	for i := range values {
		changes = append(changes, Change{path, x.lineOf(items[i].start), nil, &values[i]})
	}
	return changes, nil
}

// newInBraces is the patch for new keys, each within the one before it, in braces.
func (x *text) newInBraces(in *ast.MappingNode, found []entry, rest []string, value string) (patch, error) {
	for i := len(rest) - 1; i > 0; i-- {
		value = "{" + rest[i] + ": " + value + "}"
	}
	s := rest[0] + ": " + value
	of := found[len(found)-1]
	if len(in.Values) == 0 {
		return patch{of.start + 1, of.start + 1, s}, nil
	}
	i := x.predecessor(in, rest[0], names(found))
	e, ok := x.entry(in.Values[max(i, 0)], true)
	switch {
	case !ok:
		return patch{}, x.cannot("where its keys begin and end")
	case i < 0:
		return patch{e.key, e.key, s + ", "}, nil
	}
	return patch{e.end, e.end, ", " + s}, nil
}

// newInLines is the patch for new keys, each within the one before it, on lines of their own. value is what comes after
// the last colon, or nothing and the entries of a list. in is nil where the last of found has no value.
func (x *text) newInLines(in *ast.MappingNode, found []entry, rest []string, style style, value string, list []string) (patch, error) {
	after, indent, err := x.place(in, found, rest[0], style)
	if err != nil {
		return patch{}, err
	}
	var lines []string
	for i, k := range rest {
		line := strings.Repeat(" ", indent+i*style.indent) + k + ":"
		if i == len(rest)-1 {
			line += value
		}
		lines = append(lines, line)
	}
	for _, v := range list {
		lines = append(lines, strings.Repeat(" ", indent+(len(rest)-1)*style.indent+style.dash)+"- "+scalar(v, 0, false))
	}
	if after < 0 { // before everything else
		begin := x.lineStart(x.offset(in.Values[0].Key.GetToken()))
		return patch{begin, begin, strings.Join(lines, x.eol()) + x.eol()}, nil
	}
	return x.newLines(after, lines), nil
}

// place is an offset in the line that a new key comes after, or -1 for none, and how far in it is.
func (x *text) place(in *ast.MappingNode, found []entry, name string, style style) (after, indent int, err error) {
	if in == nil {
		above := found[len(found)-1]
		return above.colon, above.indent + style.indent, nil
	}
	first, ok := x.entry(in.Values[0], false)
	if !ok {
		return 0, 0, x.cannot("where its keys begin")
	}
	if i := x.predecessor(in, name, names(found)); i >= 0 {
		e, ok := x.entry(in.Values[i], false)
		if !ok {
			return 0, 0, x.cannot("where its keys end")
		}
		return x.withComments(e), first.indent, nil
	}
	if len(found) == 0 {
		return -1, first.indent, nil
	}
	return found[len(found)-1].colon, first.indent, nil // above a comment that belongs to the first key
}

func names(found []entry) (names []string) {
	for _, e := range found {
		names = append(names, e.node.Key.GetToken().Value)
	}
	return names
}

// before are the names of the keys that come before a key, within the same ones, where everything is in order.
func (x *text) before(name string, within []string) []string {
	prefix := strings.Join(append(slices.Clone(within), ""), ".")
	var names []string
	for _, k := range definition.Keys(x.target.Kind) {
		rest, ok := strings.CutPrefix(k.Path, prefix)
		if !ok {
			continue
		}
		first, _, _ := strings.Cut(rest, ".")
		if first == name {
			return names
		}
		names = append(names, first)
	}
	return names
}

// predecessor is the last of the entries that come before a key where everything is in order, or -1.
func (x *text) predecessor(in *ast.MappingNode, name string, within []string) int {
	names := x.before(name, within)
	for i, e := range slices.Backward(in.Values) {
		if slices.Contains(names, e.Key.GetToken().Value) {
			return i
		}
	}
	return -1
}

// withComments is an offset in the last line of an entry, or in that of the comments after it that are further in than
// its key, and so belong to it.
func (x *text) withComments(e entry) int {
	last := e.end
	for at := x.nextLine(e.end); at < len(x.s); at = x.nextLine(at) {
		switch line := strings.TrimSpace(x.s[at:x.nextLine(at)]); {
		case line == "":
		case line[0] == '#' && x.indentation(at) > e.indent:
			last = at
		default:
			return last
		}
	}
	return last
}
