package edit

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"

	"nhos.org/nhos/internal/image/definition"
)

// scalar writes a text as YAML. It takes after like, the first byte of what was there before: a quote stays that quote.
func scalar(value string, like byte, flow bool) string {
	switch {
	case like == '\'' && strings.IndexFunc(value, notShown) < 0:
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	case like != '"' && like != '\'' && plainly(value, flow):
		return value
	}
	return strconv.Quote(value) // its escapes are a part of YAML's (YAML 1.2.2, section 5.7)
}

func notShown(r rune) bool { return !unicode.IsPrint(r) }

// mistakable are texts that some reader of YAML takes for something else: numbers, times and words of versions 1.1 and 1.2.
var mistakable = regexp.MustCompile(`(?i)^(~|null|true|false|yes|no|on|off|y|n|=|<<|[-+]?0[xob][0-9a-f_]+|[-+]?\.(inf|nan)|\.nan|` +
	`[-+]?[0-9.][0-9_.,]*(e[-+]?[0-9]+)?|[-+]?[0-9][0-9_]*(:[0-9][0-9._]*)+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([t ].*)?)$`)

// plainly says whether a text can do without quotes, to every reader of YAML.
func plainly(s string, flow bool) bool {
	switch {
	case s == "", strings.TrimSpace(s) != s, strings.IndexFunc(s, notShown) >= 0, mistakable.MatchString(s),
		strings.ContainsRune("-?:,[]{}#&*!|>'\"%@`=", rune(s[0])), strings.Contains(s, ": "), strings.Contains(s, " #"),
		strings.HasSuffix(s, ":"), flow && strings.ContainsAny(s, ",[]{}:"):
		return false
	}
	n, err := definition.Parse("", []byte("key: ["+s+"]")) // the parser has the last word
	if !flow {
		n, err = definition.Parse("", []byte("key: "+s))
	}
	if err != nil {
		return false
	}
	m, err := meaning(n)
	if list := at(m, []string{"key"}); flow {
		return err == nil && same(list, []any{s})
	}
	return err == nil && same(at(m, []string{"key"}), s)
}

// isText says whether a key's value is text whatever it looks like.
func (x *text) isText(path string) bool {
	for _, k := range definition.Keys(x.target.Kind) {
		if k.Path == path {
			return k.Form != definition.FormBool
		}
	}
	return true
}

// written is a value as it is written and what it means.
func (x *text) written(path, value string, like byte, flow bool) (string, any) {
	if !x.isText(path) && (value == "true" || value == "false") {
		return value, plain{"*ast.BoolNode", value}
	}
	return scalar(value, like, flow), value
}

// shown is a value for a person: what the scalar of a node means.
func shown(n ast.Node) *string {
	m, err := meaning(n)
	if err != nil {
		return nil
	}
	switch v := m.(type) {
	case string:
		return &v
	case plain:
		return &v.text
	}
	return nil
}
