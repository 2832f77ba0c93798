package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// work makes a work folder with one file in it.
func work(t *testing.T, s *Store, text string) *Work {
	t.Helper()
	w, err := s.Work()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.Dir, "half a layer"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return w
}

func keep(t *testing.T, s *Store, name, text string) error {
	t.Helper()
	w := work(t, s, text)
	err := s.Keep(w, name, []byte("note of "+text))
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	return err
}

func TestKeptFoldersSurviveAndAreReplaced(t *testing.T) {
	s := open(t)
	for _, text := range []string{"first", "second"} {
		if err := keep(t, s, "desk", text); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Open(s.Dir()) // sweeps
	if err != nil {
		t.Fatal(err)
	}
	kept, err := again.Kept()
	if err != nil || len(kept) != 1 || kept[0].Name != "desk" || string(kept[0].Note) != "note of second" {
		t.Fatalf("Kept = %v, %v", kept, err)
	}
	if text, err := os.ReadFile(filepath.Join(kept[0].Dir, "half a layer")); string(text) != "second" {
		t.Errorf("the folder holds %q, %v", text, err)
	}
	if err := again.Drop("desk"); err != nil {
		t.Error(err)
	}
	if err := again.Drop("desk"); !errors.Is(err, ErrMissing) {
		t.Errorf("dropped again: %v", err)
	}
	for _, dir := range []string{"work", "failed"} {
		if left, _ := filepath.Glob(filepath.Join(s.Dir(), dir, "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestWhatSomebodyLooksIntoStays(t *testing.T) {
	s := open(t)
	if err := keep(t, s, "desk", "first"); err != nil {
		t.Fatal(err)
	}
	done, err := s.Use("desk")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Drop("desk"); !errors.Is(err, ErrInUse) {
		t.Errorf("Drop = %v", err)
	}
	if err := keep(t, s, "desk", "second"); !errors.Is(err, ErrInUse) {
		t.Errorf("Keep = %v", err)
	}
	done()
	if err := s.Drop("desk"); err != nil {
		t.Errorf("when nobody looks any more: %v", err)
	}
}

func TestDropStaysInItsFolder(t *testing.T) {
	s := open(t)
	for _, name := range []string{"", ".", "..", "../blobs"} {
		if err := s.Drop(name); !errors.Is(err, ErrMissing) {
			t.Errorf("Drop(%q) = %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(s.Dir(), "blobs")); err != nil {
		t.Error(err)
	}
}
