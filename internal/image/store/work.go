package store

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/image/child"
)

// A Work is a folder for things in the making. Its owner holds a lock on it for as long as it lives, so that a later
// process can tell what a dead one has left behind.
type Work struct {
	Dir     string
	store   *Store
	lock    *os.File
	release func() error
}

// Work makes an empty folder on the store's file system.
func (s *Store) Work() (*Work, error) {
	// The lock comes first: a folder without a holder of its lock is always one that was left behind.
	lock, err := s.unfinished("step-*.lock")
	if err != nil {
		return nil, fmt.Errorf("making a work folder: %w", err)
	}
	dir := strings.TrimSuffix(lock.Name(), ".lock")
	release, err := child.Guard(dir, lock.Name())
	if err != nil {
		os.Remove(lock.Name())
	} else if err = os.Mkdir(dir, 0o755); err != nil {
		_ = release()
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("making a work folder: %w", err)
	}
	return &Work{dir, s, lock, release}, nil
}

// Put stores what r gives, as [Store.Put] does. The bytes that have come so far go with the folder.
func (w *Work) Put(r io.Reader, want Digest) (Blob, error) {
	f, err := os.CreateTemp(w.Dir, "blob-*")
	if err != nil {
		return Blob{}, fmt.Errorf("storing a file: %w", err)
	}
	return w.store.put(f, r, want)
}

// Close removes the folder and all in it.
func (w *Work) Close() error {
	defer w.lock.Close()
	return w.release()
}

// unfinished makes a file in the work folder and holds a lock on it for as long as the file is open.
func (s *Store) unfinished(pattern string) (*os.File, error) {
	for {
		f, err := os.CreateTemp(filepath.Join(s.dir, "work"), pattern)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			f.Close()
			return nil, err
		}
		// Another process's sweep may have come between the two calls.
		if _, err := os.Stat(f.Name()); err == nil {
			return f, nil
		}
		f.Close()
	}
}

// sweep removes the work of processes that have died: folders whose lock nobody holds, and files that nobody locks.
// What can't be removed now is left for the next time.
func (s *Store) sweep() {
	entries, err := os.ReadDir(filepath.Join(s.dir, "work"))
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(s.dir, "work", e.Name())
		locked := path
		if e.IsDir() {
			locked += ".lock"
		}
		lock, err := os.Open(locked)
		if err != nil {
			os.RemoveAll(path) // a folder whose sweep stopped half-way; a file that has just gone
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.RemoveAll(path)
			os.Remove(locked)
		}
		lock.Close()
	}
}

// Lock waits until no other process or goroutine works under this name ("layer KEY", "apt") and keeps the others out
// until unlock is called.
func (s *Store) Lock(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "locks", name), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", name, err)
	}
	if _, err := Flock(ctx, f); err != nil {
		f.Close()
		return nil, fmt.Errorf("waiting for another build to finish %s: %w", name, err)
	}
	return func() { f.Close() }, nil
}

// Flock locks an open file or folder for as long as it is open. waited says that somebody else had it first.
func Flock(ctx context.Context, f *os.File) (waited bool, err error) {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return waited, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return waited, &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
		waited = true
		select {
		case <-ctx.Done():
			return waited, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
