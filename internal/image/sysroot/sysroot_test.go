package sysroot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

const packages = `
Package: tool
Depends: library
Recommends: manual

Package: library

Package: manual
`

// newOptions are for the tool of an archive of its own.
func newOptions(t *testing.T) (Options, *archivetest.Archive, *notes) {
	t.Helper()
	a := archivetest.New(t, packages)
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	base := definition.Base{
		Name: "test", Distribution: archivetest.Distribution, Suite: archivetest.Suite, Architecture: archivetest.Architecture,
		Components: []string{"main"}, Pockets: []definition.Pocket{{Suite: archivetest.Suite, Archive: "main"}},
		Dir: filepath.Dir(a.Keyring()), Keyring: filepath.Base(a.Keyring()),
	}
	mirrors, err := lock.FindMirrors(t.Context(), base, a.Mirror(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	said := &notes{Progress: ui.NewProgress(os.Stderr, ui.Silent)}
	return Options{Store: s, Base: base, Mirrors: mirrors, Packages: []string{"tool"}, Progress: said}, a, said
}

// notes keeps what was noted.
type notes struct {
	ui.Progress
	all []string
}

func (n *notes) Note(text string) { n.all = append(n.all, text) }

// unpack returns the version of each package that is in the folder: "tool 1.0, library 1.0".
func unpack(t *testing.T, o Options) (string, error) {
	t.Helper()
	dir, release, err := Unpack(t.Context(), o)
	if err != nil {
		return "", err
	}
	var found []string
	for _, name := range []string{"tool", "library", "manual"} {
		text, err := os.ReadFile(filepath.Join(dir, "usr/share", name, "README"))
		if err != nil {
			continue
		}
		version := strings.TrimSuffix(string(text[strings.LastIndex(string(text), " ")+1:]), ".\n")
		found = append(found, fmt.Sprintf("%s %s", name, version))
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", dir)
	}
	if left, err := filepath.Glob(filepath.Join(o.Store.Dir(), "work", "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, error %v", left, err)
	}
	return strings.Join(found, ", "), nil
}

// age makes what the store keeps older than it is.
func age(t *testing.T, o Options, by time.Duration) {
	t.Helper()
	key, err := o.key()
	if err != nil {
		t.Fatal(err)
	}
	a, err := o.Store.Action(key)
	if err != nil {
		t.Fatal(err)
	}
	a.Made = a.Made.Add(-by)
	if err := o.Store.Record(key, a); err != nil {
		t.Fatal(err)
	}
}

func TestUnpack(t *testing.T) {
	o, a, said := newOptions(t)
	want := func(when, want string) {
		t.Helper()
		if got, err := unpack(t, o); got != want || err != nil {
			t.Errorf("%s: %q, error %v; want %q", when, got, err, want)
		}
	}
	want("first", "tool 1.0, library 1.0")
	a.Publish(strings.Replace(packages, "Package: library", "Package: library\nVersion: 1.1", 1))
	asked := a.Requests("")
	want("again", "tool 1.0, library 1.0")
	if n := a.Requests("") - asked; n > 0 {
		t.Errorf("what is kept took %d requests", n)
	}
	age(t, o, freshFor)
	want("after a month", "tool 1.0, library 1.1")
	age(t, o, freshFor)
	a.Close()
	want("a month later, without a network", "tool 1.0, library 1.1")
	if len(said.all) != 1 || !strings.Contains(said.all[0], "tool of summer as of ") || !strings.Contains(said.all[0], "mmdebstrap") {
		t.Errorf("noted: %q", said.all)
	}
}

func TestUnpackRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*Options, *archivetest.Archive)
		want  string
	}{
		"what the archive hasn't": {func(o *Options, _ *archivetest.Archive) { o.Packages = []string{"hammer"} }, "Unable to locate package hammer"},
		"what nobody signed":      {func(_ *Options, a *archivetest.Archive) { a.Tamper() }, "is not signed"},
		"an unreachable archive":  {func(_ *Options, a *archivetest.Archive) { a.Close() }, "refused"},
		"a missing keyring":       {func(o *Options, _ *archivetest.Archive) { o.Base.Keyring = "none.gpg" }, "the keyring of base test is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			o, a, _ := newOptions(t)
			test.spoil(&o, a)
			got, err := unpack(t, o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q, error %v; want %q", got, err, test.want)
			}
			if _, err := o.Store.Action(must(o.key())); err == nil {
				t.Error("something is kept")
			}
		})
	}
}

func must(key store.Digest, err error) store.Digest {
	if err != nil {
		panic(err)
	}
	return key
}
