// Package compare says in what two media, or two layers, differ.
//
// Two builds of the same lock and definitions give the same bytes. Where they don't, a digest says nothing about why;
// this package names the files. It looks at a medium on three levels: the records that firmware boots by, the files of
// the ISO, and, in each squashfs that differs, the files of the layer with all that a file system keeps of them:
// content, type, mode, owner, time, link target, device number, extended attributes.
//
// Nothing is mounted and nothing unpacked, so it takes no root; media may come from anywhere. A squashfs is read by
// unsquashfs, which writes its description and then all its bytes as one stream, straight out of the ISO.
package compare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"nhos.org/nhos/internal/image/build"
)

// Kind says what of a file differs.
type Kind string

// The kinds of differences.
const (
	Added   Kind = "added"   // B has it, A doesn't
	Removed Kind = "removed" // A has it, B doesn't
	Type    Kind = "type"
	Content Kind = "content"
	Mode    Kind = "mode"
	Owner   Kind = "owner"
	Time    Kind = "time"
	Target  Kind = "target" // of a symbolic link
	Device  Kind = "device" // numbers
	Link    Kind = "link"   // another name of the same file
	Xattrs  Kind = "xattrs"
)

// A Difference is one thing that isn't the same in A and B.
type Difference struct {
	In   string `json:"in"`   // "" beside the medium, "medium", or the path of a layer on it
	Path string `json:"path"` // of the file, or the name of a boot record
	What Kind   `json:"what"`
	A    string `json:"a,omitempty"` // for people
	B    string `json:"b,omitempty"`

	a, b place // of the bytes, where the content differs
}

func newDifference(in, path string, what Kind, a, b string) Difference {
	return Difference{In: in, Path: path, What: what, A: a, B: b}
}

// A Report is what [Run] found.
type Report struct {
	A           string       `json:"a"`
	B           string       `json:"b"`
	Identical   bool         `json:"identical"` // byte by byte
	Differences []Difference `json:"differences"`
}

// onMedium is [Difference.In] of what isn't in a layer.
const onMedium = "medium"

// Run compares A and B: two ISOs, two squashfs files, or two folders that nhos build has written to.
func Run(ctx context.Context, a, b string) (*Report, error) {
	r := &Report{A: a, B: b}
	beside, err := r.folders(&a, &b)
	if err != nil {
		return nil, err
	}
	same, err := r.files(ctx, a, b)
	if err != nil {
		return nil, err
	}
	r.Identical = same && !beside
	return r, nil
}

// folders goes from the folders of two images to their media, and compares the other files that they list. differ says
// that there is a difference among those.
func (r *Report) folders(a, b *string) (differ bool, err error) {
	builtA, errA := build.Load(*a)
	builtB, errB := build.Load(*b)
	switch {
	case errA != nil && errB != nil:
		return false, nil
	case errA == nil && errB == nil:
		sumsA, err := listed(*a)
		if err != nil {
			return false, err
		}
		sumsB, err := listed(*b)
		if err != nil {
			return false, err
		}
		delete(sumsA, builtA.ISO)
		delete(sumsB, builtB.ISO)
		found := diffTrees("", sumsA, sumsB)
		r.Differences = append(r.Differences, found...)
		differ = len(found) > 0
	}
	if errA == nil {
		*a = filepath.Join(*a, builtA.ISO)
	}
	if errB == nil {
		*b = filepath.Join(*b, builtB.ISO)
	}
	return differ, nil
}

// listed digests the files that a folder's SHA256SUMS names.
func listed(dir string) (tree, error) {
	text, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		return nil, fmt.Errorf("reading what is beside the medium: %w", err)
	}
	t := tree{}
	for line := range strings.Lines(string(text)) {
		_, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok || name != filepath.Base(name) {
			continue
		}
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading what is beside the medium: %w", err)
		}
		e := &entry{Type: '-'}
		e.Size, e.SHA256, err = sum(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		t[name] = e
	}
	return t, nil
}

// files compares two files, by what they are.
func (r *Report) files(ctx context.Context, a, b string) (same bool, err error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, fmt.Errorf("comparing: %w", err)
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return false, fmt.Errorf("comparing: %w", err)
	}
	defer fb.Close()
	at, same, err := firstDifference(ctx, fa, fb)
	if err != nil || same {
		return same, err
	}
	before := len(r.Differences)
	switch kindA, kindB := kindOf(fa, 0), kindOf(fb, 0); {
	case kindA != kindB:
		return false, fmt.Errorf("%s is %s and %s is %s", a, kindA, b, kindB)
	case kindA == isISO:
		err = r.media(ctx, fa, fb)
	case kindA == isSquashfs:
		err = r.layers(ctx, filepath.Base(b), part{fa, 0, a}, part{fb, 0, b})
	default:
		return false, fmt.Errorf("%s is neither an ISO nor a squashfs nor a folder that nhos build has written to", a)
	}
	if err == nil && len(r.Differences) == before {
		// All that a file system shows is the same: it lies in the padding, or in the order of things.
		r.add(fmt.Sprintf("byte %d", at), Content, "", "the files are the same; their order or the space between them isn't")
	}
	return false, err
}

// add notes a difference of the medium itself.
func (r *Report) add(path string, what Kind, a, b string) {
	r.Differences = append(r.Differences, newDifference(onMedium, path, what, a, b))
}

// A kind is what a file is by its first bytes.
type kind string

const (
	isISO      kind = "an ISO"
	isSquashfs kind = "a squashfs"
	isOther    kind = "something else"
)

func kindOf(f io.ReaderAt, at int64) kind {
	magic := make([]byte, 6)
	if _, err := f.ReadAt(magic[:4], at); err == nil && string(magic[:4]) == "hsqs" {
		return isSquashfs
	}
	if _, err := f.ReadAt(magic, at+firstDescriptor*sector); err == nil && string(magic[1:]) == "CD001" {
		return isISO
	}
	return isOther
}

// firstDifference finds the first byte that differs; same says that there is none.
func firstDifference(ctx context.Context, a, b io.Reader) (at int64, same bool, err error) {
	bufA, bufB := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		if ctx.Err() != nil {
			return 0, false, fmt.Errorf("comparing was interrupted: %w", context.Cause(ctx))
		}
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		for i := range min(n, m) {
			if bufA[i] != bufB[i] {
				return at + int64(i), false, nil
			}
		}
		at += int64(min(n, m))
		ended := errA == io.EOF || errA == io.ErrUnexpectedEOF
		switch {
		case errA != nil && !ended:
			return at, false, fmt.Errorf("comparing: %w", errA)
		case errB != nil && errB != io.EOF && errB != io.ErrUnexpectedEOF:
			return at, false, fmt.Errorf("comparing: %w", errB)
		case n != m:
			return at, false, nil
		case ended:
			return at, true, nil
		}
	}
}

// sum reads all of r.
func sum(r io.Reader) (size int64, digest string, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return size, hex.EncodeToString(h.Sum(nil)), err
}
