package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Store, text string) Blob {
	t.Helper()
	b, err := s.Put(strings.NewReader(text), "")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBlobsAreNamedByTheirBytes(t *testing.T) {
	s := open(t)
	b := put(t, s, "abc")
	if want := Digest("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); b.Digest != want || b.Size != 3 {
		t.Errorf("Put gave %v", b)
	}
	path, err := s.Path(b)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != "abc" {
		t.Errorf("stored %q", text)
	}
}

func TestPutRefusesOtherBytes(t *testing.T) {
	s := open(t)
	want := put(t, open(t), "what was locked").Digest
	if _, err := s.Put(strings.NewReader("what came"), want); err == nil {
		t.Error("bytes of another digest were stored")
	}
	for _, dir := range []string{"blobs", "work"} {
		if left, _ := filepath.Glob(filepath.Join(s.Dir(), dir, "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestReadingFindsADamagedBlob(t *testing.T) {
	s := open(t)
	b := put(t, s, "a layer of an image")
	path, _ := s.Path(b)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("a layer of an imagE"), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.Dir()) // another process, which hasn't read the blob yet
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Path(b); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a flipped bit gave %v", err)
	}
	if again.Has(b) {
		t.Error("the damaged blob is still there")
	}
	if _, err := again.Path(b); !errors.Is(err, ErrMissing) {
		t.Errorf("after its removal: %v", err)
	}
}

func TestAnActionWhoseBlobIsGoneIsMissing(t *testing.T) {
	s := open(t)
	b := put(t, s, "layer")
	key := put(t, s, "key").Digest
	if _, err := s.Action(key); !errors.Is(err, ErrMissing) {
		t.Errorf("unknown action: %v", err)
	}
	if err := s.Record(key, Action{Name: "layer", Outputs: map[string]Blob{"layer": b}}); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Action(key); err != nil || a.Outputs["layer"] != b {
		t.Errorf("Action = %v, %v", a, err)
	}
	os.Remove(s.blobPath(b.Digest))
	if _, err := s.Action(key); !errors.Is(err, ErrMissing) {
		t.Errorf("its blob is gone: %v", err)
	}
	if err := errors.Join(os.Chmod(s.actionPath(key), 0o644), os.WriteFile(s.actionPath(key), []byte("{"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Action(key); !errors.Is(err, ErrMissing) {
		t.Errorf("its note is cut short: %v", err)
	}
}

func TestPathRefusesWhatIsNoDigest(t *testing.T) {
	if _, err := open(t).Path(Blob{Digest: "../../../../etc/passwd"}); err == nil {
		t.Error("a path was taken for a digest")
	}
}

func TestOpenSweepsWhatADeadProcessLeft(t *testing.T) {
	s := open(t)
	alive, err := s.Work()
	if err != nil {
		t.Fatal(err)
	}
	dead, err := s.Work()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead.Dir, "half a layer"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	dead.lock.Close() // what the kernel does for a process that was killed

	if _, err := Open(s.Dir()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dead process's folder is still there: %v", err)
	}
	if _, err := os.Stat(alive.Dir); err != nil {
		t.Errorf("a living process's folder went: %v", err)
	}
	if err := alive.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir(), "work", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLockKeepsOthersOut(t *testing.T) {
	s := open(t)
	var mu sync.Mutex
	inside, most := 0, 0
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			unlock, err := s.Lock(context.Background(), "layer")
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			mu.Lock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			inside--
			mu.Unlock()
		})
	}
	all.Wait()
	if most != 1 {
		t.Errorf("%d held the lock at once", most)
	}
}

func TestLockStopsWaitingWithItsContext(t *testing.T) {
	s := open(t)
	unlock, err := s.Lock(context.Background(), "layer")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(ctx, "layer"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock = %v", err)
	}
}

func TestADamagedNoteIsMissing(t *testing.T) {
	s := open(t)
	key, layer := put(t, s, "key").Digest, put(t, s, "layer")
	if err := s.Record(key, Action{Name: "layer", Date: 1700000000, Outputs: map[string]Blob{"layer": layer}, Made: time.Now()}); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(s.actionPath(key))
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for bit := range 8 {
			damaged := bytes.Clone(good)
			damaged[i] ^= 1 << bit
			if err := errors.Join(os.Remove(s.actionPath(key)), os.WriteFile(s.actionPath(key), damaged, 0o644)); err != nil {
				t.Fatal(err)
			}
			a, err := s.Action(key)
			if err == nil && (a.Date != 1700000000 || a.Outputs["layer"] != layer || a.Name != "layer") {
				t.Fatalf("bit %d of byte %d gave %+v from\n%s", bit, i, a, damaged)
			}
		}
	}
}

func TestOpenSweepsFilesThatNobodyWrites(t *testing.T) {
	s := open(t)
	alive, err := s.unfinished("blob-*")
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	dead, err := s.unfinished("blob-*")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close() // what the kernel does for a process that was killed
	if _, err := Open(s.Dir()); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir(), "work", "*")); len(left) != 1 || left[0] != alive.Name() {
		t.Errorf("left are %v, not %s alone", left, alive.Name())
	}
}

func TestWorkPut(t *testing.T) {
	s := open(t)
	w, err := s.Work()
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.Put(strings.NewReader("abc"), "")
	if err != nil || !s.Has(b) {
		t.Errorf("Put = %v, %v", b, err)
	}
	if _, err := w.Put(strings.NewReader("abd"), b.Digest); err == nil {
		t.Error("other bytes were stored")
	}
	if left, _ := os.ReadDir(w.Dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
