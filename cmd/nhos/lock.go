package main

import (
	"fmt"
	"os"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image"
	"nhos.org/nhos/internal/image/definition"
)

func newLock(f *flags) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "lock IMAGE", GroupID: "make", Short: "Fix every package of an image by version and digest",
		Long: `lock asks apt once which packages an image takes, and writes each with its name, version, architecture, size and
SHA-256, in the syntax of a Debian Packages index. nhos build --lock FILE builds exactly that.`,
		Example: `  nhos lock desktop -o desktop.lock
  sudo nhos build desktop --lock desktop.lock
  nhos lock diff old.lock desktop.lock           what changed`,
		Args: exactArgs(1, "the name of one image or respin"),
		RunE: func(c *cobra.Command, args []string) error {
			progress := f.progress(os.Stderr)
			defer progress.Close()
			r, err := f.request(args[0], "", progress)
			if err != nil {
				return err
			}
			img, err := definition.Load(r.Definitions, r.ID)
			if err != nil {
				return err
			}
			mirrors, err := image.Mirrors(c.Context(), r, img)
			if err != nil {
				return err
			}
			l, err := image.Lock(c.Context(), r, img, mirrors)
			if err != nil {
				return err
			}
			if output == "" {
				progress.Close()
				_, err := fmt.Fprint(c.OutOrStdout(), l)
				return err
			}
			return renameio.WriteFile(output, []byte(l.String()), 0o644)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "", "write the lock to `FILE` instead of standard output")
	c.AddCommand(newLockDiff(f))
	return c
}
