package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/ui"
)

func newLockDiff(f *flags) *cobra.Command {
	var exitCode bool
	c := &cobra.Command{
		Use: "diff A B", Short: "Show what changed from one lock to another",
		Long: "diff shows which packages come, go, and change from A to B. Each is a lock file, or an image that was built: the\nlock beside its medium.",
		Example: `  nhos lock diff old.lock desktop                what a new build brought
  nhos lock diff desktop hscni                   what a respin adds and takes away
  nhos lock diff --exit-code a.lock b.lock -q    whether there is a difference`,
		Args: exactArgs(2, "two locks: files, or names of images that were built"),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := f.lockOf(args[0])
			if err != nil {
				return err
			}
			b, err := f.lockOf(args[1])
			if err != nil {
				return err
			}
			d := lock.Compare(a, b)
			switch {
			case f.json:
				err = ui.WriteJSON(c.OutOrStdout(), d)
			case !f.quiet:
				err = d.Write(c.OutOrStdout())
			}
			if err == nil && exitCode && !d.Empty() {
				return errors.New("the locks differ")
			}
			return err
		},
	}
	c.Flags().BoolVar(&exitCode, "exit-code", false, "end with exit code 1 when the locks differ")
	return c
}

// lockOf reads the lock that an argument means: a file, or the one beside the medium of an image.
func (f *flags) lockOf(arg string) (*lock.Lock, error) {
	if _, err := os.Stat(arg); err == nil || strings.ContainsRune(arg, filepath.Separator) || strings.HasSuffix(arg, ".lock") {
		return lock.Read(arg)
	}
	out, err := f.outDir(arg)
	if err != nil {
		return nil, err
	}
	l, err := lock.Read(filepath.Join(out, arg+".lock"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ui.Hint(fmt.Errorf("%s is no file, and no image of this name was built: %w", arg, err), "nhos build "+arg+" makes it; nhos list says what there is")
	}
	return l, err
}
