package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

// TestMain gives the tests mounts of their own, as nhos build has them: without, no layer is made in memory.
func TestMain(m *testing.M) {
	rootfs.Init()
	if err := rootfs.OwnMounts(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const packages = `
Package: kernel

Package: shim

Package: tea
Version: 1:2.0
File: tea_1%3a2.0+b1~x_amd64.deb

Package: milk
Archive: security
`

const desk = `
-- images/desk.yaml --
description: A desk
base: test
product: The Desk
packages:
  add: [tea, milk]
`

// newBuilding is a build of image desk, from an archive of these packages, that has not begun.
func newBuilding(t *testing.T, paragraphs, definitions string) (*builder, *archivetest.Archive, *ui.Recorder) {
	t.Helper()
	a := archivetest.New(t, paragraphs)
	img, err := definition.Load(a.Definitions(t, definitions), "desk")
	if err != nil {
		t.Fatal(err)
	}
	mirrors, err := lock.FindMirrors(t.Context(), img.Base, a.Mirror(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := lock.Resolve(t.Context(), img, mirrors, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.New(img, img, l, plan.Tools{}, s)
	if err != nil {
		t.Fatal(err)
	}
	recorder := ui.NewRecorder(ui.NewProgress(io.Discard, ui.Silent))
	b := newBuilder(p, Options{Store: s, Mirrors: mirrors, Out: t.TempDir(), Progress: recorder})
	b.patience = patience{stalled: time.Second, pause: time.Millisecond}
	return b, a, recorder
}

func printed(err error) string {
	var b strings.Builder
	ui.PrintError(&b, "nhos", err)
	return b.String()
}

// left are the names of what is in the store's folders.
func left(t *testing.T, s *store.Store, folder string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(s.Dir(), folder), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() || filepath.Dir(path) == filepath.Join(s.Dir(), "work") {
			names = append(names, e.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func has(b *builder, name string) bool {
	p, _ := b.plan.Lock.Find(name, lock.Base, lock.Additions, lock.Medium)
	return b.Store.Has(blob(p))
}

// TestFetch covers packages of both archives, one of them with a file name that isn't what a URI may hold as it is.
func TestFetch(t *testing.T) {
	t.Parallel()
	b, a, recorder := newBuilding(t, packages, desk)
	if err := b.fetch(t.Context()); err != nil {
		t.Fatal(printed(err))
	}
	for _, name := range []string{"kernel", "shim", "tea", "milk"} {
		if !has(b, name) {
			t.Errorf("%s isn't in the store", name)
		}
	}
	var total int64
	for _, p := range b.plan.Lock.Packages {
		total += p.Size
	}
	phase := recorder.Phases()[0]
	if want := "4 fetched, " + ui.Bytes(total); phase.Outcome != want || phase.Bytes != total {
		t.Errorf("the phase says %q after %d bytes, not %q", phase.Outcome, phase.Bytes, want)
	}

	if again := fetches(t, b, a); again != 0 {
		t.Errorf("%d packages were fetched although the store has them", again)
	}
}

// TestFetchFromAFolder takes a mirror on a disk, as a machine without a network has it.
func TestFetchFromAFolder(t *testing.T) {
	t.Parallel()
	b, _, _ := newBuilding(t, packages, desk)
	dir := t.TempDir()
	for _, p := range b.plan.Lock.Packages {
		copyTo(t, b.Mirrors, p, filepath.Join(dir, p.Archive, p.Filename))
	}
	b.Mirrors = lock.Mirrors{"main": "file:" + dir + "/main/", "security": "file:" + dir + "/security/"}
	if err := b.fetch(t.Context()); err != nil {
		t.Fatal(printed(err))
	}
	if !has(b, "tea") || !has(b, "milk") {
		t.Error("what the folder holds isn't in the store")
	}
}

// fetches is for how many packages the mirror is asked until all are there.
func fetches(t *testing.T, b *builder, a *archivetest.Archive) int {
	t.Helper()
	before := a.Requests(".deb")
	if err := b.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a.Requests(".deb") - before
}

func copyTo(t *testing.T, mirrors lock.Mirrors, p lock.Package, file string) {
	t.Helper()
	response, err := http.Get(mirrors[p.Archive] + strings.ReplaceAll(p.Filename, "%", "%25"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, text, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestFetchInParallel(t *testing.T) {
	t.Parallel()
	many, names := packages, []string{}
	for i := range 24 {
		many += fmt.Sprintf("\nPackage: leaf%d\n", i)
		names = append(names, fmt.Sprintf("leaf%d", i))
	}
	b, a, _ := newBuilding(t, many, strings.Replace(desk, "[tea", "["+strings.Join(names, ", ")+", tea", 1))
	a.Slow(100 * time.Millisecond)
	if err := b.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if most := a.MostAtOnce(); most != 8 {
		t.Errorf("%d packages were on their way at once, not 8", most)
	}
}

// TestFetchTriesAgain covers what a second or third try mends.
func TestFetchTriesAgain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]archivetest.Fault{
		"busy": archivetest.Busy, "truncated": archivetest.Truncated, "altered": archivetest.Altered,
		"dropped": archivetest.Dropped, "stalled": archivetest.Stalled, "silent": archivetest.Silent,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, a, recorder := newBuilding(t, packages, desk)
			a.Break("/tea_", fault, 2)
			if err := b.fetch(t.Context()); err != nil {
				t.Fatal(printed(err))
			}
			if n := a.Requests("/tea_"); n != 3 || !has(b, "tea") {
				t.Errorf("after %d tries tea is in the store: %v", n, has(b, "tea"))
			}
			var total int64
			for _, p := range b.plan.Lock.Packages {
				total += p.Size
			}
			if got := recorder.Phases()[0].Bytes; got != total {
				t.Errorf("%d bytes are shown as fetched, not %d", got, total)
			}
		})
	}
}

// TestFetchGivesUp covers what no try mends: the error, its hint, and that nothing stays in the store.
func TestFetchGivesUp(t *testing.T) {
	t.Parallel()
	const other = "the mirror has other bytes under this name than those that were locked: --mirror names another one, nhos lock makes a new lock"
	const reach = "is the mirror reachable? --mirror names another one; what has come so far stays in the store"
	for name, c := range map[string]struct {
		fault      archivetest.Fault
		tries      int
		want, hint string
	}{
		"missing":   {archivetest.Missing, 1, "Not Found", "the archive has moved on: make a new lock with nhos lock, or name a mirror that keeps old packages (--mirror)"},
		"busy":      {archivetest.Busy, 3, "Service Unavailable", reach},
		"truncated": {archivetest.Truncated, 3, "its SHA-256 is ", other},
		"altered":   {archivetest.Altered, 3, "its SHA-256 is ", other},
		"dropped":   {archivetest.Dropped, 3, "unexpected EOF", reach},
		"stalled":   {archivetest.Stalled, 3, "nothing came for 1.0 s", reach},
		"silent":    {archivetest.Silent, 3, "nothing came for 1.0 s", reach},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, a, recorder := newBuilding(t, packages, desk)
			a.Break("/tea_", c.fault, archivetest.Always)
			err := b.fetch(t.Context())
			if err == nil {
				t.Fatal("fetched")
			}
			said := printed(err)
			if !strings.HasPrefix(said, "nhos: error: images/desk.yaml:5:9: fetching package tea 1:2.0: "+a.Mirror()+"/pool/main/t/tea/tea_1%253a2.0+b1~x_amd64.deb: ") ||
				!strings.Contains(said, c.want) || !strings.HasSuffix(said, "\nhint: "+c.hint+"\n") {
				t.Errorf("it says\n%swithout %q or the hint %q", said, c.want, c.hint)
			}
			if ui.ExitCode(err) != ui.ExitFailed {
				t.Errorf("exit code %d", ui.ExitCode(err))
			}
			if n := a.Requests("/tea_"); n != c.tries {
				t.Errorf("%d tries, not %d", n, c.tries)
			}
			if has(b, "tea") {
				t.Error("tea is in the store")
			}
			if files := left(t, b.Store, "work"); len(files) > 0 {
				t.Errorf("left behind: %v", files)
			}
			if recorder.Phases()[0].Error == "" {
				t.Error("the phase isn't shown as failed")
			}
		})
	}
}

func TestFetchIsInterrupted(t *testing.T) {
	t.Parallel()
	b, a, _ := newBuilding(t, packages, desk)
	b.patience.stalled = time.Minute
	a.Break("/tea_", archivetest.Stalled, archivetest.Always)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for a.Requests("/tea_") == 0 || !has(b, "milk") || !has(b, "kernel") || !has(b, "shim") {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	err := b.fetch(ctx)
	if ui.ExitCode(err) != ui.ExitInterrupted {
		t.Errorf("fetch = %v, which isn't an interruption", err)
	}
	if files := left(t, b.Store, "work"); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
	a.Mend()
	if n := fetches(t, b, a); n != 1 {
		t.Errorf("the next build fetches %d packages, not the one that is missing", n)
	}
}

// TestOnceIsInterrupted stops a step while it works.
func TestOnceIsInterrupted(t *testing.T) {
	t.Parallel()
	b, _, _ := newBuilding(t, packages, desk)
	if err := os.Mkdir(filepath.Join(b.Out, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	key := b.plan.Layers[0].Key
	_, err := b.once(ctx, key, "layer base", func(w *store.Work, log *os.File) (store.Action, error) {
		if err := os.WriteFile(filepath.Join(w.Dir, "half"), []byte("half a layer"), 0o644); err != nil {
			return store.Action{}, err
		}
		return store.Action{}, rootfs.RunHost(ctx, []string{"sh", "-c", "echo begun; sleep 600"}, nil, writer(func(p []byte) (int, error) {
			cancel()
			return log.Write(p)
		}))
	})
	if ui.ExitCode(err) != ui.ExitInterrupted || ui.HintOf(err) != "" {
		t.Errorf("once = %v, hint %q", err, ui.HintOf(err))
	}
	if files := left(t, b.Store, "work"); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
	if _, err := b.Store.Action(key); !errors.Is(err, store.ErrMissing) {
		t.Errorf("the step counts as done: %v", err)
	}
	a, err := b.once(t.Context(), key, "layer base", func(*store.Work, *os.File) (store.Action, error) {
		layer, err := b.Store.Put(strings.NewReader("a layer"), "")
		return store.Action{Outputs: map[string]store.Blob{plan.LayerOutput: layer}}, err
	})
	if err != nil || a.Outputs[plan.LayerOutput].Size != 7 {
		t.Errorf("the next build: %v, %v", a, err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestOnceIsDoneByOneOfTwo runs the same step twice at the same time.
func TestOnceIsDoneByOneOfTwo(t *testing.T) {
	t.Parallel()
	b, _, _ := newBuilding(t, packages, desk)
	if err := os.Mkdir(filepath.Join(b.Out, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	made := make(chan bool, 2)
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := b.once(t.Context(), b.plan.Layers[0].Key, "layer base", func(*store.Work, *os.File) (store.Action, error) {
				made <- true
				time.Sleep(50 * time.Millisecond)
				layer, err := b.Store.Put(strings.NewReader("a layer"), "")
				return store.Action{Outputs: map[string]store.Blob{plan.LayerOutput: layer}}, err
			})
			results <- err
		}()
	}
	if err := errors.Join(<-results, <-results); err != nil {
		t.Fatal(err)
	}
	if len(made) != 1 {
		t.Errorf("it was made %d times", len(made))
	}
}

func TestAFailedStepNamesItsLog(t *testing.T) {
	t.Parallel()
	b, _, _ := newBuilding(t, packages, desk)
	if err := os.Mkdir(filepath.Join(b.Out, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := b.once(t.Context(), b.plan.Layers[0].Key, "layer base", func(_ *store.Work, log *os.File) (store.Action, error) {
		return store.Action{}, rootfs.RunHost(t.Context(), []string{"sh", "-c", "echo what went wrong; exit 3"}, nil, log)
	})
	logFile := filepath.Join(b.Out, "logs/layer-base.log")
	if diff := cmp.Diff("nhos: error: sh: exit status 3\nwhat went wrong\nhint: all that was printed is in "+logFile+"\n", printed(err)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if text, _ := os.ReadFile(logFile); string(text) != "what went wrong\n" {
		t.Errorf("the log holds %q", text)
	}
}

// TestStageSource covers a file that is edited between the plan and its use.
func TestStageSource(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := filepath.Join(t.TempDir(), "motd")
	if err := os.WriteFile(source, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	op := rootfs.Op{Source: source, SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
	if err := stageSource(op, dir); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, op.SHA256)); string(text) != "abc" {
		t.Errorf("staged %q", text)
	}
	if err := os.WriteFile(source, []byte("abd"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := stageSource(op, dir); err == nil || err.Error() != source+" changed while the build ran: start the build again" {
		t.Errorf("stageSource = %v", err)
	}
	if err := os.Remove(source); err != nil {
		t.Fatal(err)
	}
	if err := stageSource(op, dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stageSource = %v", err)
	}
}

// TestCurrent says when a medium that is there is taken for the one that would be made.
func TestCurrent(t *testing.T) {
	t.Parallel()
	b, _, recorder := newBuilding(t, packages, desk)
	note := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(b.Out, resultFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	iso := filepath.Join(b.Out, b.plan.Medium.File)
	medium := func(text string) {
		t.Helper()
		if err := os.WriteFile(iso, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	good := fmt.Sprintf(`{"id": "desk", "key": %q, "iso": %q, "lock": "desk.lock", "size": 3,
		"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}`, b.plan.Medium.Key, b.plan.Medium.File)
	if r := Look(t.Context(), b.Out).current(b.plan, b.Options); r != nil {
		t.Errorf("nothing is there, and current = %v", r)
	}
	note(good)
	medium("abc")
	if r := Look(t.Context(), b.Out).current(b.plan, b.Options); r != nil {
		t.Errorf("the lock isn't there, and current = %v", r)
	}
	for _, name := range []string{"desk.lock", "SHA256SUMS"} {
		if err := os.WriteFile(filepath.Join(b.Out, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if r := Look(t.Context(), b.Out).current(b.plan, b.Options); r == nil || !r.Reused || r.Dir != b.Out || r.ISO != b.plan.Medium.File || r.Size != 3 {
		t.Errorf("the medium is there, and current = %+v", r)
	}
	medium("abd")
	if r := Look(t.Context(), b.Out).current(b.plan, b.Options); r != nil {
		t.Errorf("the medium was changed, and current = %v", r)
	}
	if phases := recorder.Phases(); phases[len(phases)-1].Outcome != "was changed since it was written: made anew" {
		t.Errorf("it says %q", phases[len(phases)-1].Outcome)
	}
	medium("abc")
	note(strings.Replace(good, string(b.plan.Medium.Key), strings.Repeat("0", 64), 1))
	if r := Look(t.Context(), b.Out).current(b.plan, b.Options); r != nil {
		t.Errorf("the medium is of another plan, and current = %v", r)
	}
	note("{")
	if r := Look(t.Context(), b.Out).current(b.plan, b.Options); r != nil {
		t.Errorf("the note is cut short, and current = %v", r)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Load(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load of an empty folder = %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, resultFile), []byte(`{"id": "desk", "iso": "the-desk.iso", "sha256": "ab", "size": 7}`), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Load(dir)
	if diff := cmp.Diff(&Result{ID: "desk", ISO: "the-desk.iso", SHA256: "ab", Size: 7, Dir: dir}, r); diff != "" || err != nil {
		t.Errorf("Load: %v\n%s", err, diff)
	}
}
