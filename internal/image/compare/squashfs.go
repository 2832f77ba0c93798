package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"math"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/squashfs"
	"golang.org/x/sync/errgroup"

	"nhos.org/nhos/internal/ui"
)

// A part is a squashfs somewhere in a file.
type part struct {
	file   *os.File
	offset int64 // bytes
	name   string
}

// layers compares two squashfs.
func (r *Report) layers(ctx context.Context, in string, a, b part) error {
	group, ctx := errgroup.WithContext(ctx)
	trees := make([]tree, 2)
	for i, p := range []part{a, b} {
		group.Go(func() error {
			var err error
			trees[i], err = readSquashfs(ctx, p)
			if err != nil {
				return fmt.Errorf("reading %s of %s: %w", in, p.name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	found := diffTrees(in, trees[0], trees[1])
	if len(found) == 0 {
		found = []Difference{newDifference(in, "", Content, "", "its files are the same; how they are packed isn't")}
	}
	for i := range found {
		if d := &found[i]; d.What == Content && d.Path != "" {
			d.a, d.b = place{file: a.name, offset: a.offset, name: d.Path}, place{file: b.name, offset: b.offset, name: d.Path}
		}
	}
	r.Differences = append(r.Differences, found...)
	return nil
}

// readSquashfs digests all files of a squashfs.
func readSquashfs(ctx context.Context, p part) (tree, error) {
	pipe, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer pipe.Close()
	cmd := exec.CommandContext(ctx, "unsquashfs", "-quiet", "-no-progress", "-offset", strconv.FormatInt(p.offset, 10), "-pf", "/dev/fd/4", "/dev/fd/3")
	cmd.ExtraFiles = []*os.File{p.file, theirs}
	cmd.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return nil, ui.Hint(fmt.Errorf("starting unsquashfs: %w", err), "nhos doctor says what is missing and how to install it")
	}
	t, readErr := readPseudo(pipe)
	if readErr != nil {
		pipe.Close() // it has nobody to write to, and ends
	}
	if err := cmd.Wait(); err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("unsquashfs was interrupted: %w", context.Cause(ctx))
	} else if err != nil && said.Len() > 0 {
		return nil, fmt.Errorf("unsquashfs: %w: %s", err, strings.TrimSpace(said.String()))
	} else if err := errors.Join(readErr, err); err != nil {
		return nil, fmt.Errorf("unsquashfs: %w", err)
	}
	return t, addXattrs(t, p)
}

// addXattrs adds the extended attributes, which the unsquashfs of Debian 12 doesn't write. The reader that is used for
// them leaves the first part of their names away, and for the rest of an entry knows less than unsquashfs.
func addXattrs(t tree, p part) (err error) {
	table := make([]byte, 8)
	const xattrTable = 56 // where the superblock has the place of that table
	if _, err := p.file.ReadAt(table, p.offset+xattrTable); err != nil {
		return err
	}
	if bytes.Equal(table, bytes.Repeat([]byte{0xff}, 8)) {
		return nil
	}
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	// The layer may come from anywhere, and this reader trusts what it reads.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its file system is damaged: %v", r)
		}
	}()
	fs, err := squashfs.Read(file.New(p.file, true), info.Size()-p.offset, p.offset, 0)
	if err != nil {
		return fmt.Errorf("reading its extended attributes: %w", err)
	}
	return walkXattrs(t, fs, ".", 0)
}

// maxDepth bounds a path: Linux's own limit of 4096 bytes allows no more names.
const maxDepth = 2048

func walkXattrs(t tree, fs *squashfs.FileSystem, dir string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%.80s… lies too deep", dir)
	}
	entries, err := fs.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading its extended attributes: %w", err)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		info, err := e.Info()
		if err != nil {
			return fmt.Errorf("reading its extended attributes: %w", err)
		}
		stat, ok := info.Sys().(*squashfs.StatT)
		if known := t[name]; ok && known != nil && len(stat.Xattrs) > 0 {
			known.Xattrs = stat.Xattrs
		}
		if e.Type() == iofs.ModeDir {
			if err := walkXattrs(t, fs, name, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// catSquashfs writes one file of a squashfs to w.
func catSquashfs(ctx context.Context, p part, name string, w io.Writer) error {
	cmd := exec.CommandContext(ctx, "unsquashfs", "-quiet", "-no-progress", "-no-wildcards", "-offset", strconv.FormatInt(p.offset, 10), "-cat", "/dev/fd/3", name)
	cmd.ExtraFiles = []*os.File{p.file}
	cmd.Stdout = w
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("unsquashfs: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

// number reads one number of a description, as it stands there.
func number(text string, base, bits int) (uint64, error) {
	n, err := strconv.ParseUint(text, base, bits)
	if err != nil || n > math.MaxInt64 {
		return 0, fmt.Errorf("%q is no number", clip(text))
	}
	return n, nil
}
