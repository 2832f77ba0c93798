package definition

import (
	"io"
	"os"

	"github.com/goccy/go-yaml/ast"

	"nhos.org/nhos/internal/yamlfile"
)

// An Origin is a place in a definition file.
type Origin = yamlfile.Origin

// An Error is one thing that is wrong in a definition file. What to do about it is a hint (ui.HintOf).
type Error = yamlfile.Error

// A report gathers all that is wrong, so that a person sees it at once.
type report struct{ *yamlfile.Report }

func newReport() *report { return &report{yamlfile.NewReport("docs/definitions.md")} }

// add records an error; hint may be "".
func (r *report) add(at Origin, hint, format string, args ...any) { r.Add(at, hint, format, args...) }

func (r *report) err() error { return r.Err() }

func (r *report) parseText(file string, text []byte) ast.Node { return r.Parse(file, text) }

func origin(file string, n ast.Node) Origin { return yamlfile.At(file, n) }

func suggest(word, what string, known []string) string { return yamlfile.Suggest(word, what, known) }

func quote(s string) string { return yamlfile.Quote(s) }

func cause(err error) error { return yamlfile.Cause(err) }

// parse reads a definition file, and its one document from it. On error it returns nil and the report has it.
func (r *report) parse(root *os.Root, file string) ast.Node {
	text, ok := r.text(root, file)
	if !ok {
		return nil
	}
	return r.parseText(file, text)
}

// text reads a definition file. It reads one byte more than there may be at most.
func (r *report) text(root *os.Root, file string) (text []byte, ok bool) {
	if info, err := root.Stat(file); err == nil && !info.Mode().IsRegular() { // opening a pipe would wait for ever
		r.add(Origin{File: file}, "", "is %s, not a file", typeName(info.Mode()))
		return nil, false
	}
	f, err := root.Open(file)
	if err != nil {
		r.add(Origin{File: file}, "", "opening it: %v", cause(err))
		return nil, false
	}
	defer func() { _ = f.Close() }()
	text, err = io.ReadAll(io.LimitReader(f, yamlfile.MaxBytes+1))
	if err != nil {
		r.add(Origin{File: file}, "", "reading it: %v", cause(err))
		return nil, false
	}
	return text, true
}

// ReadFile reads the definition file that t names, and its one YAML document. Syntax and size are checked, keys and
// values are not.
//
// The line and the column (in characters, from 1) of a node's token are those of the text without a byte order mark.
func ReadFile(dir string, t Target) (text []byte, document ast.Node, err error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = root.Close() }()
	r := newReport()
	if text, ok := r.text(root, t.File()); ok {
		return text, r.parseText(t.File(), text), r.err()
	}
	return nil, nil, r.err()
}

// Parse reads the one YAML document of text, which is what the definition file called file holds.
func Parse(file string, text []byte) (ast.Node, error) {
	r := newReport()
	return r.parseText(file, text), r.err()
}
