// Package room says which file system is full when something couldn't be written.
//
// The kernel says "no space left on device" and no more, and programs often less than that: a person has to be told
// which of the folders that a build writes to it was, whether it lacks bytes or inodes, and what to do.
package room

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/ui"
)

// A Place is a folder that is written to, and what helps when its file system is full.
type Place struct{ dir, hint string }

// Store is the place of a store.
func Store(dir string) Place {
	return Place{dir, "make room there (nhos store gc removes what is old), or name another folder with --store"}
}

// Out is the place that media are written to.
func Out(dir string) Place {
	return Place{dir, "make room there, or name another folder with --out"}
}

// Memory is a place that is given back before a person could make room in it.
func Memory(dir string) Place {
	return Place{dir, ""}
}

// Explain returns err as one that names the full file system, if that is what is behind it; if not, as it is. said is
// what programs printed meanwhile. It has to be called before anything is tidied up.
func Explain(err error, said string, places ...Place) error {
	at, state := lacking(err, said, places)
	if at.dir == "" {
		return err
	}
	return ui.Hint(fmt.Errorf("the file system of %s %s: %w", at.dir, state, err), at.hint)
}

// In says whether a lack of room is behind err, and that of this place rather than of the others. As [Explain], it has to
// be called before anything is tidied up by the caller; a program may have done so already.
func In(at Place, err error, said string, others ...Place) bool {
	fullest, _ := lacking(err, said, append([]Place{at}, others...))
	return fullest.dir == at.dir
}

// lacking is the place whose lack of room is behind err, if any, and what it lacks.
func lacking(err error, said string, places []Place) (at Place, state string) {
	if err == nil || !tells(err, said) {
		return Place{}, ""
	}
	return fullest(err, places)
}

// tells says whether an error or what was printed tells of a lack of room.
func tells(err error, said string) bool {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return true
	}
	said = strings.ToLower(err.Error() + said)
	return slices.ContainsFunc([]string{unix.ENOSPC.Error(), unix.EDQUOT.Error(), "exceeds free space on media"}, func(sign string) bool { // the last is xorriso's
		return strings.Contains(said, sign)
	})
}

// fullest is the place that the error names, or else the one with the least left, and what it lacks.
func fullest(err error, places []Place) (at Place, state string) {
	least := uint64(math.MaxUint64)
	var named *fs.PathError
	for _, p := range places {
		var s unix.Statfs_t
		if unix.Statfs(p.dir, &s) != nil {
			continue
		}
		left, lacks := left(s)
		if errors.As(err, &named) && strings.HasPrefix(named.Path, p.dir+string(os.PathSeparator)) {
			return p, lacks
		}
		if left < least {
			at, state, least = p, lacks, left
		}
	}
	return at, state
}

// fewInodes is less than any step of a build takes that can fail for want of them.
const fewInodes = 1000

// left is how much of a file system is free, in blocks or, where these run out first, in inodes.
func left(s unix.Statfs_t) (free uint64, lacks string) {
	// A file system without a fixed number of inodes says that it has none (btrfs).
	if s.Files > 0 && s.Ffree < min(fewInodes, s.Bavail) {
		return s.Ffree, fmt.Sprintf("has too few inodes left (%d of %d)", s.Ffree, s.Files)
	}
	bytes := func(blocks uint64) string { return ui.Bytes(int64(blocks) * s.Bsize) }
	return s.Bavail, fmt.Sprintf("has too little room left (%s of %s)", bytes(s.Bavail), bytes(s.Blocks))
}
