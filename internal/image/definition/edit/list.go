package edit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A style is how a file writes lists and what is below a key.
type style struct {
	brackets bool // lists are in brackets
	indent   int  // blanks that a key is further in than the one above it
	dash     int  // blanks that a dash is further in than the key of its list
}

// style looks at what the file does. For a new list within in, which may be nil, the lists beside it come first.
func (x *text) style(in *ast.MappingNode) style {
	s := style{indent: 2, dash: 2}
	lines, brackets, nested := 0, 0, 0
	var walk func(m *ast.MappingNode, deep bool)
	walk = func(m *ast.MappingNode, deep bool) {
		for _, n := range m.Values {
			e, ok := x.entry(n, m.IsFlowStyle)
			if !ok || e.flow {
				continue
			}
			switch v := n.Value.(type) {
			case *ast.SequenceNode:
				if v.IsFlowStyle {
					brackets++
				} else {
					s.dash = x.indentation(e.start) - e.indent
					lines++
				}
			case *ast.MappingNode:
				if !deep {
					continue
				}
				if !v.IsFlowStyle && nested == 0 {
					s.indent = x.indentation(e.start) - e.indent
					nested++
				}
				walk(v, true)
			}
		}
	}
	walk(x.document, true)
	if in != nil && in != x.document {
		before := [2]int{lines, brackets}
		lines, brackets = 0, 0
		if walk(in, false); lines+brackets == 0 {
			lines, brackets = before[0], before[1]
		}
	}
	s.brackets = brackets > 0 && lines == 0
	return s
}

// bracketed writes a list in brackets.
func bracketed(values []string) string {
	var s []string
	for _, v := range values {
		s = append(s, scalar(v, 0, true))
	}
	return "[" + strings.Join(s, ", ") + "]"
}

// entries are the texts of a list.
func (x *text) entries(path string) []string {
	m, _ := meaning(x.document)
	return strs(at(m, segments(path)))
}

// list finds a list and its entries; n is nil where it isn't there.
func (x *text) list(path string) (n *ast.SequenceNode, e entry, items []item, err error) {
	keys := segments(path)
	found, err := x.find(keys)
	if err != nil || len(found) < len(keys) {
		return nil, entry{}, nil, err
	}
	e = found[len(found)-1]
	if e.empty() {
		return nil, e, nil, nil
	}
	n, ok := e.node.Value.(*ast.SequenceNode)
	if !ok {
		return nil, e, nil, fmt.Errorf("%s:%d: %q is not a list", x.target.File(), x.lineOf(e.key), path)
	}
	if items, ok = x.items(n); !ok {
		return nil, e, nil, x.cannot(fmt.Sprintf("where the entries of %q begin and end", path))
	}
	return n, e, items, nil
}

// add puts an entry into a list at an index, which may be that after the last one.
func (x *text) add(path string, index int, value string) (*text, []Change, error) {
	n, e, items, err := x.list(path)
	if err != nil {
		return nil, nil, err
	}
	if n == nil {
		found, err := x.find(segments(path))
		if err != nil {
			return nil, nil, err
		}
		return x.insert(path, found, []string{value}, true)
	}
	var p patch
	switch {
	case n.IsFlowStyle && len(items) == 0:
		p = patch{e.start + 1, e.start + 1, scalar(value, 0, true)}
	case n.IsFlowStyle && index == 0:
		p = patch{items[0].start, items[0].start, scalar(value, 0, true) + ", "}
	case n.IsFlowStyle:
		p = x.afterInBrackets(items[index-1], scalar(value, 0, true))
	case index == 0:
		begin := x.lineStart(items[0].dash)
		p = patch{begin, begin, x.dash(items[0]) + scalar(value, 0, false) + x.eol()}
	default:
		p = x.newLines(items[index-1].end, []string{x.dash(items[0]) + scalar(value, 0, false)})
	}
	m, _ := meaning(x.document)
	list, _ := at(m, segments(path)).([]any)
	next, err := x.patched(with(m, segments(path), slices.Insert(slices.Clone(list), index, any(value))), p)
	if err != nil {
		return nil, nil, err
	}
	_, _, items, err = next.list(path)
	if err != nil {
		return nil, nil, err
	}
	return next, []Change{{path, next.lineOf(items[index].start), nil, &value}}, nil
}

