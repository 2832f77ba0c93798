package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"nhos.org/nhos/internal/ui"
)

// maxShown is how many files diffoscope is run on: it takes seconds for each.
const maxShown = 20

// Diffoscope runs diffoscope on the files of a report whose content differs, the first ones of each place, and writes
// what it prints to w.
func Diffoscope(ctx context.Context, r *Report, w io.Writer) error {
	if _, err := exec.LookPath("diffoscope"); err != nil {
		return ui.Hint(errors.New("diffoscope isn't installed"), "apt-get install diffoscope-minimal")
	}
	dir, err := os.MkdirTemp("", "nhos-compare-")
	if err != nil {
		return fmt.Errorf("taking files out of the media: %w", err)
	}
	defer os.RemoveAll(dir)
	shown := 0
	for _, d := range r.Differences {
		if d.What != Content || d.a.file == "" || d.b.file == "" {
			continue
		}
		if shown++; shown > maxShown {
			_, err := fmt.Fprintf(w, "\ndiffoscope was run on %d files; the others differ too\n", maxShown)
			return err
		}
		if err := runDiffoscope(ctx, dir, d, w); err != nil {
			return err
		}
	}
	return nil
}

func runDiffoscope(ctx context.Context, dir string, d Difference, w io.Writer) error {
	var copies [2]string
	for i, p := range []place{d.a, d.b} {
		copies[i] = filepath.Join(dir, string('a'+rune(i)))
		f, err := os.Create(copies[i])
		if err != nil {
			return fmt.Errorf("taking %s out: %w", d.Path, err)
		}
		err = errors.Join(p.copy(ctx, f), f.Close())
		if err != nil {
			return fmt.Errorf("taking %s out of %s: %w", d.Path, p.file, err)
		}
	}
	if _, err := fmt.Fprintf(w, "\n%s: %s\n", d.In, d.Path); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "diffoscope", "--text", "-", "--text-color", "never", "--no-progress", "--exclude-directory-metadata", "yes", copies[0], copies[1])
	cmd.Stdout, cmd.Stderr = w, w
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 { // they differ
		return nil
	}
	if err != nil {
		return fmt.Errorf("diffoscope on %s: %w", d.Path, err)
	}
	return nil
}

// A place is where the bytes of a file are.
type place struct {
	file   string // an ISO or a squashfs
	offset int64  // of the squashfs, in bytes
	name   string // in the squashfs; "" takes size bytes from offset
	size   int64
}

func (p place) copy(ctx context.Context, w io.Writer) error {
	f, err := os.Open(p.file)
	if err != nil {
		return err
	}
	defer f.Close()
	if p.name == "" {
		_, err := io.Copy(w, io.NewSectionReader(f, p.offset, p.size))
		return err
	}
	return catSquashfs(ctx, part{f, p.offset, p.file}, p.name, w)
}
