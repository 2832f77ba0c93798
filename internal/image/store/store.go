// Package store keeps what builds have made and fetched.
//
// It holds two kinds of things. A blob is a file named by the SHA-256 of its bytes: a package, a layer, an initrd. An
// action is a note named by the digest of all that went into one step of a build; it lists the blobs that came out.
// So a name is never reused for something else, and several builds may share one store at the same time.
//
// Writes are atomic: a blob or an action is visible whole or not at all, also after a crash. Reads verify: a blob
// whose bytes no longer match its name is removed and reported as [ErrCorrupt], and the build makes it anew.
//
// Everything in it can be fetched or made again. [Store.Collect] takes away what was not used for longest; what a
// process with the store open has looked at stays until that process has ended.
package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/image/room"
)

// ErrMissing says that the store doesn't hold what was asked for.
var ErrMissing = errors.New("not in the store")

// ErrCorrupt says that a blob's bytes didn't match its name any more; the blob has been removed.
var ErrCorrupt = errors.New("stored file was damaged and has been removed")

// A Digest is a SHA-256 in lower-case hexadecimal, 64 characters.
type Digest string

// Valid says whether d is written as a digest. A digest from outside is checked before it becomes part of a path.
func (d Digest) Valid() bool {
	if len(d) != 64 {
		return false
	}
	for _, c := range d {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Short is enough of the digest for a person to tell two apart.
func (d Digest) Short() string { return string(d[:min(12, len(d))]) }

// A Blob is one stored file.
type Blob struct {
	Digest Digest `json:"sha256"`
	Size   int64  `json:"size"` // bytes
}

// An Action is what one step of a build gave.
type Action struct {
	Name    string          `json:"name"`    // for people: "layer packages of desktop"
	Outputs map[string]Blob `json:"outputs"` // by the names that the step gives them
	Date    int64           `json:"date"`    // seconds since 1970: the newest date of all that went in
	Made    time.Time       `json:"made"`
	Took    time.Duration   `json:"took_ns"`
}

// A Store is a folder on this machine. Its methods are safe for several goroutines and several processes.
type Store struct {
	dir      string
	use      *os.File // the file that says that this Store is open
	mu       sync.Mutex
	verified map[Digest]bool // blobs that this process has read whole and found good
}

// Open opens the store in dir and makes the folder when there is none. What an earlier process left half-done is
// removed.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	for _, sub := range []string{"blobs", "actions", "locks", "work"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, room.Explain(fmt.Errorf("opening the store: %w", err), "", room.Store(dir))
		}
	}
	// An older store on a read-only disk has no such folder, and needs none.
	_ = os.Mkdir(filepath.Join(dir, "uses"), 0o755)
	s := &Store{dir: dir, verified: map[Digest]bool{}}
	s.sweep()
	s.begin()
	return s, nil
}

// Writable says why nothing can be put into the store, or nil: it may lie on a read-only disk, or be somebody else's.
func (s *Store) Writable() error {
	if err := unix.Access(filepath.Join(s.dir, "work"), unix.W_OK); err != nil {
		return &fs.PathError{Op: "writing to the store", Path: s.dir, Err: err}
	}
	return nil
}

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

func (s *Store) blobPath(d Digest) string {
	return filepath.Join(s.dir, "blobs", string(d[:2]), string(d))
}

func (s *Store) actionPath(key Digest) string {
	return filepath.Join(s.dir, "actions", string(key[:2]), string(key)+".json")
}

// Has says whether the store holds a blob of this digest and size. It doesn't read the blob. A blob that is there
// stays until this process has ended.
func (s *Store) Has(b Blob) bool {
	defer s.guard(unix.LOCK_SH)()
	if !s.holds(b) {
		return false
	}
	touch(s.blobPath(b.Digest))
	return true
}

func (s *Store) holds(b Blob) bool {
	if !b.Digest.Valid() {
		return false
	}
	info, err := os.Stat(s.blobPath(b.Digest))
	return err == nil && info.Mode().IsRegular() && info.Size() == b.Size
}

// Put stores what r gives. When want isn't "", bytes that don't match it are refused and nothing is stored.
func (s *Store) Put(r io.Reader, want Digest) (Blob, error) {
	f, err := s.unfinished("blob-*")
	if err != nil {
		return Blob{}, fmt.Errorf("storing a file: %w", err)
	}
	return s.put(f, r, want)
}

// put copies r into the new file f and gives it its name; f is closed.
func (s *Store) put(f *os.File, r io.Reader, want Digest) (Blob, error) {
	defer os.Remove(f.Name())
	defer f.Close()
	b, err := Copy(f, r)
	if err != nil {
		return Blob{}, fmt.Errorf("storing a file: %w", err)
	}
	if want != "" && b.Digest != want {
		return Blob{}, fmt.Errorf("storing a file: its SHA-256 is %s, not %s", b.Digest.Short(), want.Short())
	}
	return b, s.adopt(f, b)
}

