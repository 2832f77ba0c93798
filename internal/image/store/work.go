package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Work is a folder for things in the making. Its owner holds a lock on it for as long as it lives, so that a later
// process can tell what a dead one has left behind.
type Work struct {
	Dir  string
	lock *os.File
}

// Work makes an empty folder on the store's file system.
func (s *Store) Work() (*Work, error) {
	// The lock comes first: a folder without a holder of its lock is always one that was left behind.
	lock, err := os.CreateTemp(filepath.Join(s.dir, "work"), "step-*.lock")
	if err != nil {
		return nil, fmt.Errorf("making a work folder: %w", err)
	}
	dir := strings.TrimSuffix(lock.Name(), ".lock")
	if err := errors.Join(unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB), os.Mkdir(dir, 0o755)); err != nil {
		lock.Close()
		return nil, fmt.Errorf("making a work folder: %w", err)
	}
	return &Work{dir, lock}, nil
}

// Close removes the folder and all in it.
func (w *Work) Close() error {
	err := os.RemoveAll(w.Dir)
	os.Remove(w.lock.Name())
	w.lock.Close()
	return err
}

// sweep removes the work of processes that have died: folders whose lock nobody holds, and files older than a day.
// What can't be removed now is left for the next time.
func (s *Store) sweep() {
	entries, err := os.ReadDir(filepath.Join(s.dir, "work"))
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(s.dir, "work", e.Name())
		if !e.IsDir() {
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
				os.Remove(path)
			}
			continue
		}
		lock, err := os.Open(path + ".lock")
		if err != nil {
			os.RemoveAll(path) // an earlier sweep stopped half-way
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.RemoveAll(path)
			os.Remove(lock.Name())
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
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", name, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("waiting for another build to finish %s: %w", name, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
