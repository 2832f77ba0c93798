package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ErrInUse says that somebody is looking into a kept folder.
var ErrInUse = errors.New("somebody is looking into it")

// A Kept is the work folder of a step that failed, kept for a person to look into.
type Kept struct {
	Name string
	Dir  string
	Note []byte    // what the caller noted about it
	When time.Time // it was kept
}

// keptNote is the file in a kept folder that its note is in. A folder without one isn't whole.
const keptNote = "kept.json"

// Keep keeps the folder under a name, in place of what was kept by that name, instead of removing it with Close. It
// returns [ErrInUse] when what was kept before can't be replaced now.
func (s *Store) Keep(w *Work, name string, note []byte) error {
	if err := s.Drop(name); err != nil && !errors.Is(err, ErrMissing) {
		return err
	}
	err := errors.Join(
		os.WriteFile(filepath.Join(w.Dir, keptNote), note, 0o644),
		os.MkdirAll(filepath.Join(s.dir, "failed"), 0o755),
		os.Rename(w.Dir, filepath.Join(s.dir, "failed", name)))
	if err != nil {
		return fmt.Errorf("keeping a work folder: %w", err)
	}
	return nil
}

// Kept lists what is kept, the newest first.
func (s *Store) Kept() ([]Kept, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "failed"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for what was kept: %w", err)
	}
	var kept []Kept
	for _, e := range entries {
		k := Kept{Name: e.Name(), Dir: filepath.Join(s.dir, "failed", e.Name())}
		f, err := os.Open(filepath.Join(k.Dir, keptNote))
		if err != nil {
			continue
		}
		k.Note, err = io.ReadAll(io.LimitReader(f, noteMost))
		info, serr := f.Stat()
		f.Close()
		if err == nil && serr == nil {
			k.When = info.ModTime()
			kept = append(kept, k)
		}
	}
	slices.SortFunc(kept, func(a, b Kept) int { return b.When.Compare(a.When) })
	return kept, nil
}

// Use keeps others from dropping or replacing what is kept under a name until done is called.
func (s *Store) Use(name string) (done func(), err error) {
	if !noteName.MatchString(name) {
		return nil, fmt.Errorf("%q is no name", name)
	}
	// A moment's patience: whoever lists or drops lets go at once, whoever looks into it doesn't.
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	done, err = s.Lock(ctx, "failed-"+name)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("the kept folder of %s: %w", name, ErrInUse)
	}
	return done, err
}

// Drop removes what is kept under a name. It gives [ErrMissing] when nothing is, and [ErrInUse].
func (s *Store) Drop(name string) error {
	dir := filepath.Join(s.dir, "failed", name)
	if _, err := os.Lstat(dir); err != nil || !noteName.MatchString(name) {
		return fmt.Errorf("nothing is kept of %s: %w", name, ErrMissing)
	}
	done, err := s.Use(name)
	if err != nil {
		return err
	}
	defer done()
	// The note goes first, so that half a folder is never taken for a whole one.
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, keptNote)), os.RemoveAll(dir)); err != nil {
		return fmt.Errorf("removing what was kept of %s: %w", name, err)
	}
	return nil
}
