package script

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"nhos.org/nhos/internal/ui"
	"nhos.org/nhos/internal/yamlfile"
)

// Page is the documentation's page of scenarios.
const Page = "docs/scenarios.md"

// maxSteps bounds a script.
const maxSteps = 1000

// A reader takes a file's tree apart. It goes on after an error, so that all of them are found.
type reader struct {
	*yamlfile.Report
	file string // as errors name it
	dir  string // that the files which a script names are in
}

// Read reads a scenario's file. The error joins all that is wrong with it, each with its line; walk Unwrap() []error
// to get at them.
func Read(path string) (*Script, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the scenario: %w", err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("reading the scenario %s: it is no file", path), err)
	}
	text, err := io.ReadAll(io.LimitReader(f, yamlfile.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the scenario %s: %w", path, err)
	}
	s, err := parse(path, text)
	if err != nil {
		return nil, err
	}
	return s, s.digest(text)
}

// parse reads a scenario's text, without the files that it names.
func parse(path string, text []byte) (*Script, error) {
	r := &reader{yamlfile.NewReport(Page), path, filepath.Dir(path)}
	s := &Script{Name: strings.TrimSuffix(filepath.Base(path), ".yaml"), File: path}
	if !nameKind.pattern.MatchString(s.Name) {
		r.Add(yamlfile.Origin{File: path}, "rename the file: "+nameKind.rule, "%s is no name for a scenario", yamlfile.Quote(s.Name))
	}
	if n := r.Parse(path, text); n != nil {
		r.script(n, s)
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// Line reads one step as a person types it at the prompt. Files are looked for from the folder dir.
func Line(text, dir string) (Step, error) {
	r := &reader{yamlfile.NewReport(Page), "prompt", dir}
	var steps []Step
	if n := r.Parse(r.file, []byte(text)); n != nil {
		if s, ok := r.step(n); ok {
			steps = append(steps, s)
		}
	}
	if err := r.Err(); err != nil {
		return Step{}, err
	}
	return steps[0], nil
}

func (r *reader) at(n ast.Node) yamlfile.Origin { return yamlfile.At(r.file, n) }

// entries calls take for each key of a mapping that is among known. It reports all others, and those that are missing.
func (r *reader) entries(n ast.Node, known, required []string, take func(key string, value ast.Node)) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		r.Add(r.at(n), Page+" has an example", "here must be keys and values: %s", strings.Join(known, ", "))
		return
	}
	seen := map[string]bool{}
	for _, e := range m.Values {
		key, ok := word(e.Key)
		switch {
		case !ok || !slices.Contains(known, key):
			near := ui.Nearest(key, known)
			seen[near] = true // what was meant isn't missing as well
			r.Add(r.at(e.Key), yamlfile.Suggest(key, "the keys here", known), "unknown key %s", yamlfile.Quote(key))
		case seen[key]:
			r.Add(r.at(e.Key), "put both into one", "key %q is there twice", key)
		case e.Value == nil || e.Value.Type() == ast.NullType:
			seen[key] = true
			r.Add(r.at(e.Key), "give it a value or leave the key out", "key %q has no value", key)
		default:
			seen[key] = true
			take(key, e.Value)
		}
	}
	for _, key := range required {
		if !seen[key] {
			r.Add(r.at(n), Page+" has an example", "key %q is missing", key)
		}
	}
}

func (r *reader) script(n ast.Node, s *Script) {
	r.entries(n, []string{"about", "machine", "steps"}, []string{"about", "steps"}, func(key string, value ast.Node) {
		switch key {
		case "about":
			var fault string
			if s.About, fault = textKind.plain(value); fault != "" {
				r.Add(r.at(value), "say in a sentence what the scenario shows", "%s", fault)
			}
		case "machine":
			r.machine(value, &s.Machine)
		case "steps":
			r.steps(value, s)
		}
	})
	if len(r.Errors(r.file)) == 0 {
		r.follow(s)
	}
}

