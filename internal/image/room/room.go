// Package room says which file system is full when something couldn't be written.
//
// The kernel says "no space left on device" and no more, and programs often less than that: a person has to be told
// which of the folders that a build writes to it was, whether it lacks bytes or inodes, and what to do.
package room

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/ui"
)

// A Place is a folder that is written to, and what helps when its file system is full.
type Place struct{ Dir, Hint string }

// Explain returns err as one that names the full file system, if that is what is behind it; if not, as it is. said is
// what programs printed meanwhile. It has to be called before anything is tidied up.
func Explain(err error, said string, places ...Place) error {
	if err == nil || !lacking(err, said) {
		return err
	}
	at, state := fullest(err, places)
	if at.Dir == "" {
		return err
	}
	return ui.Hint(fmt.Errorf("the file system of %s %s: %w", at.Dir, state, err), at.Hint)
}

// lacking says whether an error or what was printed tells of a lack of room.
func lacking(err error, said string) bool {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return true
	}
	said = strings.ToLower(err.Error() + said)
	for _, e := range []error{unix.ENOSPC, unix.EDQUOT} {
		if strings.Contains(said, e.Error()) {
			return true
		}
	}
	return false
}

// fullest is the place that the error names, or else the one with the least left, and what it lacks.
func fullest(err error, places []Place) (at Place, state string) {
	least := 2.0
	var named *fs.PathError
	for _, p := range places {
		var s unix.Statfs_t
		if unix.Statfs(p.Dir, &s) != nil {
			continue
		}
		left, lacks := left(s)
		if errors.As(err, &named) && strings.HasPrefix(named.Path, p.Dir+string(os.PathSeparator)) {
			return p, lacks
		}
		if left < least {
			at, state, least = p, lacks, left
		}
	}
	return at, state
}

// left is the part of a file system that is free, of its bytes or its inodes, whichever is less.
func left(s unix.Statfs_t) (part float64, lacks string) {
	part = float64(s.Bfree) / float64(max(1, s.Blocks))
	lacks = "is full (" + ui.Bytes(int64(s.Blocks)*s.Bsize) + ")"
	// A file system without a fixed number of inodes says that it has none (btrfs).
	if inodes := float64(s.Ffree) / float64(max(1, s.Files)); s.Files > 0 && inodes < part {
		return inodes, fmt.Sprintf("has no room for more files (%d inodes)", s.Files)
	}
	return part, lacks
}
