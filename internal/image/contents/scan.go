package contents

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/image/secrets"
)

// Scan lists the layer whose files are in dir.
func Scan(ctx context.Context, dir string) (*Layer, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("listing a layer: %w", err)
	}
	defer root.Close()
	l := &Layer{}
	if err := l.walk(dir, "/"); err != nil {
		return nil, fmt.Errorf("listing a layer: %w", err)
	}
	if err := l.packages(root); err != nil {
		return nil, fmt.Errorf("listing the packages of a layer: %w", err)
	}
	if err := l.read(ctx, dir); err != nil {
		return nil, fmt.Errorf("reading the files of a layer: %w", err)
	}
	return l, l.shipped(root)
}

// walk appends what is in a directory of the layer.
func (l *Layer) walk(dir, path string) error {
	entries, err := os.ReadDir(filepath.Join(dir, path))
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		n := Entry{Path: filepath.Join(path, e.Name()), Mode: info.Mode()}
		here := filepath.Join(dir, n.Path)
		switch {
		case n.Mode.IsRegular():
			n.Size = info.Size()
		case n.Mode&fs.ModeSymlink != 0:
			if n.Target, err = os.Readlink(here); err != nil {
				return err
			}
		case n.Mode&fs.ModeCharDevice != 0:
			if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Rdev == 0 {
				n.Whiteout = true
			}
		case n.Mode.IsDir():
			if n.Opaque, err = opaque(here); err != nil {
				return err
			}
		}
		l.Entries = append(l.Entries, n)
		if n.Mode.IsDir() {
			if err := l.walk(dir, n.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

// opaque says whether overlayfs shows nothing below this directory of what lower layers have there.
func opaque(path string) (bool, error) {
	value := make([]byte, 8)
	n, err := unix.Lgetxattr(path, "trusted.overlay.opaque", value)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the attributes of %s: %w", path, err)
	}
	return string(value[:n]) == "y", nil
}

// read digests all regular files and looks for secrets in the same bytes.
func (l *Layer) read(ctx context.Context, dir string) error {
	owned := map[string]bool{}
	for _, p := range l.Packages {
		for _, f := range p.Files {
			owned[f] = true
		}
	}
	work := make(chan *Entry, 256)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(work)
		for i := range l.Entries {
			if !l.Entries[i].Mode.IsRegular() {
				continue
			}
			select {
			case work <- &l.Entries[i]:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	var mu sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			scanner := secrets.NewScanner()
			for e := range work {
				found, err := e.digest(filepath.Join(dir, e.Path), scanner, configuration(e.Path, owned[e.Path]))
				if err != nil {
					return err
				}
				mu.Lock()
				for _, f := range found {
					l.Findings = append(l.Findings, Finding{Path: e.Path, Finding: f})
				}
				mu.Unlock()
			}
			return nil
		})
	}
	err := group.Wait()
	slices.SortStableFunc(l.Findings, func(a, b Finding) int { return strings.Compare(a.Path, b.Path) })
	return err
}

// digest reads a file once, for its digest and for secrets.
func (e *Entry) digest(file string, scanner *secrets.Scanner, configuration bool) ([]secrets.Finding, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	// The scanner reads ahead in whole buffers; TeeReader gives the digest the same ones.
	found, err := scanner.File(e.Path, io.TeeReader(f, h), configuration)
	e.SHA256 = hex.EncodeToString(h.Sum(nil))
	return found, err
}

// configuration says whether a file is judged line by line: what isn't a package's own file, and all of /etc.
func configuration(path string, owned bool) bool {
	return !owned || strings.HasPrefix(path, "/etc/")
}
