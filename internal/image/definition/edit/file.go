package edit

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/image/definition"
)

// change reads a definition file, changes its text, loads all that it belongs to, and writes it.
func change(dir string, t definition.Target, by func(*text) (*text, []Change, error)) (Result, error) {
	result := Result{File: t.File(), Changes: []Change{}, Images: []string{}}
	unlock, err := lock(dir)
	if err != nil {
		return result, err
	}
	defer unlock()
	was, _, err := definition.ReadFile(dir, t)
	if err != nil {
		return result, err
	}
	old, err := parse(t, string(was))
	if err != nil {
		return result, err
	}
	changed, changes, err := by(old)
	if err != nil {
		return result, err
	}
	users, err := definition.LoadUsers(dir, t, definition.Texts{t.File(): []byte(changed.String())})
	if err != nil {
		return result, fmt.Errorf("nothing is written: %w", err)
	}
	for _, img := range users {
		result.Images = append(result.Images, img.ID())
	}
	if changed.String() == string(was) {
		return result, nil
	}
	result.Changes = append(result.Changes, changes...)
	return result, replace(filepath.Join(dir, filepath.FromSlash(t.File())), []byte(changed.String()))
}

// lock keeps other changes of a definitions folder waiting.
func lock(dir string) (unlock func(), err error) {
	f, err := os.Open(filepath.Join(dir, "images"))
	if err != nil {
		return nil, fmt.Errorf("opening the definitions: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("waiting for another change of %s: %w", dir, err)
	}
	return func() { _ = f.Close() }, nil
}

// replace writes a file anew, whole or not at all, with the mode and the owner that it has.
func replace(file string, text []byte) error {
	file, err := filepath.EvalSymlinks(file) // a link stays one
	if err != nil {
		return fmt.Errorf("writing the definition: %w", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("writing the definition: %w", err)
	}
	f, err := renameio.NewPendingFile(file, renameio.WithExistingPermissions())
	if err != nil {
		return fmt.Errorf("writing the definition: %w", err)
	}
	defer func() { _ = f.Cleanup() }()
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("writing the definition: %w", err)
		}
	}
	if _, err := f.Write(text); err != nil {
		return fmt.Errorf("writing the definition: %w", err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("writing the definition: %w", err)
	}
	return nil
}
