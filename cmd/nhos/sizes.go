package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/build"
	"nhos.org/nhos/internal/inventory"
	"nhos.org/nhos/internal/ui"
)

func newSizes(f *flags) *cobra.Command {
	var most int
	c := &cobra.Command{
		Use: "sizes IMAGE", GroupID: "look", Short: "Show what takes the room on a medium: parts and packages",
		Long: `sizes reads the inventory beside a medium. A package counts for the first part of the definition that asks for it, or for
something that needs it. The figures are bytes in the running system; on the medium they are compressed.`,
		Example: `  nhos sizes desktop
  nhos sizes desktop --most 50
  nhos sizes desktop --json`,
		Args: exactArgs(1, "the name of one image or respin"),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := f.outDir(args[0])
			if err != nil {
				return err
			}
			r, err := build.Load(dir)
			if err != nil {
				return ui.Hint(fmt.Errorf("nothing is built of %s: %w", args[0], err), "nhos build "+args[0]+" makes it; nhos list says what there is")
			}
			v, err := inventory.Read(filepath.Join(dir, r.Inventory))
			if err != nil {
				return err
			}
			sizes := v.Sizes(most)
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), sizes)
			}
			return sizes.Write(c.OutOrStdout())
		},
	}
	c.Flags().IntVar(&most, "most", 20, "how many packages to show; 0 for all")
	return c
}
