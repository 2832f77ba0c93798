package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// How a build and [Store.Collect] share one store.
//
// Whatever is looked at is touched: the time of a blob's or a note's last change is when it was last used. An open
// store holds a lock on a file of its own below uses/, whose time is when that use began; the kernel lets go of the
// lock when the process ends, however it ends. What was last used after the oldest use that still goes on began stays.
//
// Between a look and its touch nothing may be removed, so both happen under a shared lock on uses/guard, which lasts
// for microseconds; one thing is removed at a time under the exclusive one. So neither waits for the other's work.

// clockSlack is how far a machine's clock may be set back while a build runs before its things count as unused.
const clockSlack = time.Minute

// guard takes the guard, unix.LOCK_SH or unix.LOCK_EX, and returns what lets go of it. Where it can't be taken, in a
// store on a read-only disk or of another user, this process can't remove anything either.
func (s *Store) guard(how int) (release func()) {
	path := filepath.Join(s.dir, "uses", "guard")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		if f, err = os.Open(path); err != nil {
			return func() {}
		}
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(f.Fd()), how)
	}
	return func() { f.Close() }
}

// begin registers this use of the store. A store that can't be written to is used without.
func (s *Store) begin() {
	defer s.guard(unix.LOCK_EX)()
	s.uses() // which removes those of dead processes
	f, err := os.CreateTemp(filepath.Join(s.dir, "uses"), fmt.Sprintf("%d-*", os.Getpid()))
	if err != nil {
		return
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		f.Close()
		return
	}
	s.use = f // stays open, and locked, as long as s is reachable
}

// Close ends this use of the store: what it has looked at may go. The end of the process does the same.
func (s *Store) Close() error {
	if s.use == nil {
		return nil
	}
	defer s.guard(unix.LOCK_EX)()
	os.Remove(s.use.Name())
	return s.use.Close()
}

// uses returns when each use of the store by others began that still goes on, and removes the files of those that
// have ended. It is called under the exclusive guard, so none is half registered.
func (s *Store) uses() []time.Time {
	var began []time.Time
	paths, _ := filepath.Glob(filepath.Join(s.dir, "uses", "*-*"))
	for _, path := range paths {
		if s.use != nil && path == s.use.Name() {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.Remove(path)
		} else if info, err := f.Stat(); err == nil {
			began = append(began, info.ModTime())
		}
		f.Close()
	}
	return began
}

// inUse says whether something that was last used at this time may belong to a use of the store that still goes on.
// It is called under the exclusive guard.
func (s *Store) inUse(used time.Time) bool {
	for _, began := range s.uses() {
		if !used.Before(began.Add(-clockSlack)) {
			return true
		}
	}
	return false
}

// touch notes that the file at path was used now. In a store that can't be written to, nothing is noted.
func touch(path string) {
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Nsec: unix.UTIME_NOW}}, unix.AT_SYMLINK_NOFOLLOW)
}