func (r *reader) steps(n ast.Node, s *Script) {
	list, ok := n.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		r.Add(r.at(n), "write every step on a line of its own, after a dash", "the steps must be a list")
		return
	}
	if len(list.Values) > maxSteps {
		r.Add(r.at(list.Values[maxSteps]), "divide it", "a scenario has at most %d steps", maxSteps)
		return
	}
	for _, e := range list.Values {
		if step, ok := r.step(e); ok {
			s.Steps = append(s.Steps, step)
		}
	}
}

// step reads one step: a verb alone, or a verb with a value and what stands beside it.
func (r *reader) step(n ast.Node) (Step, bool) {
	before := len(r.Errors(r.file))
	s := Step{Line: r.at(n).Line}
	switch t := n.(type) {
	case *ast.StringNode:
		if s.verb = r.find(n, t.Value); s.verb != nil && s.verb.takes.noun != "" {
			r.Add(r.at(n), fmt.Sprintf("for example: %s: %s", s.verb.name, s.verb.takes.example), "%q needs %s after a colon", s.verb.name, s.verb.takes.noun)
		}
	case *ast.MappingNode:
		r.sentence(t, &s)
	default:
		r.Add(r.at(n), "for example: wait for text: login", "this is no step")
	}
	if s.verb != nil {
		s.Verb = s.verb.name
	}
	return s, len(r.Errors(r.file)) == before
}

// sentence reads a step that has a colon. Its verb comes first.
func (r *reader) sentence(m *ast.MappingNode, s *Step) {
	if len(m.Values) == 0 {
		r.Add(r.at(m), "for example: wait for text: login", "this is no step")
		return
	}
	first, _ := word(m.Values[0].Key)
	if s.verb = r.find(m.Values[0].Key, first); s.verb == nil {
		return
	}
	v, before := s.verb, len(r.Errors(r.file))
	r.entries(m, append([]string{v.name}, v.beside()...), nil, func(key string, value ast.Node) {
		k := besideKinds[key]
		if key == v.name {
			k = v.takes
		}
		if k.noun == "" {
			r.Add(r.at(value), "leave it out, and what comes after it on lines of its own", "%q takes nothing after the colon", v.name)
			return
		}
		if fault := k.decode(r, value, s, k); fault != "" {
			r.Add(r.at(value), k.hint(value), "%s", fault)
		}
	})
	if v.name == "plug" && len(r.Errors(r.file)) == before {
		r.plugged(m, s)
	}
}

// plugged completes a device and sees to it that it can be made.
func (r *reader) plugged(m *ast.MappingNode, s *Step) {
	if s.Name == "" {
		s.Name = strings.ReplaceAll(s.Value, " ", "-")
		if s.Value == "disk" {
			s.Name = "plugged-disk" // every machine has a device that is called disk
		}
	}
	holds := s.Value == "usb stick" || s.Value == "disk"
	switch both := s.File != "" && s.Size != 0; {
	case !holds && (s.File != "" || s.Size != 0):
		r.Add(r.at(m), "leave file and size out", "a %s holds nothing", s.Value)
	case both:
		r.Add(r.at(m), "a file has its size already", "file and size are both there")
	case holds && s.Size == 0 && s.File == "":
		r.Add(r.at(m), "file names what it holds, size makes an empty one, for example size: 64M", "the %s has no content", s.Value)
	}
}

// find finds a verb, and reports one that isn't known.
func (r *reader) find(n ast.Node, name string) *verb {
	if v := verbOf(name); v != nil {
		return v
	}
	hint := yamlfile.Suggest(name, "the verbs", verbNames())
	if name == "wait" || name == "sleep" || name == "pause" {
		hint = "nothing waits for a fixed time: wait for what should come, or: wait for still screen: 5s"
	}
	r.Add(r.at(n), hint, "unknown verb %s", yamlfile.Quote(name))
	return nil
}

// fileOf takes the path of a file on this machine, which must be there.
func fileOf(r *reader, n ast.Node, s *Step, k kind) string {
	text, fault := k.plain(n)
	if fault != "" {
		return fault
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(r.dir, text)
	}
	if info, err := os.Stat(text); err != nil || !info.Mode().IsRegular() {
		return fmt.Sprintf("there is no file %s", yamlfile.Quote(text))
	}
	if s.verb.name == "plug" {
		s.File = text
	} else {
		s.Value = text
	}
	return ""
}
