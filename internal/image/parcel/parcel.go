// Package parcel carries the packages of a lock from one store to another, as one file: to a network without a mirror,
// or into an archive that outlives one.
//
// A parcel is a plain tar with these members, in this order and no others:
//
//	nhos-packages.json          what follows: the digest of the lock, how many packages, how many bytes
//	lock                        the lock, as nhos lock writes it
//	packages/SHA256.deb         each package of the lock once, sorted
//
// Equal locks give equal bytes: owners are 0, times are 1970. [Unpack] trusts nothing in it. What the lock says is what
// is taken, each package is held against its digest, and no name from the archive becomes a path.
package parcel

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/store"
)

// The names of the members that aren't packages.
const (
	indexName = "nhos-packages.json"
	lockName  = "lock"
)

// format is what the index says of itself.
const format = "nhos packages 1"

// An Index says what a parcel holds.
type Index struct {
	Format   string `json:"format"`
	Lock     string `json:"lock_sha256"`
	Packages int    `json:"packages"`
	Size     int64  `json:"size"` // bytes of the packages
}

func memberName(b store.Blob) string { return "packages/" + string(b.Digest) + ".deb" }

// Blobs are the packages of a lock, each once, sorted by digest. Two sizes of one digest are an error.
func Blobs(l *lock.Lock) ([]store.Blob, error) {
	sizes := map[string]int64{}
	var blobs []store.Blob
	for _, p := range l.Packages {
		size, seen := sizes[p.SHA256]
		if seen && size != p.Size {
			return nil, fmt.Errorf("the lock gives two sizes of package %s: %d and %d bytes", p.Name, size, p.Size)
		}
		if !seen {
			sizes[p.SHA256] = p.Size
			blobs = append(blobs, store.Blob{Digest: store.Digest(p.SHA256), Size: p.Size})
		}
	}
	slices.SortFunc(blobs, func(a, b store.Blob) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	return blobs, nil
}

// index describes the parcel of these packages and this lock.
func index(blobs []store.Blob, lockText []byte) Index {
	sum := sha256.Sum256(lockText)
	i := Index{Format: format, Lock: hex.EncodeToString(sum[:]), Packages: len(blobs)}
	for _, b := range blobs {
		i.Size += b.Size
	}
	return i
}

// Pack writes the parcel of l to w. The store has to have all packages of l; each is read twice, the first time to see
// that it is whole. written is told how many bytes of packages went out.
func Pack(ctx context.Context, w io.Writer, s *store.Store, l *lock.Lock, written func(bytes int64)) (Index, error) {
	blobs, err := Blobs(l)
	if err != nil {
		return Index{}, err
	}
	text := []byte(l.String())
	i := index(blobs, text)
	about, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return i, fmt.Errorf("writing a parcel: %w", err)
	}
	archive := tar.NewWriter(w)
	if err := member(archive, indexName, append(about, '\n')); err != nil {
		return i, err
	}
	if err := member(archive, lockName, text); err != nil {
		return i, err
	}
	for _, b := range blobs {
		if ctx.Err() != nil {
			return i, fmt.Errorf("writing a parcel was interrupted: %w", context.Cause(ctx))
		}
		if err := pack(archive, s, b); err != nil {
			return i, fmt.Errorf("packing package %s: %w", b.Digest.Short(), err)
		}
		written(b.Size)
	}
	if err := archive.Close(); err != nil {
		return i, fmt.Errorf("writing a parcel: %w", err)
	}
	return i, nil
}

func member(archive *tar.Writer, name string, text []byte) error {
	err := archive.WriteHeader(header(name, int64(len(text))))
	if err == nil {
		_, err = io.Copy(archive, bytes.NewReader(text))
	}
	if err != nil {
		return fmt.Errorf("writing %s of a parcel: %w", name, err)
	}
	return nil
}

func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
}

func pack(archive *tar.Writer, s *store.Store, b store.Blob) error {
	path, err := s.Path(b)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := archive.WriteHeader(header(memberName(b), b.Size)); err != nil {
		return err
	}
	_, err = io.Copy(archive, f)
	return err
}
