package edit

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// What a file means, without how it is written: map[string]any, []any, and for a value its text with its type. Changes are
// made to this too, and the two must agree.

// A plain is a value that isn't text: a number, true, nothing.
type plain struct{ kind, text string }

func meaning(n ast.Node) (any, error) {
	switch m := n.(type) {
	case *ast.MappingNode:
		keys := map[string]any{}
		for _, e := range m.Values {
			key, ok := e.Key.(*ast.StringNode)
			if !ok {
				return nil, fmt.Errorf("line %d: a key must be a plain word", e.GetToken().Position.Line)
			}
			if _, again := keys[key.Value]; again {
				return nil, fmt.Errorf("line %d: key %q is there twice", key.GetToken().Position.Line, key.Value)
			}
			v, err := meaning(e.Value)
			if err != nil {
				return nil, err
			}
			keys[key.Value] = v
		}
		return keys, nil
	case *ast.SequenceNode:
		list := []any{}
		for _, e := range m.Values {
			v, err := meaning(e)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case *ast.StringNode:
		return m.Value, nil
	case *ast.LiteralNode:
		return strings.TrimRight(m.Value.Value, "\n"), nil // as definition.Load reads it
	case nil, *ast.NullNode:
		return nil, nil
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return plain{fmt.Sprintf("%T", n), n.GetToken().Value}, nil
	}
	return nil, fmt.Errorf("line %d: anchors, aliases and tags are not used in definition files", n.GetToken().Position.Line)
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// with returns what m means with v at a path; nil takes it away, and what holds nothing else with it.
func with(m any, path []string, v any) any {
	if len(path) == 0 {
		return v
	}
	keys := map[string]any{}
	if old, ok := m.(map[string]any); ok {
		for k, x := range old {
			keys[k] = x
		}
	}
	if below := with(keys[path[0]], path[1:], v); below != nil {
		keys[path[0]] = below
	} else {
		delete(keys, path[0])
	}
	if len(keys) == 0 && v == nil {
		return nil
	}
	return keys
}

// at returns what is at a path, or nil.
func at(m any, path []string) any {
	for _, key := range path {
		keys, _ := m.(map[string]any)
		m = keys[key]
	}
	return m
}

// strs are the entries of a list; those that aren't text are left out.
func strs(list any) (s []string) {
	values, _ := list.([]any)
	for _, v := range values {
		switch v := v.(type) {
		case string:
			s = append(s, v)
		case plain:
			s = append(s, v.text)
		}
	}
	return slices.Clip(s)
}
