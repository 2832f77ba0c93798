package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// A Damage is something in the store that wasn't what its name says, and has been removed.
type Damage struct {
	What string `json:"what"` // for people: what it was, and of which steps
	File string `json:"file"`
	Why  string `json:"why"`
}

// Verified is what [Store.Verify] did.
type Verified struct {
	Blobs   int      `json:"blobs"`
	Size    int64    `json:"size"` // bytes
	Damaged []Damage `json:"damaged"`
}

// readers is how many blobs are read at once: enough to keep a disk busy while digests are made.
const readers = 2

// Verify reads every blob and every note, and removes what is damaged; a build makes it anew. read is told how many
// bytes were read, by several goroutines. Others may work with the store meanwhile.
//
// What couldn't be read or removed is an error, which comes with all that was found besides.
func (s *Store) Verify(ctx context.Context, read func(bytes int64)) (*Verified, error) {
	v := &Verified{}
	var mu sync.Mutex
	var problems []error
	names, err := s.names()
	if err != nil {
		return v, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	err = s.each("blobs", func(path string, info fs.FileInfo) error {
		d := Digest(info.Name())
		if !d.Valid() {
			return nil
		}
		group.Go(func() error {
			why, err := s.verifyBlob(ctx, path, d, read)
			mu.Lock()
			defer mu.Unlock()
			v.Blobs++
			v.Size += info.Size()
			if why != "" {
				v.Damaged = append(v.Damaged, Damage{names.of(d), path, why})
			}
			if err != nil {
				problems = append(problems, err)
			}
			return ctx.Err()
		})
		return ctx.Err()
	})
	if stopped := group.Wait(); stopped != nil || err != nil {
		return v, fmt.Errorf("reading the store: %w", errors.Join(stopped, err))
	}
	err = s.each("actions", func(path string, info fs.FileInfo) error {
		what, why, err := s.verifyAction(path, info)
		if why != "" {
			v.Damaged = append(v.Damaged, Damage{what, path, why})
		}
		return err
	})
	slices.SortFunc(v.Damaged, func(a, b Damage) int { return strings.Compare(a.File, b.File) })
	return v, errors.Join(append(problems, err)...)
}

// verifyBlob reads a blob; why says what is wrong with it.
func (s *Store) verifyBlob(ctx context.Context, path string, d Digest, read func(int64)) (why string, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // collected meanwhile
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	got, err := digest(counted{ctx, f, read})
	switch {
	case ctx.Err() != nil:
		return "", nil
	case err != nil:
		why = err.Error() // a disk that can't read it is damage too
	case got.Digest == d:
		return "", nil
	default:
		why = "its SHA-256 is " + got.Digest.Short()
	}
	if err := s.discard(f); err != nil {
		return why, fmt.Errorf("removing what is damaged: %w", err)
	}
	return why, nil
}

// verifyAction looks whether a note can be read and what it names is there.
func (s *Store) verifyAction(path string, info fs.FileInfo) (what, why string, err error) {
	key := Digest(strings.TrimSuffix(info.Name(), ".json"))
	if !key.Valid() {
		return "", "", nil
	}
	defer s.guard(unix.LOCK_EX)()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	what = "the note of a step"
	var a Action
	switch {
	case err != nil:
		why = err.Error()
	case json.Unmarshal(text, &a) != nil:
		why = "it can't be read"
	default:
		if a.Name != "" {
			what = a.Name
		}
		for name, b := range a.Outputs {
			if !s.holds(b) {
				why = "its " + name + " isn't in the store"
			}
		}
	}
	if why == "" {
		return "", "", nil
	}
	if err := os.Remove(path); err != nil {
		return what, why, fmt.Errorf("removing what is damaged: %w", err)
	}
	return what, why, nil
}

// names says which steps have put out a blob.
type names map[Digest][]string

func (s *Store) names() (names, error) {
	n := names{}
	c, err := s.Contents()
	if err != nil {
		return nil, err
	}
	for _, e := range c.Entries {
		for _, b := range e.outputs {
			n[b.Digest] = append(n[b.Digest], e.Name)
		}
	}
	return n, nil
}

func (n names) of(d Digest) string {
	if len(n[d]) == 0 {
		return "package " + d.Short()
	}
	slices.Sort(n[d])
	return strings.Join(slices.Compact(n[d]), ", ")
}

// counted is a reader that tells how much it reads, and ends with its context.
type counted struct {
	ctx  context.Context
	from io.Reader
	told func(int64)
}

func (c counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.from.Read(p)
	c.told(int64(n))
	return n, err
}
