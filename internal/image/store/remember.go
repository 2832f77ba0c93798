package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/google/renameio/v2"
)

// noteMost bounds a note. That of a layer with two thousand packages has half a megabyte.
const noteMost = 16 << 20

// noteName keeps a note's name a single file name.
var noteName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)

// Remember keeps a small text by a name of the caller's, in place of what was kept by that name before. Nothing that is
// made depends on a note: it is for a person, and may be lost.
func (s *Store) Remember(name string, text []byte) error {
	if !noteName.MatchString(name) {
		return fmt.Errorf("noting: %q is no name", name)
	}
	dir := filepath.Join(s.dir, "notes")
	err := errors.Join(os.MkdirAll(dir, 0o755), renameio.WriteFile(filepath.Join(dir, name), text, 0o644, renameio.WithTempDir(dir)))
	if err != nil {
		return fmt.Errorf("noting %s: %w", name, err)
	}
	return nil
}

// Recall returns what [Store.Remember] kept last by this name. It gives [ErrMissing] when there is nothing.
func (s *Store) Recall(name string) ([]byte, error) {
	if !noteName.MatchString(name) {
		return nil, fmt.Errorf("reading a note: %q is no name", name)
	}
	f, err := os.Open(filepath.Join(s.dir, "notes", name))
	if err != nil {
		return nil, fmt.Errorf("note %s: %w", name, ErrMissing)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, noteMost+1))
	if err == nil && len(text) > noteMost {
		err = fmt.Errorf("it is longer than %d bytes", noteMost)
	}
	if err != nil {
		return nil, fmt.Errorf("reading note %s: %w", name, err)
	}
	return text, nil
}
