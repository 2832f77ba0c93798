package yamlfile

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// unknownField is how the decoder tells of a key that no field has.
var unknownField = regexp.MustCompile(`^unknown field "(.*)"$`)

// Decode reads the document that Parse gave into v, strictly: every key has its field, and none stands twice. known are
// the keys that are suggested for an unknown one; may be nil. It says whether that went well; what is wrong is added to
// the report.
func (r *Report) Decode(file string, body ast.Node, v any, known []string) bool {
	if at, key := duplicate(body); at != nil {
		r.Add(At(file, at), "leave one of them out", "%s stands twice", Quote(key))
		return false
	}
	err := yaml.NodeToValue(body, v, yaml.Strict())
	if err == nil {
		return true
	}
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil && y.GetToken().Position != nil {
		if m := unknownField.FindStringSubmatch(y.GetMessage()); m != nil {
			at := y.GetToken().Position
			r.Add(Origin{file, max(at.Line, 1), max(at.Column, 1)}, Suggest(m[1], "keys", known), "unknown key %s", Quote(m[1]))
			return false
		}
	}
	r.syntaxError(file, err)
	return false
}

// duplicate finds a key that stands twice in one mapping.
func duplicate(n ast.Node) (at ast.Node, key string) {
	find := &duplicateFinder{}
	ast.Walk(find, n)
	return find.at, find.key
}

type duplicateFinder struct {
	at  ast.Node
	key string
}

// Visit looks at one node.
func (d *duplicateFinder) Visit(n ast.Node) ast.Visitor {
	m, ok := n.(*ast.MappingNode)
	if !ok || d.at != nil {
		return d
	}
	seen := map[string]bool{}
	for _, v := range m.Values {
		key := fmt.Sprint(v.Key.GetToken().Value)
		if seen[key] {
			d.at, d.key = v.Key, key
		}
		seen[key] = true
	}
	return d
}
