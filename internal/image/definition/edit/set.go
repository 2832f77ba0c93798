package edit

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"
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
