package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Kind says what an entry is.
type Kind string

// The kinds of entries.
const (
	Step    Kind = "step"    // an action with the blobs that it put out
	Package Kind = "package" // a blob that no action has put out
	Indexes Kind = "indexes" // apt's, of one archive, and what it chose from them
	Failed  Kind = "failed"  // a work folder that was kept, by its name
)

// An Entry is what is kept, and given up, as one.
type Entry struct {
	Kind Kind      `json:"kind"`
	Name string    `json:"name"`          // for people; of a package its digest
	Key  Digest    `json:"key,omitempty"` // of an action or a blob
	Size int64     `json:"size"`          // bytes; of a step with those that it shares with others
	Made time.Time `json:"made,omitzero"`
	Used time.Time `json:"used"` // last

	outputs []Blob
}

// Contents are what a store holds.
type Contents struct {
	Entries []Entry `json:"entries"` // the one that was not used for longest first
	Size    int64   `json:"size"`    // bytes of all entries, what they share counted once
	Making  int64   `json:"making"`  // bytes of what is in the making, or was left behind
	Other   int64   `json:"other"`   // bytes of notes, which are small and stay
}

// Of returns the entries of one kind, and their size in bytes.
func (c *Contents) Of(kind Kind) (entries []Entry, size int64) {
	for _, e := range c.Entries {
		if e.Kind == kind {
			entries = append(entries, e)
			size += e.Size
		}
	}
	return entries, size
}

// Contents looks at all that the store holds, without reading blobs and without counting as a use of them.
func (s *Store) Contents() (*Contents, error) {
	c := &Contents{}
	blobs := map[Digest]fs.FileInfo{}
	err := s.each("blobs", func(path string, info fs.FileInfo) error {
		if d := Digest(info.Name()); d.Valid() {
			blobs[d] = info
			c.Size += info.Size()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	owned := map[Digest]bool{}
	err = s.each("actions", func(path string, info fs.FileInfo) error {
		e, ok := readStep(path, info)
		if !ok {
			return nil
		}
		c.Size += info.Size()
		for _, b := range e.outputs {
			owned[b.Digest] = true
		}
		c.Entries = append(c.Entries, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for d, info := range blobs {
		if !owned[d] {
			c.Entries = append(c.Entries, Entry{Kind: Package, Name: d.Short(), Key: d, Size: info.Size(), Used: info.ModTime()})
		}
	}
	if err := errors.Join(s.indexes(c), s.failed(c)); err != nil {
		return nil, err
	}
	if c.Making, err = s.sizeOf("work"); err != nil {
		return nil, err
	}
	if err := s.others(c); err != nil {
		return nil, err
	}
	slices.SortFunc(c.Entries, func(a, b Entry) int {
		if n := a.Used.Compare(b.Used); n != 0 {
			return n
		}
		return strings.Compare(string(a.Key), string(b.Key))
	})
	return c, nil
}

// readStep reads the note of an action; ok is false for what is none.
func readStep(path string, info fs.FileInfo) (e Entry, ok bool) {
	key := Digest(strings.TrimSuffix(info.Name(), ".json"))
	text, err := os.ReadFile(path)
	var a Action
	if err != nil || !key.Valid() || json.Unmarshal(text, &a) != nil {
		return e, false
	}
	e = Entry{Kind: Step, Name: a.Name, Key: key, Size: info.Size(), Made: a.Made, Used: info.ModTime()}
	for _, b := range a.Outputs {
		if b.Digest.Valid() {
			e.outputs = append(e.outputs, b)
			e.Size += b.Size
		}
	}
	return e, true
}

// indexes adds apt's folders. apt's configuration is written anew each time one of them is used.
func (s *Store) indexes(c *Contents) error {
	entries, err := readDir(filepath.Join(s.dir, "apt"))
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(s.dir, "apt", e.Name(), "apt.conf"))
		if err != nil {
			continue
		}
		size, err := s.sizeOf(filepath.Join("apt", e.Name()))
		if err != nil {
			return err
		}
		c.Size += size
		c.Entries = append(c.Entries, Entry{Kind: Indexes, Name: e.Name(), Size: size, Used: info.ModTime()})
	}
	return err
}

// failed adds the work folders that were kept. One that isn't whole is what a removal left, and goes first.
func (s *Store) failed(c *Contents) error {
	entries, err := readDir(filepath.Join(s.dir, "failed"))
	for _, e := range entries {
		if !noteName.MatchString(e.Name()) {
			continue
		}
		size, err := s.sizeOf(filepath.Join("failed", e.Name()))
		if err != nil {
			return err
		}
		kept := Entry{Kind: Failed, Name: e.Name(), Size: size}
		if info, err := os.Stat(filepath.Join(s.dir, "failed", e.Name(), keptNote)); err == nil {
			kept.Made, kept.Used = info.ModTime(), info.ModTime()
		}
		c.Size += size
		c.Entries = append(c.Entries, kept)
	}
	return err
}

// others adds up what other packages keep here: notes.
func (s *Store) others(c *Contents) error {
	entries, err := readDir(s.dir)
	for _, e := range entries {
		switch e.Name() {
		case "blobs", "actions", "apt", "failed", "work", "locks", "uses":
			continue
		}
		size, err := s.sizeOf(e.Name())
		if err != nil {
			return err
		}
		c.Other += size
	}
	return err
}

func (s *Store) sizeOf(folder string) (int64, error) {
	var size int64
	err := s.each(folder, func(_ string, info fs.FileInfo) error {
		size += info.Size()
		return nil
	})
	return size, err
}

// each calls what for every regular file below a folder of the store. What goes meanwhile is left out.
func (s *Store) each(folder string, what func(path string, info fs.FileInfo) error) error {
	err := filepath.WalkDir(filepath.Join(s.dir, folder), func(path string, e fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil && e.Type().IsRegular() {
			info, err = e.Info()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || info == nil {
			return err
		}
		return what(path, info)
	})
	if err != nil {
		return fmt.Errorf("looking through the store: %w", err)
	}
	return nil
}

func readDir(dir string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking through the store: %w", err)
	}
	return entries, nil
}