// dash is what comes before an entry in its line.
func (x *text) dash(it item) string {
	return x.s[x.lineStart(it.dash):it.dash] + "- "
}

// afterInBrackets is the patch for an entry after another one; where that has a line of its own, so has the new one.
func (x *text) afterInBrackets(it item, value string) patch {
	line := x.lineStart(it.start)
	rest := strings.TrimSpace(x.s[it.end:x.nextLine(it.end)])
	if blank := x.s[line:it.start]; strings.TrimSpace(blank) == "" && (rest == "" || rest == ",") {
		return patch{it.end, it.end, "," + x.eol() + blank + value}
	}
	return patch{it.end, it.end, ", " + value}
}

// remove takes an entry out of a list, and the list itself with its last one.
func (x *text) remove(path string, index int) (*text, []Change, error) {
	n, _, items, err := x.list(path)
	if err != nil {
		return nil, nil, err
	}
	if len(items) == 1 {
		return x.unset(path)
	}
	it := items[index]
	var p patch
	if n.IsFlowStyle {
		p = x.outOfBrackets(it.start, it.end, index == len(items)-1)
	} else {
		p = x.wholeLines(it.dash, it.end)
	}
	m, _ := meaning(x.document)
	list, _ := at(m, segments(path)).([]any)
	next, err := x.patched(with(m, segments(path), slices.Delete(slices.Clone(list), index, index+1)), p)
	return next, []Change{{path, x.lineOf(it.start), shown(n.Values[index]), nil}}, err
}

// include appends those values to a list that it doesn't have.
func (x *text) include(path string, values []string) (*text, []Change, error) {
	var changes []Change
	for _, v := range values {
		have := x.entries(path)
		if slices.Contains(have, v) {
			continue
		}
		next, more, err := x.add(path, len(have), v)
		if err != nil {
			return nil, nil, err
		}
		x, changes = next, append(changes, more...)
	}
	return x, changes, nil
}

// exclude takes those values out of a list that it has.
func (x *text) exclude(path string, values []string) (*text, []Change, error) {
	var changes []Change
	for _, v := range values {
		for i := slices.Index(x.entries(path), v); i >= 0; i = slices.Index(x.entries(path), v) {
			next, more, err := x.remove(path, i)
			if err != nil {
				return nil, nil, err
			}
			x, changes = next, append(changes, more...)
		}
	}
	return x, changes, nil
}

// setList makes a list have just these values, in this order. What stays keeps its line.
func (x *text) setList(path string, values []string) (*text, []Change, error) {
	var changes []Change
	if len(x.entries(path)) == 0 {
		found, err := x.find(segments(path))
		if err != nil {
			return nil, nil, err
		}
		if len(found) < len(segments(path)) || found[len(found)-1].empty() {
			return x.insert(path, found, values, true)
		}
	}
	stays := common(x.entries(path), values)
	for i := len(x.entries(path)) - 1; i >= 0; i-- {
		if have := x.entries(path); !stays[i] && len(have) > 1 {
			next, more, err := x.remove(path, i)
			if err != nil {
				return nil, nil, err
			}
			x, changes = next, append(more, changes...)
		}
	}
	return x.fill(path, values, changes)
}

// fill puts in what a list lacks, whose entries are some of values, in order, or one alone that goes.
func (x *text) fill(path string, values []string, changes []Change) (*text, []Change, error) {
	stranger := len(x.entries(path)) == 1 && !slices.Contains(values, x.entries(path)[0])
	for i, v := range values {
		if have := x.entries(path); !stranger && i < len(have) && have[i] == v {
			continue
		}
		next, more, err := x.add(path, i, v)
		if err != nil {
			return nil, nil, err
		}
		x, changes = next, append(changes, more...)
	}
	if stranger {
		next, more, err := x.remove(path, len(values))
		if err != nil {
			return nil, nil, err
		}
		x, changes = next, append(changes, more...)
	}
	return x, changes, nil
}

// common says which entries of a are in the longest sequence that a and b have in common.
func common(a, b []string) []bool {
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if length[i][j] = max(length[i+1][j], length[i][j+1]); a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			}
		}
	}
	in := make([]bool, len(a))
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			in[i], i, j = true, i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return in
}
