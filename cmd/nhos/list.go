package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/ui"
)

func newList(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "list", GroupID: "look", Short: "List the images and respins that are defined",
		Example: `  nhos list
  nhos list --definitions ../other --json`,
		Args: exactArgs(0, "no argument"),
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := f.definitionsDir()
			if err != nil {
				return err
			}
			images, respins, err := definition.List(dir)
			if err != nil {
				return err
			}
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), map[string][]string{"images": images, "respins": respins})
			}
			for _, name := range images {
				fmt.Fprintln(c.OutOrStdout(), name)
			}
			for _, name := range respins {
				fmt.Fprintln(c.OutOrStdout(), name, "(respin)")
			}
			return nil
		},
	}
}
