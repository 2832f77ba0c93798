// Package policy is what the distribution, the organisation and the person decide about the Identity Agent, in TOML.
//
// Three files are read, each overriding the one before key by key: the distribution's, the organisation's, the person's.
// An organisation locks keys that its people may not change. An unknown key is an error that says where.
package policy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/ui"
)

// Policy is what holds.
type Policy struct {
	Environment      string   `toml:"environment"`       // of the Spine: live, training, …
	EnvironmentsFile string   `toml:"environments_file"` // with an organisation's own environments
	Locked           []string `toml:"locked"`            // keys that the files after this one can't change

	Session struct {
		Enhanced       bool     `toml:"enhanced"`
		Persistent     bool     `toml:"persistent"`
		Mobility       bool     `toml:"mobility"`
		PromptOnInsert bool     `toml:"prompt_on_insert"`
		Idle           Duration `toml:"idle"`
		Reauthenticate Duration `toml:"reauthenticate"`
		Grace          Duration `toml:"grace"`
	} `toml:"session"`
	Card struct {
		Modules []string `toml:"modules"` // PKCS#11, by absolute path; none is what p11-kit is set up for
		Pad     bool     `toml:"pad"`     // passcodes are typed at readers that have keys
	} `toml:"card"`
	Prompt struct {
		Pinentry string `toml:"pinentry"` // program
	} `toml:"prompt"`

	// Origins says which file decided a key.
	Origins map[string]string `toml:"-"`
	// Notes are what was left out, in words: keys that somebody may not change.
	Notes []string `toml:"-"`
}

// Duration is a time such as "10m" or "1h30m".
type Duration time.Duration

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return errors.New(`a time is written as "30s", "10m" or "1h30m"`)
	}
	*d = Duration(v)
	return nil
}

// maxBytes bounds a file.
const maxBytes = 64 << 10

// Files are where policy is found: the distribution's, the organisation's, the person's.
func Files() []string {
	files := []string{"/usr/share/nhos-identity/policy.toml", "/etc/nhos-identity/policy.toml"}
	if dir, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(dir, "nhos-identity", "policy.toml"))
	}
	return files
}

// Load reads files in their order; one that isn't there decides nothing.
func Load(files ...string) (Policy, error) {
	p := Policy{Environment: "live", Origins: map[string]string{}}
	p.Session.PromptOnInsert = true
	for _, file := range files {
		text, err := read(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = p.add(file, text)
		}
		if err != nil {
			return Policy{}, err
		}
	}
	return p, p.check()
}

func read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("reading the policy %s: it is larger than %d bytes", file, maxBytes)
	}
	return text, nil
}

// add lays a file over what holds so far.
func (p *Policy) add(file string, text []byte) error {
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		return located(file, err)
	}
	d := toml.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&Policy{}); err != nil { // all of it has to be right, also what is left out
		return located(file, err)
	}
	locked := p.Locked
	for key := range flatten("", tree) {
		if slices.Contains(locked, key) || key == "locked" && len(locked) > 0 {
			p.Notes = append(p.Notes, fmt.Sprintf("%s: %s is left out: %s decides it for good", file, key, p.Origins[key]))
			drop(tree, key)
			continue
		}
		p.Origins[key] = file
	}
	slices.Sort(p.Notes)
	kept, err := toml.Marshal(tree)
	if err != nil {
		return fmt.Errorf("reading the policy %s: %w", file, err)
	}
	if err := toml.Unmarshal(kept, p); err != nil {
		return located(file, err)
	}
	for _, key := range p.Locked {
		if !slices.Contains(Keys(), key) {
			return ui.Hint(fmt.Errorf("%s: locked: unknown key %q", file, key), "docs/identity.md has the keys; a table's are written as session.idle, and locked one by one")
		}
		if p.Origins[key] == "" {
			p.Origins[key] = file // what it is by default is what it stays
		}
	}
	return nil
}

// Keys are those that a policy can have, such as session.idle.
func Keys() []string { return keys(reflect.TypeFor[Policy]()) }

func keys(t reflect.Type) (all []string) {
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("toml")
		switch below := t.Field(i).Type; {
		case name == "" || name == "-":
		case below.Kind() == reflect.Struct:
			for _, key := range keys(below) {
				all = append(all, name+"."+key)
			}
		default:
			all = append(all, name)
		}
	}
	return all
}

// flatten gives the keys of a tree, such as session.idle.
func flatten(prefix string, tree map[string]any) map[string]bool {
	keys := map[string]bool{}
	for name, value := range tree {
		if table, ok := value.(map[string]any); ok {
			for key := range flatten(prefix+name+".", table) {
				keys[key] = true
			}
			continue
		}
		keys[prefix+name] = true
	}
	return keys
}

func drop(tree map[string]any, key string) {
	table, rest, nested := strings.Cut(key, ".")
	if !nested {
		delete(tree, key)
	} else if below, ok := tree[table].(map[string]any); ok {
		drop(below, rest)
	}
}

// located says where a file is wrong.
func located(file string, err error) error {
	var (
		strict *toml.StrictMissingError
		syntax *toml.DecodeError
	)
	hint := "docs/identity.md has the keys"
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		row, column := strict.Errors[0].Position()
		return ui.Hint(fmt.Errorf("%s:%d:%d: unknown key %q", file, row, column, strings.Join(strict.Errors[0].Key(), ".")), hint)
	case errors.As(err, &syntax):
		row, column := syntax.Position()
		return ui.Hint(fmt.Errorf("%s:%d:%d: %s", file, row, column, strings.TrimPrefix(syntax.Error(), "toml: ")), hint)
	}
	return ui.Hint(fmt.Errorf("%s: %w", file, err), hint)
}

// check holds the values against each other.
func (p *Policy) check() error {
	for _, module := range p.Card.Modules {
		if !filepath.IsAbs(module) {
			return fmt.Errorf("%s: the module %q has no absolute path", p.Origins["card.modules"], module)
		}
	}
	return nil
}

// Settings are the policy's part about sessions.
func (p *Policy) Settings() session.Settings {
	s := p.Session
	var set []session.Mode
	for mode, on := range map[session.Mode]bool{session.Enhanced: s.Enhanced, session.Persistent: s.Persistent, session.Mobility: s.Mobility} {
		if on {
			set = append(set, mode)
		}
	}
	return session.Settings{
		Mode: session.Effective(set...), NoPromptOnInsert: !s.PromptOnInsert, UsePad: p.Card.Pad,
		Idle: time.Duration(s.Idle), Reauthenticate: time.Duration(s.Reauthenticate), Grace: time.Duration(s.Grace),
	}
}
