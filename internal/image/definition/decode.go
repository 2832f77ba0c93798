package definition

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"nhos.org/nhos/internal/ui"
)

// A decoder fills the structs of keys.go from a parsed file. It goes on after an error, so that all of them are found.
type decoder struct {
	*report
	file string
}

// decode fills into, a pointer to a struct or a slice, and reports what doesn't fit.
func (r *report) decode(file string, n ast.Node, into any) {
	d := decoder{r, file}
	d.value(n, reflect.ValueOf(into).Elem(), field{})
}

// A field is what the tags of a struct's field say.
type field struct {
	index    int
	key      string
	entry    bool // an entry of the list of that key
	required bool
	format   string
}

// String names the field in messages.
func (f field) String() string {
	switch {
	case f.entry:
		return fmt.Sprintf("an entry of %q", f.key)
	case f.key == "":
		return "the file"
	}
	return fmt.Sprintf("%q", f.key)
}

func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := field{index: i}
		if f.key, _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ","); f.key == "-" {
			continue
		}
		for _, word := range strings.Split(t.Field(i).Tag.Get("jsonschema"), ",") {
			if name, value, _ := strings.Cut(word, "="); name == "required" {
				f.required = true
			} else if name == "format" {
				f.format = value
			}
		}
		fields = append(fields, f)
	}
	return fields
}

// value decodes a node into v, whose type says what is wanted.
func (d *decoder) value(n ast.Node, v reflect.Value, f field) {
	if !d.usual(n) {
		return
	}
	at := origin(d.file, n)
	switch p := v.Addr().Interface().(type) {
	case *Value[string]:
		if s, ok := d.text(n, f, "text"); ok {
			*p = Value[string]{s, at}
		}
	case *Value[time.Duration]:
		if s, ok := d.text(n, f, "a duration such as "+syntaxes[f.format].example); ok {
			t, err := time.ParseDuration(s)
			if err != nil {
				d.add(at, syntaxes[f.format].hint(), "%s is not a duration", quote(s))
			}
			*p = Value[time.Duration]{t, at}
		}
	case *Value[bool]:
		if b, ok := n.(*ast.BoolNode); ok {
			*p = Value[bool]{b.Value, at}
		} else {
			d.wrongType(n, f, "true or false", boolHint(n))
		}
	default:
		if v.Kind() == reflect.Slice {
			d.list(n, v, f)
		} else {
			d.mapping(n, v, f)
		}
	}
}

// text decodes one value that is written as text, and holds it against its syntax.
func (d *decoder) text(n ast.Node, f field, want string) (string, bool) {
	x := syntaxes[f.format]
	var s string
	switch t := n.(type) {
	case *ast.StringNode:
		s = t.Value
	case *ast.LiteralNode:
		s = strings.TrimRight(t.Value.Value, "\n")
	case *ast.MappingNode, *ast.SequenceNode, *ast.NullNode:
		d.wrongType(n, f, want, x.hint())
		return "", false
	default: // a number, or true or false
		s = n.GetToken().Value // as written: 0440, not 288
		if _, ok := n.(*ast.IntegerNode); ok && x.number {
			break
		}
		hint := x.hint()
		if message, _ := x.fault(s); message == "" {
			hint = "put it in quotes: " + quote(s)
		}
		d.wrongType(n, f, want, hint)
		return "", false
	}
	if strings.TrimSpace(s) == "" {
		d.add(origin(d.file, n), "for example "+quote(x.example), "%v is empty", f)
		return "", false
	}
	if message, hint := x.fault(s); message != "" {
		d.add(origin(d.file, n), hint, "%s", message)
		return "", false
	}
	return s, true
}

