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

func nearest(word string, known []string) string { return yamlfile.Nearest(word, known) }

func quote(s string) string { return yamlfile.Quote(s) }

func cause(err error) error { return yamlfile.Cause(err) }

// parse reads a definition file, and its one document from it. On error it returns nil and the report has it.
func (r *report) parse(root *os.Root, file string) ast.Node {
	if info, err := root.Stat(file); err == nil && !info.Mode().IsRegular() { // opening a pipe would wait for ever
		r.add(Origin{File: file}, "", "is %s, not a file", typeName(info.Mode()))
		return nil
	}
	f, err := root.Open(file)
	if err != nil {
		r.add(Origin{File: file}, "", "opening it: %v", cause(err))
		return nil
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, yamlfile.MaxBytes+1))
	if err != nil {
		r.add(Origin{File: file}, "", "reading it: %v", cause(err))
		return nil
	}
	return r.parseText(file, text)
}
