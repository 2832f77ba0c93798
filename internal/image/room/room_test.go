package room

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/ui"
)

func TestExplain(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	full := &fs.PathError{Op: "write", Path: other + "/file", Err: unix.ENOSPC}
	for name, c := range map[string]struct {
		err  error
		said string
		want string // the beginning of the message
		hint string
	}{
		"the kernel's error names the place": {fmt.Errorf("storing: %w", full), "", "the file system of " + other + " has too little room left (", "--out"},
		"a program says so":                  {errors.New("exit status 1"), "Write failed because No space left on device\n", "the file system of ", "make room there"},
		"xorriso's own words":                {errors.New("FAILURE : Image size 115338s exceeds free space on media 43949s"), "", "the file system of ", "make room there"},
		"something else":                     {errors.New("exit status 1"), "the paper is jammed", "exit status 1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Explain(c.err, c.said, Store(dir), Out(other))
			if !strings.HasPrefix(got.Error(), c.want) || !strings.HasSuffix(got.Error(), c.err.Error()) || !errors.Is(got, c.err) {
				t.Errorf("Explain = %v", got)
			}
			if hint := ui.HintOf(got); !strings.Contains(hint, c.hint) || (c.hint == "") != (hint == "") {
				t.Errorf("the hint is %q", hint)
			}
		})
	}
	if Explain(nil, "no space left on device", Store(dir)) != nil {
		t.Error("no error became one")
	}
}

func TestLeft(t *testing.T) {
	for name, c := range map[string]struct {
		s    unix.Statfs_t
		want string
	}{
		"bytes":     {unix.Statfs_t{Blocks: 1000, Bavail: 2, Bsize: 1000, Files: 5000, Ffree: 4000}, "has too little room left (2.00 kB of 1.00 MB)"},
		"inodes":    {unix.Statfs_t{Blocks: 1e6, Bavail: 9e5, Bsize: 1000, Files: 5000, Ffree: 3}, "has too few inodes left (3 of 5000)"},
		"no inodes": {unix.Statfs_t{Blocks: 1000, Bavail: 2, Bsize: 1000}, "has too little room left (2.00 kB of 1.00 MB)"},
		// A usual ext4 has one inode for four blocks; that isn't few.
		"many inodes": {unix.Statfs_t{Blocks: 1e6, Bavail: 9e5, Bsize: 1000, Files: 25e4, Ffree: 2e5}, "has too little room left (900 MB of 1.00 GB)"},
	} {
		if _, got := left(c.s); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
