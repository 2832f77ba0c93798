package main

import (
	"errors"
	"flag"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"nhos.org/nhos/internal/image"
	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/layertest"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/rescue/sticktest"
	"nhos.org/nhos/internal/ui"
)

var update = flag.Bool("update", false, "write what the scripts compare with anew")

func TestMain(m *testing.M) {
	rootfs.Init()
	testscript.Main(m, map[string]func(){"nhos": func() { os.Exit(run(machine())) }})
}

// TestScripts runs the examples of testdata/script. Each begins in a folder with the definitions of
// testdata/definitions, and with the files that it brings itself; NHOS_MIRROR is an archive of testdata/packages.
//
// Besides testscript's own commands there is "exits CODE PROGRAM...", for an exit code that isn't only not 0,
// "premade IMAGE LAYER...", which puts stand-ins for layers into the store (package layertest), and "asks N PATH
// PROGRAM...", for how often the mirror is asked for that path. write_test.go has those for sticks.
func TestScripts(t *testing.T) {
	packages, err := os.ReadFile("testdata/packages")
	if err != nil {
		t.Fatal(err)
	}
	archive := archivetest.New(t, string(packages))
	key, err := os.ReadFile(archive.Keyring())
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		UpdateScripts:      *update,
		Setup: func(e *testscript.Env) error {
			m := &mirror{Handler: archive}
			e.Values["mirror"] = m
			server := httptest.NewServer(m)
			e.Defer(server.Close)
			e.Setenv("NHOS_MIRROR", server.URL+"/debian")
			e.Setenv("NHOS_STORE", filepath.Join(e.WorkDir, ".store"))
			e.Setenv("NHOS_TEST_MACHINE", filepath.Join(e.WorkDir, ".machine"))
			e.Values["machine"] = sticktest.NewMachine(t, filepath.Join(e.WorkDir, ".machine"))
			e.Values["sticks"] = map[string]plugged{}
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("LC_ALL", "C.UTF-8")
			return errors.Join(lay("testdata/definitions", e.WorkDir), os.WriteFile(filepath.Join(e.WorkDir, "bases/test/test.gpg"), key, 0o644))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"asks":      asks,
			"iso":       iso,
			"stick":     func(ts *testscript.TestScript, _ bool, args []string) { stick(t, ts, args) },
			"holds":     holds,
			"untouched": untouched,
			"premade":   func(ts *testscript.TestScript, _ bool, args []string) { premade(t, ts, args) },
		},
	})
}

// lay copies a folder into another one, without the files that are there already.
func lay(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if e.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if _, err := os.Stat(target); err == nil {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, info.Mode())
	})
}

func exits(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, not %d", got, want)
	}
}

// A mirror is an archive as one script asks it.
type mirror struct {
	http.Handler
	mu    sync.Mutex
	asked []string // paths
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.asked = append(m.asked, r.URL.Path)
	m.mu.Unlock()
	m.Handler.ServeHTTP(w, r)
}

// forget forgets what was asked, and says how often it was a file whose path holds this text.
func (m *mirror) forget(file string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	others := slices.DeleteFunc(slices.Clone(m.asked), func(path string) bool { return strings.Contains(path, file) })
	times := len(m.asked) - len(others)
	m.asked = nil
	return times
}

func asks(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 3 {
		ts.Fatalf("usage: asks TIMES FILE PROGRAM [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	m := ts.Value("mirror").(*mirror)
	m.forget("")
	ts.Check(ts.Exec(args[2], args[3:]...))
	if got := m.forget(args[1]); got != want {
		ts.Fatalf("it asked for %s %d times, not %d", args[1], got, want)
	}
}

func premade(t *testing.T, ts *testscript.TestScript, args []string) {
	s, err := store.Open(ts.Getenv("NHOS_STORE"))
	ts.Check(err)
	p, _, err := image.Plan(t.Context(), image.Request{
		Definitions: ts.MkAbs("."), ID: args[0], Mirror: ts.Getenv("NHOS_MIRROR"), Store: s, Progress: ui.NewProgress(io.Discard, ui.Silent),
	})
	ts.Check(err)
	layertest.Put(t, s, p, args[1:]...)
}
