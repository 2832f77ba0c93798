package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Limits say what [Store.Collect] leaves.
type Limits struct {
	Max    int64         // bytes that may stay
	Keep   time.Duration // what was used within it stays, whatever its size
	DryRun bool          // remove nothing, say what would go
}

// Collected is what [Store.Collect] did.
type Collected struct {
	Removed []Entry `json:"removed"`
	Freed   int64   `json:"freed"` // bytes
	Stays   int64   `json:"stays"` // bytes
	// Held says that more is left than may stay, because others work with the store.
	Held bool `json:"held,omitempty"`
}

// Collect removes what was not used for longest until no more than l.Max is left.
//
// What another process looked at since it opened the store stays. What this one looked at doesn't: a build calls
// Collect when it is over. Nobody waits for anything but the removal of one entry.
func (s *Store) Collect(ctx context.Context, l Limits) (*Collected, error) {
	unlock, err := s.Lock(ctx, "gc")
	if err != nil {
		return nil, err
	}
	defer unlock()
	now := time.Now()
	c, err := s.Contents()
	if err != nil {
		return nil, err
	}
	g := collection{Store: s, dry: l.DryRun, owners: map[Digest]int{}}
	for _, e := range c.Entries {
		for _, b := range e.outputs {
			g.owners[b.Digest]++
		}
	}
	done := &Collected{Stays: c.Size}
	for _, e := range c.Entries {
		if done.Stays <= l.Max || now.Sub(e.Used) < l.Keep {
			break
		}
		if err := ctx.Err(); err != nil {
			return done, fmt.Errorf("collecting was interrupted: %w", context.Cause(ctx))
		}
		freed, err := g.remove(e)
		if errors.Is(err, errInUse) {
			done.Held = true
			continue
		}
		if err != nil {
			return done, fmt.Errorf("removing %s %s from the store: %w", e.Kind, e.Name, err)
		}
		e.Size = freed
		done.Removed = append(done.Removed, e)
		done.Freed += freed
		done.Stays -= freed
	}
	done.Held = done.Held && done.Stays > l.Max
	return done, nil
}

var errInUse = errors.New("in use")

// A collection is one run of [Store.Collect].
type collection struct {
	*Store
	dry    bool
	owners map[Digest]int // how many actions have put out a blob
}

// remove takes an entry away, unless it is in use, and returns how many bytes that freed.
func (g *collection) remove(e Entry) (int64, error) {
	switch e.Kind {
	case Indexes:
		return e.Size, g.removeIndexes(e)
	case Failed:
		return e.Size, g.removeFailed(e)
	}
	defer g.guard(unix.LOCK_EX)()
	if e.Kind == Package {
		return g.unlinkBlob(e.Key)
	}
	// The note goes first: an action never names what isn't there, also when this process ends here.
	freed, err := g.unlink(g.actionPath(e.Key))
	if err != nil {
		return 0, err
	}
	for _, b := range e.outputs {
		if g.owners[b.Digest]--; g.owners[b.Digest] > 0 {
			continue
		}
		n, err := g.unlinkBlob(b.Digest)
		if err != nil && !errors.Is(err, errInUse) {
			return freed, err
		}
		freed += n
	}
	return freed, nil
}

func (g *collection) unlinkBlob(d Digest) (int64, error) {
	freed, err := g.unlink(g.blobPath(d))
	if err == nil && !g.dry {
		g.mu.Lock()
		delete(g.verified, d)
		g.mu.Unlock()
	}
	return freed, err
}

// unlink removes one file that isn't in use.
func (g *collection) unlink(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if g.inUse(info.ModTime()) {
		return 0, errInUse
	}
	if !g.dry {
		err = os.Remove(path)
	}
	return info.Size(), err
}

// removeFailed removes a folder that was kept, unless somebody is looking into it.
func (g *collection) removeFailed(e Entry) error {
	remove := g.Drop
	if g.dry {
		remove = func(name string) error {
			done, err := g.Use(name)
			if err == nil {
				done()
			}
			return err
		}
	}
	err := remove(e.Name)
	switch {
	case errors.Is(err, ErrInUse):
		return errInUse
	case errors.Is(err, ErrMissing): // somebody else was faster
		return nil
	}
	return err
}

// removeIndexes removes a folder of apt's, unless somebody asks apt just now.
func (g *collection) removeIndexes(e Entry) error {
	f, err := os.OpenFile(filepath.Join(g.dir, "locks", e.Name), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return errInUse
	}
	if g.dry {
		return nil
	}
	// Under its new name it is half-done work, which is swept if this process ends here.
	gone := filepath.Join(g.dir, "work", fmt.Sprintf("gone-%s-%d", e.Name, os.Getpid()))
	if err := os.Rename(filepath.Join(g.dir, "apt", e.Name), gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}
