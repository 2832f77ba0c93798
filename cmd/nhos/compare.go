package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/compare"
	"nhos.org/nhos/internal/ui"
)

func newCompare(f *flags) *cobra.Command {
	var diffoscope bool
	var most int
	c := &cobra.Command{
		Use: "compare A B", GroupID: "make", Short: "Say in what two media differ, file by file",
		Long: `compare names what differs between two ISOs, two layers (squashfs), or two images (a name, or the folder that nhos build
has written to): boot records, files of the ISO, and in each layer the files, with content, mode, owner, time, link
target, device and extended attributes. It takes no root.

The exit code is 0 when they are identical, and 1 when they aren't.`,
		Example: `  nhos compare out/mini elsewhere/out/mini
  nhos compare old.iso new.iso --diffoscope     show the differing lines too`,
		Args: exactArgs(2, "two ISOs, images or layers"),
		RunE: func(c *cobra.Command, args []string) error {
			a, b := f.compared(args[0]), f.compared(args[1])
			r, err := compare.Run(c.Context(), a, b)
			if err != nil {
				return err
			}
			if f.json {
				if err := ui.WriteJSON(c.OutOrStdout(), r); err != nil {
					return err
				}
			} else if err := r.Write(c.OutOrStdout(), most); err != nil {
				return err
			}
			if r.Identical {
				return nil
			}
			if diffoscope {
				if err := compare.Diffoscope(c.Context(), r, c.OutOrStdout()); err != nil {
					return err
				}
			}
			return errors.New("they differ: " + r.Summary())
		},
	}
	c.Flags().BoolVar(&diffoscope, "diffoscope", false, "show the differences within the first files that differ (takes the program diffoscope)")
	c.Flags().IntVar(&most, "most", 200, "list so `many` differences at most; --json lists all")
	return c
}

// compared is what an argument means: a path, or the folder of an image.
func (f *flags) compared(arg string) string {
	if _, err := os.Stat(arg); err == nil || filepath.Base(arg) != arg {
		return arg
	}
	if out, err := f.outDir(arg); err == nil {
		if _, err := os.Stat(out); err == nil {
			return out
		}
	}
	return arg
}
