package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
)

// TestMain is also the other process of these tests: it opens a store, looks at blobs, and waits to be told to go.
func TestMain(m *testing.M) {
	if dir := os.Getenv("STORE_TO_LOOK_AT"); dir != "" {
		s, err := Open(dir)
		for line := range strings.Lines(os.Getenv("BLOBS_TO_LOOK_AT")) {
			var b Blob
			if _, err := fmt.Sscan(line, &b.Digest, &b.Size); err != nil {
				fmt.Println(err)
			}
			fmt.Println(s.Has(b))
			if _, err := s.Path(b); err != nil {
				fmt.Println(err)
			}
		}
		fmt.Println("looked", err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// look starts a process that has looked at blobs of the store, as this user, and still works with it.
func look(t *testing.T, s *Store, uid uint32, blobs ...Blob) *exec.Cmd {
	t.Helper()
	var list strings.Builder
	for _, b := range blobs {
		fmt.Fprintln(&list, b.Digest, b.Size)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "STORE_TO_LOOK_AT="+s.Dir(), "BLOBS_TO_LOOK_AT="+list.String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for range blobs {
		if lines.Scan(); lines.Text() != "true" {
			t.Fatalf("the other process says %q of a blob", lines.Text())
		}
	}
	if lines.Scan(); lines.Text() != "looked <nil>" {
		t.Fatalf("the other process says %q", lines.Text())
	}
	return cmd
}

// age makes a blob or a note one that was last used so many hours ago.
func age(t *testing.T, path string, hours int) {
	t.Helper()
	then := time.Now().Add(-time.Duration(hours) * time.Hour)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

// step records an action that was last used so many hours ago.
func step(t *testing.T, s *Store, name string, hours int, outputs ...Blob) Digest {
	t.Helper()
	key, _ := digest(strings.NewReader("key of " + name))
	a := Action{Name: name, Outputs: map[string]Blob{}}
	for i, b := range outputs {
		a.Outputs[fmt.Sprint("output ", i)] = b
		age(t, s.blobPath(b.Digest), hours)
	}
	if err := s.Record(key.Digest, a); err != nil {
		t.Fatal(err)
	}
	age(t, s.actionPath(key.Digest), hours)
	return key.Digest
}

func collect(t *testing.T, s *Store, l Limits) *Collected {
	t.Helper()
	done, err := s.Collect(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// there lists which of the blobs are in the store, without using them.
func there(s *Store, blobs ...Blob) (names []int) {
	for i, b := range blobs {
		if s.holds(b) {
			names = append(names, i)
		}
	}
	return names
}

func TestCollectTakesWhatWasNotUsedForLongest(t *testing.T) {
	s := open(t)
	var blobs []Blob
	for i := range 5 {
		blobs = append(blobs, put(t, s, fmt.Sprint(i, strings.Repeat("x", 1000))))
	}
	age(t, s.blobPath(blobs[0].Digest), 5) // a package
	step(t, s, "old layer", 4, blobs[1], blobs[2])
	kept := step(t, s, "new layer", 3, blobs[2], blobs[3]) // has an output that the old one has too
	age(t, s.blobPath(blobs[4].Digest), 2)

	before, err := s.Contents()
	if err != nil {
		t.Fatal(err)
	}
	dry := collect(t, s, Limits{Max: 3900, DryRun: true})
	if got := there(s, blobs...); len(got) != 5 {
		t.Errorf("a dry run left %v", got)
	}
	done := collect(t, s, Limits{Max: 3900})
	if got := there(s, blobs...); !slices.Equal(got, []int{2, 3, 4}) {
		t.Errorf("what is left: %v", got)
	}
	if dry.Freed != done.Freed || len(dry.Removed) != 2 || done.Removed[1].Name != "old layer" {
		t.Errorf("the dry run says %+v, the other %+v", dry, done)
	}
	after, err := s.Contents()
	if err != nil {
		t.Fatal(err)
	}
	if before.Size-done.Freed != after.Size || done.Stays != after.Size || done.Held {
		t.Errorf("%d bytes less %d are %d; said to stay: %d, held: %v", before.Size, done.Freed, after.Size, done.Stays, done.Held)
	}
	if _, err := s.Action(kept); err != nil {
		t.Error(err)
	}

	// Using what is oldest makes it the newest.
	again, err := Open(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Action(kept); err != nil {
		t.Fatal(err)
	}
	again.Close()
	collect(t, s, Limits{Max: 2500})
	if got := there(s, blobs...); !slices.Equal(got, []int{2, 3}) {
		t.Errorf("after a use of the layer: %v", got)
	}
}

func TestCollectKeepsWhatWasUsedOfLate(t *testing.T) {
	s := open(t)
	old, late := put(t, s, "old"), put(t, s, "late")
	age(t, s.blobPath(old.Digest), 50)
	age(t, s.blobPath(late.Digest), 10)
	done := collect(t, s, Limits{Keep: 24 * time.Hour})
	if got := there(s, old, late); !slices.Equal(got, []int{1}) || done.Held {
		t.Errorf("left: %v, held: %v", got, done.Held)
	}
}

func TestCollectTakesIndexesThatNobodyAsks(t *testing.T) {
	s := open(t)
	for _, name := range []string{"apt-idle", "apt-busy"} {
		dir := filepath.Join(s.Dir(), "apt", name)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "apt.conf"), make([]byte, 99), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	unlock, err := s.Lock(t.Context(), "apt-busy")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	done := collect(t, s, Limits{})
	left, _ := filepath.Glob(filepath.Join(s.Dir(), "apt", "*"))
	if len(left) != 1 || filepath.Base(left[0]) != "apt-busy" || done.Freed != 99 || !done.Held {
		t.Errorf("left: %v; %+v", left, done)
	}
	if work, _ := filepath.Glob(filepath.Join(s.Dir(), "work", "*")); len(work) > 0 {
		t.Errorf("left behind: %v", work)
	}
}

// TestCollectCountsWhatWasKeptOfFailures has a folder that somebody looks into, an older and a newer one, and half of one.
func TestCollectCountsWhatWasKeptOfFailures(t *testing.T) {
	s := open(t)
	kilobyte := strings.Repeat("x", 1000)
	for i, name := range []string{"looked-into", "older", "newer"} {
		if err := keep(t, s, name, kilobyte); err != nil {
			t.Fatal(err)
		}
		age(t, filepath.Join(s.Dir(), "failed", name, keptNote), 9-i)
	}
	between := put(t, s, kilobyte)
	age(t, s.blobPath(between.Digest), 8)
	age(t, filepath.Join(s.Dir(), "failed", "older", keptNote), 8)
	if err := os.MkdirAll(filepath.Join(s.Dir(), "failed", "half"), 0o755); err != nil {
		t.Fatal(err)
	}
	done, err := s.Use("looked-into")
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Contents()
	if kept, size := c.Of(Failed); err != nil || len(kept) != 4 || size < 6000 || size > 6200 || c.Size != size+1000 || c.Other > 100 {
		t.Fatalf("%+v, error %v", c, err)
	}

	left := func() (names []string) {
		kept, _ := filepath.Glob(filepath.Join(s.Dir(), "failed", "*"))
		for _, dir := range kept {
			names = append(names, filepath.Base(dir))
		}
		return names
	}
	limits := Limits{Max: c.Size - 2500, DryRun: true} // half of one, the older one, the package
	dry := collect(t, s, limits)
	if got := left(); len(got) != 4 {
		t.Errorf("a dry run left %v", got)
	}
	limits.DryRun = false
	came := collect(t, s, limits)
	if got := left(); !slices.Equal(got, []string{"looked-into", "newer"}) || len(there(s, between)) > 0 {
		t.Errorf("left: %v, the package: %v", got, there(s, between))
	}
	if diff := cmp.Diff(dry, came, cmpopts.IgnoreUnexported(Entry{})); diff != "" || came.Held {
		t.Errorf("held: %v; (-dry run +the other)\n%s", came.Held, diff)
	}
	if last := collect(t, s, Limits{}); !last.Held || !slices.Equal(left(), []string{"looked-into"}) {
		t.Errorf("%+v left %v", last, left())
	}
	done()
	if last := collect(t, s, Limits{}); last.Held || len(left()) > 0 {
		t.Errorf("%+v left %v", last, left())
	}
}

// TestCollectLeavesWhatAnotherProcessLookedAt has a second process, which is then killed.
func TestCollectLeavesWhatAnotherProcessLookedAt(t *testing.T) {
	s := open(t)
	looked, other := put(t, s, "looked at"), put(t, s, "not looked at")
	age(t, s.blobPath(looked.Digest), 1000)
	age(t, s.blobPath(other.Digest), 2)
	process := look(t, s, 0, looked)
	began := time.Now()
	done := collect(t, s, Limits{})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it waited %s for the other process", took)
	}
	if got := there(s, looked, other); !slices.Equal(got, []int{0}) || !done.Held {
		t.Errorf("while it works: left %v, held %v", got, done.Held)
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	if done := collect(t, s, Limits{}); done.Held || len(there(s, looked)) != 0 {
		t.Errorf("after its death: %+v", done)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir(), "uses", "*-*")); len(left) > 1 {
		t.Errorf("left behind besides our own use: %v", left)
	}
}

// TestAStoreThatCannotBeWrittenToIsRead has a process of a user who may only read.
func TestAStoreThatCannotBeWrittenToIsRead(t *testing.T) {
	s := open(t)
	for dir := s.Dir(); dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b := put(t, s, "read by another user")
	age(t, s.blobPath(b.Digest), 5)
	look(t, s, 65534, b)
	if info, err := os.Stat(s.blobPath(b.Digest)); err != nil || time.Since(info.ModTime()) < time.Hour {
		t.Errorf("the other user changed it: %v", err)
	}
}

// TestCollectWhileBuildsRun has builds that look things up, make what is missing and rely on it until they end, and
// collections that would take away everything all the time.
func TestCollectWhileBuildsRun(t *testing.T) {
	dir := t.TempDir()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var builds sync.WaitGroup
	var mu sync.Mutex
	const enough = 150
	hits, removed := 0, 0
	for range 3 {
		builds.Go(func() {
			for ctx.Err() == nil {
				n := oneBuild(t, dir)
				mu.Lock()
				hits += n
				mu.Unlock()
			}
		})
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for ctx.Err() == nil {
		done, err := s.Collect(t.Context(), Limits{})
		if err != nil {
			t.Error(err)
			break
		}
		removed += len(done.Removed)
		mu.Lock()
		if hits >= enough && removed >= enough {
			stop()
		}
		mu.Unlock()
	}
	builds.Wait()
	t.Logf("%d hits, %d removals", hits, removed)
	if hits < enough || removed < enough {
		t.Errorf("only %d hits and %d removals: nothing is proved", hits, removed)
	}
}

// oneBuild makes, or finds, a few steps of forty, waits a moment, and wants all of them to be there still.
func oneBuild(t *testing.T, dir string) (hits int) {
	s, err := openNow(dir)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer s.Close()
	var relied []Blob
	for range 3 {
		name := fmt.Sprint("step ", rand.IntN(40))
		key, _ := digest(strings.NewReader(name))
		a, err := s.Action(key.Digest)
		if err == nil {
			hits++
		} else {
			b, err := s.Put(strings.NewReader("what came of "+name), "")
			if err != nil {
				t.Error(err)
				return hits
			}
			a = Action{Name: name, Outputs: map[string]Blob{"it": b}}
			if err := s.Record(key.Digest, a); err != nil {
				t.Error(err)
				return hits
			}
		}
		relied = append(relied, a.Outputs["it"])
		time.Sleep(time.Duration(rand.IntN(8)) * time.Millisecond)
	}
	for _, b := range relied {
		path, err := s.Path(b)
		if err == nil {
			_, err = os.Stat(path)
		}
		if err != nil {
			t.Errorf("it went away under a build: %v", err)
		}
	}
	return hits
}

// openNow opens a store without the slack for clocks, with which everything in this test would count as used just now.
// What remains of it is for the kernel's own clock, which ticks every few milliseconds.
func openNow(dir string) (*Store, error) {
	s, err := Open(dir)
	if err != nil {
		return nil, err
	}
	began := time.Now().Add(clockSlack - 10*time.Millisecond)
	return s, os.Chtimes(s.use.Name(), began, began)
}

// TestNothingIsRemovedBetweenALookAndItsTouch holds the guard as a removal does: a look waits until it is over, and so
// does what would take the place of the file that is removed.
func TestNothingIsRemovedBetweenALookAndItsTouch(t *testing.T) {
	writer := open(t)
	b := put(t, writer, "a layer")
	key := step(t, writer, "layer", 1, b)
	s, err := Open(writer.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for name, look := range map[string]func(){
		"Has":    func() { s.Has(b) },
		"Path":   func() { _, _ = s.Path(b) },
		"Action": func() { _, _ = s.Action(key) },
		"Open":   func() { _, _ = Open(s.Dir()) },
		"Put":    func() { _, _ = writer.Put(strings.NewReader("a layer"), "") },
	} {
		release := writer.guard(unix.LOCK_EX)
		looked := make(chan bool)
		go func() {
			look()
			close(looked)
		}()
		select {
		case <-looked:
			t.Errorf("%s looks while something is removed", name)
		case <-time.After(50 * time.Millisecond):
		}
		release()
		<-looked
	}
}
