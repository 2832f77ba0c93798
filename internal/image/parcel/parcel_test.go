package parcel

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/store"
)

// locked is a lock of packages with these contents.
func locked(t testing.TB, contents ...string) *lock.Lock {
	t.Helper()
	var text strings.Builder
	for i, c := range contents {
		fmt.Fprintf(&text, "Package: tea%d\nVersion: 1\nArchitecture: all\nFilename: pool/tea%d.deb\nSize: %d\nSHA256: %x\nNhos-Layer: base\nNhos-Archive: main\n\n",
			i, i, len(c), sha256.Sum256([]byte(c)))
	}
	l, err := lock.Parse(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t testing.TB, contents ...string) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contents {
		if _, err := s.Put(strings.NewReader(c), ""); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func packed(t testing.TB, contents ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Pack(t.Context(), &b, open(t, contents...), locked(t, contents...), func(int64) {}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpackTo(s *store.Store, archive []byte) (*lock.Lock, error) {
	l, _, err := Unpack(context.Background(), bytes.NewReader(archive), s, func(int64) {})
	return l, err
}

// kept are the files that a store has, of whatever kind, but for the notes of its use.
func kept(t testing.TB, s *store.Store) (files []string) {
	t.Helper()
	for _, dir := range []string{"blobs", "work", "actions"} {
		err := filepath.WalkDir(filepath.Join(s.Dir(), dir), func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

var tea = []string{"green", "black", "white", "black"}

func TestAParcelBringsThePackagesOfALock(t *testing.T) {
	s := open(t)
	l, err := unpackTo(s, packed(t, tea...))
	if err != nil {
		t.Fatal(err)
	}
	if want := locked(t, tea...); l.String() != want.String() {
		t.Errorf("the lock is\n%s, not\n%s", l, want)
	}
	blobs, err := Blobs(l)
	if err != nil || len(blobs) != 3 {
		t.Fatalf("%v, %v", blobs, err)
	}
	for _, b := range blobs {
		if _, err := s.Path(b); err != nil {
			t.Error(err)
		}
	}
	if files := kept(t, s); len(files) != 3 {
		t.Errorf("the store has %v", files)
	}
}

func TestEqualLocksGiveEqualParcels(t *testing.T) {
	if !bytes.Equal(packed(t, tea...), packed(t, tea...)) {
		t.Error("two parcels of one lock differ")
	}
	archive := tar.NewReader(bytes.NewReader(packed(t, tea...)))
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 0 || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Mode != 0o644 {
			t.Errorf("%s carries something of this machine: %+v", h.Name, h)
		}
	}
}

func TestPackWantsEveryPackage(t *testing.T) {
	if _, err := Pack(t.Context(), io.Discard, open(t, "green"), locked(t, tea...), func(int64) {}); err == nil {
		t.Error("a package that isn't there was packed")
	}
}

func TestACutArchiveKeepsNothing(t *testing.T) {
	whole := packed(t, tea...)
	last := 0 // where the last package begins
	for _, c := range tea {
		last = max(last, bytes.LastIndex(whole, []byte(c)))
	}
	s := open(t)
	for size := 0; size <= last; size += 41 {
		_, err := unpackTo(s, whole[:size])
		if err == nil || !strings.Contains(err.Error(), "cut short") {
			t.Fatalf("cut to %d bytes of %d: %v", size, len(whole), err)
		}
		if files := kept(t, s); len(files) > 0 {
			t.Fatalf("cut to %d bytes of %d, it keeps %v", size, len(whole), files)
		}
	}
}

func TestWhatTheLockDoesNotSayIsRefused(t *testing.T) {
	whole := packed(t, tea...)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("black")))
	for name, c := range map[string]struct{ archive, want string }{
		"another byte in a package": {strings.Replace(string(whole), "black", "blacK", 1), "is damaged: its SHA-256 is"},
		"another lock":              {strings.Replace(string(whole), "Version: 1\n", "Version: 2\n", 1), "the lock in the archive is"},
		"a path":                    {renamed(t, whole, "packages/"+sum+".deb", "packages/../../../../etc/passwd"), `holds "packages/../../../../etc/passwd" where`},
		"a link":                    {retyped(t, whole, "packages/"+sum+".deb"), "where packages/" + sum},
		"no parcel":                 {renamed(t, whole, indexName, "readme"), `holds "readme" where nhos-packages.json should be`},
		"a later format":            {strings.Replace(string(whole), format, "nhos packages 2", 1), `format is "nhos packages 2"`},
		"more":                      {string(more(t, whole)), `holds "more", which its lock doesn't name`},
	} {
		s := open(t)
		_, err := unpackTo(s, []byte(c.archive))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
		if files := kept(t, s); len(files) > 0 {
			t.Errorf("%s: it keeps %v", name, files)
		}
	}
}

// rewritten copies an archive with each header changed.
func rewritten(t testing.TB, archive []byte, change func(*tar.Header), then func(*tar.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, r := tar.NewWriter(&b), tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		change(h)
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.Copy(w, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	then(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func renamed(t testing.TB, archive []byte, from, to string) string {
	return string(rewritten(t, archive, func(h *tar.Header) {
		if h.Name == from {
			h.Name = to
		}
	}, func(*tar.Writer) {}))
}

func retyped(t testing.TB, archive []byte, name string) string {
	return string(rewritten(t, archive, func(h *tar.Header) {
		if h.Name == name {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, "/etc/passwd", 0
		}
	}, func(*tar.Writer) {}))
}

func more(t testing.TB, archive []byte) []byte {
	return rewritten(t, archive, func(*tar.Header) {}, func(w *tar.Writer) {
		if err := member(w, "more", []byte("tea")); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzUnpack wants whatever comes to be refused without a trace, or to be all that its lock says.
func FuzzUnpack(f *testing.F) {
	whole := packed(f, tea...)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(more(f, whole))
	f.Add([]byte(retyped(f, whole, lockName)))
	s := open(f)
	f.Fuzz(func(t *testing.T, archive []byte) {
		l, err := unpackTo(s, archive)
		if err != nil {
			if files := kept(t, s); len(files) > 0 {
				t.Fatalf("refused (%v), but it keeps %v", err, files)
			}
			return
		}
		blobs, err := Blobs(l)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blobs {
			path, err := s.Path(b)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	})
}
