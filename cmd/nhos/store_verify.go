package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/ui"
)

func newStoreVerify(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Read all of the store, remove and name what is damaged",
		Long: `verify reads every file of the store and holds it against its name. What is damaged is removed, and the next build
fetches or makes it anew. The exit code is 1 if anything was damaged.`,
		Args: exactArgs(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := f.openStore()
			if err != nil {
				return err
			}
			contents, err := s.Contents()
			if err != nil {
				return err
			}
			progress := f.progress(os.Stderr)
			defer progress.Close()
			phase := progress.Begin("store", contents.Size)
			v, err := s.Verify(c.Context(), phase.Add)
			if err == nil && len(v.Damaged) > 0 {
				err = ui.Hint(fmt.Errorf("%d things in the store were damaged and have been removed", len(v.Damaged)),
					"the next build makes them anew; when it happens again, is the disk or the memory of this machine sound?")
			}
			if err != nil {
				phase.Fail(err)
			} else {
				phase.Done(fmt.Sprintf("%d files, all good", v.Blobs))
			}
			progress.Close()
			if f.json {
				return errors.Join(err, ui.WriteJSON(c.OutOrStdout(), v))
			}
			for _, d := range v.Damaged {
				fmt.Fprintf(c.OutOrStdout(), "%s: %s (%s)\n", d.What, d.Why, d.File)
			}
			return err
		},
	}
}
