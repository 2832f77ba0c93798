package parcel

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

// What the small members may take, in bytes. A desktop's lock takes 0.4 MB.
const (
	maxIndex = 64 << 10
	maxLock  = 64 << 20
)

// Unpack reads a parcel and brings its packages into the store: all of them, or none when anything about the parcel
// is wrong. It returns the lock and what was held against it. read is told how many bytes of packages came.
func Unpack(ctx context.Context, r io.Reader, s *store.Store, read func(bytes int64)) (*lock.Lock, Index, error) {
	archive := tar.NewReader(r)
	var i Index
	about, err := small(archive, indexName, maxIndex)
	if err != nil {
		return nil, i, ui.Hint(err, "nhos store export makes archives that can be imported")
	}
	if err := json.Unmarshal(about, &i); err != nil {
		return nil, i, fmt.Errorf("reading %s: %w", indexName, err)
	}
	if i.Format != format {
		return nil, i, ui.Hint(fmt.Errorf("the archive's format is %q; %q is known", i.Format, format), "use a newer nhos")
	}
	text, err := small(archive, lockName, maxLock)
	if err != nil {
		return nil, i, err
	}
	l, err := lock.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, i, fmt.Errorf("the archive's lock: %w", err)
	}
	blobs, err := Blobs(l)
	if err != nil {
		return nil, i, err
	}
	if want := index(blobs, text); i != want {
		return nil, i, fmt.Errorf("%s says %d packages and %d bytes of lock %.12s; the lock in the archive is %.12s, with %d packages and %d bytes",
			indexName, i.Packages, i.Size, i.Lock, want.Lock, want.Packages, want.Size)
	}
	return l, i, unpack(ctx, archive, s, blobs, read)
}

// unpack lays the packages out aside, and puts them into the store when the last one was whole.
func unpack(ctx context.Context, archive *tar.Reader, s *store.Store, blobs []store.Blob, read func(int64)) error {
	work, err := s.Work()
	if err != nil {
		return err
	}
	defer work.Close()
	for _, b := range blobs {
		if ctx.Err() != nil {
			return fmt.Errorf("reading the archive was interrupted: %w", context.Cause(ctx))
		}
		if err := next(archive, memberName(b), b.Size); err != nil {
			return err
		}
		if err := aside(archive, filepath.Join(work.Dir, string(b.Digest)), b); err != nil {
			return err
		}
		read(b.Size)
	}
	if h, err := archive.Next(); err == nil {
		return fmt.Errorf("the archive holds %.80q, which its lock doesn't name", h.Name)
	} else if err != io.EOF {
		return cut(err)
	}
	for _, b := range blobs {
		if s.Has(b) {
			continue
		}
		if _, err := s.PutFile(filepath.Join(work.Dir, string(b.Digest))); err != nil {
			return err
		}
	}
	return nil
}

// aside writes a package to a file and holds it against its digest.
func aside(archive *tar.Reader, path string, b store.Blob) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("storing a package: %w", err)
	}
	defer f.Close()
	got, err := store.Copy(f, archive)
	if err != nil {
		return cut(err)
	}
	if got != b {
		return ui.Hint(fmt.Errorf("package %s of the archive is damaged: its SHA-256 is %s", b.Digest.Short(), got.Digest.Short()), again)
	}
	return f.Close()
}

// next goes to the next member, which has to be this one.
func next(archive *tar.Reader, name string, size int64) error {
	h, err := archive.Next()
	if err == io.EOF {
		return cut(io.ErrUnexpectedEOF)
	}
	if err != nil {
		return cut(err)
	}
	if h.Typeflag != tar.TypeReg || h.Name != name {
		return fmt.Errorf("the archive holds %.80q where %s should be", h.Name, name)
	}
	if size >= 0 && h.Size != size {
		return fmt.Errorf("%s of the archive has %d bytes, not %d", name, h.Size, size)
	}
	return nil
}

// small reads a member of at most so many bytes.
func small(archive *tar.Reader, name string, most int64) ([]byte, error) {
	if err := next(archive, name, -1); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(archive, most+1))
	if err != nil {
		return nil, cut(err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s of the archive has more than %d bytes", name, most)
	}
	return text, nil
}

const again = "copy the archive again, or export it again: nothing of it was kept"

// cut is an error in reading the archive.
func cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return ui.Hint(errors.New("the archive is cut short"), again)
	}
	return ui.Hint(fmt.Errorf("reading the archive: %w", err), again)
}