// list decodes a sequence. Entries that don't fit are left out.
func (d *decoder) list(n ast.Node, v reflect.Value, f field) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrongType(n, f, "a list", "write every entry on a line of its own, after a dash")
		return
	}
	if f.required && len(s.Values) == 0 {
		d.add(origin(d.file, n), d.exampleOf(f, v.Type()), "%v can't be empty", f)
	}
	f.entry = true
	for _, e := range s.Values {
		before := len(d.Errors(d.file))
		item := reflect.New(v.Type().Elem()).Elem()
		if e.Type() == ast.NullType {
			d.add(origin(d.file, e), "give it a value or leave the dash out", "%v is empty", f)
			continue
		}
		d.value(e, item, f)
		if len(d.Errors(d.file)) == before {
			v.Set(reflect.Append(v, item))
		}
	}
}

// mapping decodes keys and values.
func (d *decoder) mapping(n ast.Node, v reflect.Value, f field) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.wrongType(n, f, "keys and values", "docs/definitions.md has the keys of every file")
		return
	}
	if at := v.FieldByName("At"); at.IsValid() {
		at.Set(reflect.ValueOf(origin(d.file, n)))
	}
	fields := fieldsOf(v.Type())
	var known []string
	for _, k := range fields {
		known = append(known, k.key)
	}
	seen := map[string]int{} // line by key
	for _, e := range m.Values {
		at := origin(d.file, e.Key)
		key, ok := e.Key.(*ast.StringNode)
		if !ok {
			d.add(at, "put it in quotes if it is meant as a word", "a key must be a plain word")
			continue
		}
		line, again := seen[key.Value]
		if !again {
			seen[key.Value] = at.Line
		}
		i := slices.Index(known, key.Value)
		switch {
		case i < 0:
			seen[ui.Nearest(key.Value, known)] = at.Line // what was meant isn't missing as well
			d.add(at, suggest(key.Value, "the keys here", known), "unknown key %s", quote(key.Value))
		case again:
			d.add(at, "put both into one", "key %q is already on line %d", key.Value, line)
		case e.Value == nil || e.Value.Type() == ast.NullType:
			d.add(at, "give it a value or leave the key out", "key %q has no value", key.Value)
		default:
			d.value(e.Value, v.Field(fields[i].index), fields[i])
		}
	}
	for _, k := range fields {
		if _, ok := seen[k.key]; k.required && !ok {
			d.add(origin(d.file, n), d.exampleOf(k, v.Field(k.index).Type()), "key %q is missing", k.key)
		}
	}
}

// exampleOf is the hint that shows how a key is written.
func (d *decoder) exampleOf(f field, t reflect.Type) string {
	switch x, ok := syntaxes[f.format]; {
	case !ok:
		return "docs/definitions.md has an example"
	case t.Kind() == reflect.Slice:
		return fmt.Sprintf("for example: %s: [%s]", f.key, x.example)
	default:
		return fmt.Sprintf("for example: %s: %s", f.key, x.example)
	}
}

// usual refuses the parts of YAML that make a file mean other than it seems to.
func (d *decoder) usual(n ast.Node) bool {
	what := ""
	switch n.(type) {
	case *ast.AnchorNode:
		what = "anchors (&)"
	case *ast.AliasNode:
		what = "aliases (*)"
	case *ast.TagNode:
		what = "tags (!)"
	default:
		return true
	}
	d.add(origin(d.file, n), "text that begins with such a sign goes in quotes", "%s are not used in these files", what)
	return false
}

// wrongType reports that a node is something else than what is wanted.
func (d *decoder) wrongType(n ast.Node, f field, want, hint string) {
	is := "text"
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		is = "keys and values"
	case *ast.SequenceNode:
		is = "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		is = "a number"
	case *ast.BoolNode:
		is = "true or false"
	case *ast.NullNode:
		is = "empty"
	}
	d.add(origin(d.file, n), hint, "%v must be %s, not %s", f, want, is)
}

// boolHint tells those who write yes and no what YAML calls them.
func boolHint(n ast.Node) string {
	switch strings.ToLower(n.GetToken().Value) {
	case "yes", "on", "1", "true":
		return "did you mean true?"
	case "no", "off", "0", "false":
		return "did you mean false?"
	}
	return ""
}
