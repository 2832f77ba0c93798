package main

import (
	"os"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image"
	"nhos.org/nhos/internal/ui"
)

func newPlan(f *flags) *cobra.Command {
	var lockFile string
	c := &cobra.Command{
		Use: "plan IMAGE", GroupID: "make", Short: "Show what a build would make and what it would reuse",
		Example: `  nhos plan desktop
  nhos plan desktop --lock desktop.lock --json`,
		Args: exactArgs(1, "the name of one image or respin"),
		RunE: func(c *cobra.Command, args []string) error {
			progress := f.progress(os.Stderr)
			defer progress.Close()
			r, err := f.request(args[0], lockFile, progress)
			if err != nil {
				return err
			}
			p, _, err := image.Plan(c.Context(), r)
			progress.Close()
			if err != nil {
				return err
			}
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), p)
			}
			return p.Write(c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&lockFile, "lock", "", "plan from this lock `FILE` instead of asking apt")
	return c
}
