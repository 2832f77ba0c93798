package edit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"nhos.org/nhos/internal/image/definition"
)

// find returns the keys along a path, as far as they are there.
func (x *text) find(path []string) (found []entry, err error) {
	m := x.document
	for _, name := range path {
		i := slices.IndexFunc(m.Values, func(e *ast.MappingValueNode) bool { return e.Key.GetToken().Value == name })
		if i < 0 {
			return found, nil
		}
		e, ok := x.entry(m.Values[i], m.IsFlowStyle)
		if !ok {
			return nil, x.cannot(fmt.Sprintf("where %q begins and ends", name))
		}
		found = append(found, e)
		if m, ok = e.node.Value.(*ast.MappingNode); !ok {
			if len(found) < len(path) && !e.empty() {
				return nil, fmt.Errorf("%s:%d: %q holds a value, not other keys", x.target.File(), x.lineOf(e.key), name)
			}
			return found, nil
		}
	}
	return found, nil
}

// set gives a key one value.
func (x *text) set(path, value string) (*text, []Change, error) {
	keys := segments(path)
	found, err := x.find(keys)
	if err != nil {
		return nil, nil, err
	}
	if len(found) < len(keys) {
		return x.insert(path, found, []string{value}, false)
	}
	e := found[len(found)-1]
	was := shown(e.node.Value)
	before, like := "", byte(0)
	switch e.node.Value.(type) {
	case *ast.MappingNode, *ast.SequenceNode:
		return nil, nil, fmt.Errorf("%s:%d: %q holds more than a value", x.target.File(), x.lineOf(e.key), path)
	}
	if e.empty() {
		before, was = " ", nil
	} else {
		like = x.s[e.start]
	}
	written, means := x.written(path, value, like, e.flow)
	if m, err := meaning(e.node.Value); err == nil && same(m, means) {
		return x, nil, nil
	}
	m, _ := meaning(x.document)
	next, err := x.patched(with(m, keys, means), patch{e.start, e.end, before + written})
	return next, []Change{{path, x.lineOf(e.key), was, &value}}, err
}

// insert writes a key that isn't there, with those above it that aren't either. found are those that are.
func (x *text) insert(path string, found []entry, values []string, list bool) (*text, []Change, error) {
	keys := segments(path)
	flow := false
	in := x.document
	if len(found) > 0 {
		last := found[len(found)-1]
		in, _ = last.node.Value.(*ast.MappingNode)
		flow = last.flow || in != nil && in.IsFlowStyle
	}
	rest := keys[len(found):]
	var means any
	style := x.style(in)
	var lines []string
	if list {
		var all []any
		for _, v := range values {
			all = append(all, v)
		}
		means = all
	}
	write := func(flow bool) string {
		if !list {
			var s string
			s, means = x.written(path, values[0], 0, flow)
			return s
		}
		return bracketed(values)
	}
	m, _ := meaning(x.document)
	var p patch
	switch {
	case len(rest) == 0: // the key is there, without a value
		at := found[len(found)-1].start
		p = patch{at, at, " " + write(flow)}
	case in != nil && in.IsFlowStyle:
		s := write(true)
		for i := len(rest) - 1; i > 0; i-- {
			s = "{" + rest[i] + ": " + s + "}"
		}
		at, before, after, err := x.placeInBraces(in, found[len(found)-1], rest[0], keys[:len(found)])
		if err != nil {
			return nil, nil, err
		}
		p = patch{at, at, before + rest[0] + ": " + s + after}
	case flow:
		return nil, nil, x.cannot(fmt.Sprintf("%q is empty within braces", keys[len(found)-1]))
	default:
		indent := 0
		if len(found) > 0 {
			indent = found[len(found)-1].indent + style.indent
		}
		after, err := x.placeInLines(in, found, rest[0], &indent)
		if err != nil {
			return nil, nil, err
		}
		for _, k := range rest[:len(rest)-1] {
			lines = append(lines, strings.Repeat(" ", indent)+k+":")
			indent += style.indent
		}
		head := strings.Repeat(" ", indent) + rest[len(rest)-1] + ":"
		if list && !style.brackets {
			lines = append(lines, head)
			for _, v := range values {
				lines = append(lines, strings.Repeat(" ", indent+style.dash)+"- "+scalar(v, 0, false))
			}
		} else {
			lines = append(lines, head+" "+write(false))
		}
		if after < 0 { // before everything else
			p = patch{0, 0, ""}
			p.from = x.lineStart(x.offset(in.Values[0].Key.GetToken()))
			p.to, p.by = p.from, strings.Join(lines, x.eol())+x.eol()
		} else {
			p = x.newLines(after, lines)
		}
	}
	next, err := x.patched(with(m, keys, means), p)
	if err != nil {
		return nil, nil, err
	}
	placed, err := next.find(keys)
	if err != nil || len(placed) != len(keys) {
		return nil, nil, x.cannot("the new key isn't found again")
	}
	line := next.lineOf(placed[len(placed)-1].key)
	if !list {
		return next, []Change{{path, line, nil, &values[0]}}, nil
	}
	items, ok := next.items(placed[len(placed)-1].node.Value.(*ast.SequenceNode))
	if !ok {
		return nil, nil, x.cannot("the new list isn't found again")
	}
	var changes []Change
	for i := range values {
		changes = append(changes, Change{path, next.lineOf(items[i].start), nil, &values[i]})
	}
	return next, changes, nil
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

// placeInLines is an offset in the line that a new key comes after, or -1 for none. in is nil where the last of found is
// empty. It corrects indent to that of the neighbours.
func (x *text) placeInLines(in *ast.MappingNode, found []entry, name string, indent *int) (after int, err error) {
	if in == nil {
		return found[len(found)-1].colon, nil
	}
	first, ok := x.entry(in.Values[0], false)
	if !ok {
		return 0, x.cannot("where its keys begin")
	}
	*indent = first.indent
	var within []string
	for _, e := range found {
		within = append(within, e.node.Key.GetToken().Value)
	}
	if i := x.predecessor(in, name, within); i >= 0 {
		e, ok := x.entry(in.Values[i], false)
		if !ok {
			return 0, x.cannot("where its keys end")
		}
		return x.withComments(e), nil
	}
	if len(found) == 0 {
		return -1, nil
	}
	return found[len(found)-1].colon, nil // above a comment that belongs to the first key
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

// placeInBraces is the offset for a new key, with what goes before and after it.
func (x *text) placeInBraces(in *ast.MappingNode, of entry, name string, within []string) (at int, before, after string, err error) {
	if len(in.Values) == 0 {
		return of.start + 1, "", "", nil
	}
	i := x.predecessor(in, name, within)
	e, ok := x.entry(in.Values[max(i, 0)], true)
	switch {
	case !ok:
		return 0, "", "", x.cannot("where its keys begin and end")
	case i < 0:
		return e.key, "", ", ", nil
	}
	return e.end, ", ", "", nil
}

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
	m, _ := meaning(x.document)
	next, err := x.patched(with(m, keys, nil), patches...)
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
