// Package yamlfile reads the YAML files that people write for this program: bounded, strict, and with errors that show
// the place.
//
// A [Report] gathers all that is wrong with one or more files. [Report.Parse] gives the one document of a file as a
// tree; whoever reads the tree adds what is wrong in it by [Report.Add], and [Report.Err] is the error of all of it, in
// which each *[Error] has its file, line, column, excerpt and hint.
//
// Less of YAML is taken than there is: one document, no directives, no control characters, a bounded size and depth.
package yamlfile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What a file can be at most. The parser's time grows with the square of some of these.
const (
	maxTokens = 20_000
	maxFlow   = 16 // brackets and braces in each other
	maxColumn = 80 // of a dash, which is how lists in lists are written
)

// MaxBytes is what a file can have at most.
const MaxBytes = 1 << 20

// Parse reads the text of a file, and its one document from it. On error it returns nil and the report has it.
func (r *Report) Parse(file string, text []byte) (body ast.Node) {
	if len(text) > MaxBytes {
		r.Add(Origin{File: file}, "such a file has at most 1 MiB", "it is too large")
		return nil
	}
	r.digests[file] = fmt.Sprintf("%x", sha256.Sum256(text))
	s := strings.TrimPrefix(string(text), "\ufeff")
	r.open(file, strings.Split(s, "\n"))
	if !r.plain(file, s) {
		return nil
	}
	defer func() {
		if p := recover(); p != nil { // the parser is not ours, and a file must not bring a program down
			r.Add(Origin{File: file}, "", "it is not YAML: %v", p)
			body = nil
		}
	}()
	tokens := lexer.Tokenize(strings.ReplaceAll(s, "\r\n", "\n")) // the lexer counts some of these as two lines
	if !r.bounded(file, tokens) {
		return nil
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntaxError(file, err)
		return nil
	}
	for _, doc := range parsed.Docs {
		switch {
		case doc.Body == nil:
		case doc.Body.Type() == ast.DirectiveType:
			r.Add(At(file, doc.Body), "leave the line out", "directives (%%) are not used in these files")
			return nil
		case body != nil:
			r.Add(At(file, doc.Body), `leave out the "---" above it`, "a second document in one file")
			return nil
		default:
			body = doc.Body
		}
	}
	if body == nil {
		r.Add(Origin{File: file}, r.Page+" has the keys of every file", "it is empty")
	}
	return body
}

// plain refuses what YAML doesn't allow in a file, and the parser would let through.
func (r *Report) plain(file, s string) bool {
	line, column := 1, 0
	for i, c := range s {
		column++
		bad := ""
		switch {
		case c == '\n':
			line, column = line+1, 0
		case c == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			bad = "a byte that is not UTF-8"
		case c == '\r' && !strings.HasPrefix(s[i:], "\r\n"), c < ' ' && c != '\t' && c != '\r', c == 0x7f:
			bad = fmt.Sprintf("the control character U+%04X", c)
		}
		if bad != "" {
			r.Add(Origin{file, line, column}, "save the file as plain UTF-8 text", "%s is not allowed", bad)
			return false
		}
	}
	return true
}

// bounded refuses what would take the parser long.
func (r *Report) bounded(file string, tokens token.Tokens) bool {
	flow, count := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.CommentType:
			continue
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		}
		count++
		deep := (t.Type == token.SequenceEntryType || t.Type == token.MappingKeyType) && t.Position.Column > maxColumn
		if flow > maxFlow || deep || count > maxTokens {
			hint, message := "such files are at most a few levels deep", "too deeply nested"
			if count > maxTokens {
				hint, message = "divide it", "too many entries in one file"
			}
			r.Add(Origin{file, t.Position.Line, t.Position.Column}, hint, "%s", message)
			return false
		}
	}
	return true
}

// syntaxError reports an error of the parser at its place.
func (r *Report) syntaxError(file string, err error) {
	var y yaml.Error
	if !errors.As(err, &y) || y.GetToken() == nil || y.GetToken().Position == nil {
		r.Add(Origin{File: file}, "", "it is not YAML: %v", err)
		return
	}
	at := y.GetToken().Position
	message, hint := y.GetMessage(), ""
	for _, known := range parserMessages {
		if strings.Contains(message, known.of) {
			message, hint = known.message, known.hint
		}
	}
	message = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, message)
	r.Add(Origin{file, max(at.Line, 1), max(at.Column, 1)}, hint, "%s", message)
}

// parserMessages say in other words what the parser says of the usual slips.
var parserMessages = []struct{ of, message, hint string }{
	{"mapping value is not allowed", "a second colon on one line", `put text that holds ": " in quotes`},
	{"could not find end character of", "a quote that is never closed", "close it on the same line"},
	{"found character '\t'", "a tab where spaces must be", "indent with spaces"},
	{"tab character", "a tab where spaces must be", "indent with spaces"},
	{"sequence end token", `a "[" that is never closed`, `close it with "]"`},
	{"could not find flow map", `a "{" that is never closed`, `close it with "}"`},
	{"non-map value is specified", "this line is no key with a value", `write "key: value", or "- entry" in a list`},
}

// Cause is the reason in an error of the file system, without the path, which the report has already.
func Cause(err error) error {
	var p *fs.PathError
	if !errors.As(err, &p) {
		return err
	}
	if p.Err.Error() == "path escapes from parent" { // os.Root, which exports no error for it
		return errors.New("it leads out of the definitions folder")
	}
	return p.Err
}

// At is where a node of the document begins.
func At(file string, n ast.Node) Origin {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return At(file, m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return At(file, m.Key)
	}
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return Origin{File: file}
	}
	return Origin{file, max(t.Position.Line, 1), max(t.Position.Column, 1)}
}
