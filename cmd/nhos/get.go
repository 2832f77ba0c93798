package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/ui"
)

func newGet(f *flags) *cobra.Command {
	var origin bool
	c := &cobra.Command{
		Use: "get IMAGE KEY", GroupID: "look", Short: "Print the value of one key of a definition",
		Long: `get prints what a key comes to when all files of an image or a respin are merged; of a feature (feature/NAME) or a base
(base/NAME), what its file states. A list is printed with one entry a line. KEY is written with dots: settings.user.name.`,
		Example: `  nhos get desktop settings.locale
  nhos get desktop packages.add --origin     every package that is asked for, and by which line
  nhos get feature/cinnamon settings.user.groups`,
		Args: exactArgs(2, "an image and a key"),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := f.definitionsDir()
			if err != nil {
				return err
			}
			t, err := definition.FindTarget(dir, args[0])
			if err != nil {
				return err
			}
			key, err := definition.FindKey(t.Kind, args[1])
			if err != nil {
				return ui.Usage(err)
			}
			values, err := definition.Values(dir, t, key)
			if err != nil {
				return err
			}
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), values)
			}
			if len(values) == 0 && key.Form != definition.FormList {
				return fmt.Errorf("nothing states %s of %s, and it has no default", key.Path, args[0])
			}
			for _, v := range values {
				if origin {
					fmt.Fprintf(c.OutOrStdout(), "%s\t%s\n", v.Value, v.Origin)
				} else {
					fmt.Fprintln(c.OutOrStdout(), v.Value)
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&origin, "origin", false, "say after a tab where each value comes from")
	return c
}
