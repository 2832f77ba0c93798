package main

import (
	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/ui"
)

func newShow(f *flags) *cobra.Command {
	var origin bool
	c := &cobra.Command{
		Use: "show IMAGE", GroupID: "look", Short: "Show what an image or respin is, all files merged",
		Example: `  nhos show desktop
  nhos show desktop --origin     each value with the file and line that it comes from
  nhos show hscni --json`,
		Args: exactArgs(1, "the name of one image or respin"),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := f.definitionsDir()
			if err != nil {
				return err
			}
			img, err := definition.Load(dir, args[0])
			if err != nil {
				return err
			}
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), img)
			}
			return definition.Show(c.OutOrStdout(), img, origin)
		},
	}
	c.Flags().BoolVar(&origin, "origin", false, "say where each value comes from")
	return c
}