// PutFile moves the file at path into the store. The path has to be on the store's file system, below [Store.Work].
func (s *Store) PutFile(path string) (Blob, error) {
	f, err := os.Open(path)
	if err != nil {
		return Blob{}, fmt.Errorf("storing a file: %w", err)
	}
	defer f.Close()
	b, err := digest(f)
	if err != nil {
		return Blob{}, fmt.Errorf("storing %s: %w", path, err)
	}
	return b, s.adopt(f, b)
}

// adopt gives the finished file f its name. It is flushed first, so that the name never stands for lost bytes.
func (s *Store) adopt(f *os.File, b Blob) error {
	path := s.blobPath(b.Digest)
	touch(f.Name()) // a file that a tool has made may say that it is old
	if err := errors.Join(f.Chmod(0o444), f.Sync(), os.MkdirAll(filepath.Dir(path), 0o755)); err != nil {
		return fmt.Errorf("storing a file: %w", err)
	}
	defer s.guard(unix.LOCK_SH)() // else it could take the place of an older one that is just being removed
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("storing a file: %w", err)
	}
	s.markVerified(b.Digest)
	return nil
}

func (s *Store) markVerified(d Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verified[d] = true
}

// Path returns where the blob's bytes are, after reading them once in this process to see that they still match.
// It gives [ErrMissing] or [ErrCorrupt].
func (s *Store) Path(b Blob) (string, error) {
	if !b.Digest.Valid() {
		return "", fmt.Errorf("reading from the store: %q is no digest", b.Digest)
	}
	path := s.blobPath(b.Digest)
	s.mu.Lock()
	known := s.verified[b.Digest]
	s.mu.Unlock()
	if known {
		return path, nil
	}
	f, err := s.open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading %s: %w", b.Digest.Short(), ErrMissing)
	}
	if err != nil {
		return "", fmt.Errorf("reading from the store: %w", err)
	}
	defer f.Close()
	got, err := digest(f)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	if got.Digest != b.Digest {
		if err := s.discard(f); err != nil {
			return "", fmt.Errorf("%s is damaged and can't be removed: %w", path, err)
		}
		return "", fmt.Errorf("reading %s: %w", b.Digest.Short(), ErrCorrupt)
	}
	s.markVerified(b.Digest)
	return path, nil
}

// open opens a file of the store and notes that it was used.
func (s *Store) open(path string) (*os.File, error) {
	defer s.guard(unix.LOCK_SH)()
	f, err := os.Open(path)
	if err == nil {
		touch(path)
	}
	return f, err
}

// discard removes the damaged file f, unless another process has put a good one in its place meanwhile.
func (s *Store) discard(f *os.File) error {
	defer s.guard(unix.LOCK_EX)()
	read, err := f.Stat()
	if err != nil {
		return err
	}
	if now, err := os.Stat(f.Name()); err != nil || !os.SameFile(read, now) {
		return nil
	}
	return os.Remove(f.Name())
}

// Action returns the note of what the step with this key gave. It gives [ErrMissing] when there is none, when a blob
// that it lists is gone, or when the note can't be read: the step is to be done again.
//
// What the action put out stays until this process has ended.
func (s *Store) Action(key Digest) (Action, error) {
	defer s.guard(unix.LOCK_SH)()
	a, err := s.readAction(key)
	if err != nil {
		return a, err
	}
	touch(s.actionPath(key))
	for _, b := range a.Outputs {
		touch(s.blobPath(b.Digest))
	}
	return a, nil
}

// readAction is [Store.Action] without the note that the action was used.
func (s *Store) readAction(key Digest) (Action, error) {
	var a Action
	text, err := os.ReadFile(s.actionPath(key))
	if err != nil {
		return a, fmt.Errorf("action %s: %w", key.Short(), ErrMissing)
	}
	if a, err = readNote(text); err != nil {
		return a, fmt.Errorf("action %s: its note can't be read: %w", key.Short(), ErrMissing)
	}
	for name, b := range a.Outputs {
		if !s.holds(b) {
			return a, fmt.Errorf("action %s: its output %s: %w", key.Short(), name, ErrMissing)
		}
	}
	return a, nil
}

// Record notes what the step with this key gave.
func (s *Store) Record(key Digest, a Action) error {
	text, err := writeNote(a)
	if err != nil {
		return fmt.Errorf("recording action %s: %w", key.Short(), err)
	}
	f, err := s.unfinished("note-*")
	if err != nil {
		return fmt.Errorf("recording action %s: %w", key.Short(), err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	path := s.actionPath(key)
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(0o444), f.Sync(), os.MkdirAll(filepath.Dir(path), 0o755)); err != nil {
		return fmt.Errorf("recording action %s: %w", key.Short(), err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("recording action %s: %w", key.Short(), err)
	}
	return nil
}

func digest(r io.Reader) (Blob, error) { return Copy(io.Discard, r) }

// Copy copies all of r to w and says what went by.
func Copy(w io.Writer, r io.Reader) (Blob, error) {
	h := sha256.New()
	size, err := io.Copy(io.MultiWriter(w, h), r)
	return Blob{Digest(hex.EncodeToString(h.Sum(nil))), size}, err
}
