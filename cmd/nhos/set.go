package main

import (
	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/definition/edit"
)

func newSet(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "set IMAGE KEY VALUE...", GroupID: "change", Short: "Give a key of a definition its value",
		Long: `set changes one value in the definition file of an image, a respin, a feature (feature/NAME) or a base (base/NAME), and
leaves everything else in it as it is. KEY is written with dots: settings.user.name. A list takes any number of values, and
has just these then.

Every image and respin that the file belongs to is loaded first. If one can't be any more, nothing is written.`,
		Example: `  nhos set desktop settings.hostname ward-7
  nhos set hscni product "HSCNI Desktop"
  nhos set feature/cinnamon settings.user.groups audio video plugdev netdev
  nhos set mini settings.kernel_arguments -- quiet console=ttyS0`,
		Args: minArgs(3, "an image, a key and its value"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.change(c, args[0], func(dir string, t definition.Target) (edit.Result, error) {
				return edit.Set(dir, t, args[1], args[2:])
			})
		},
	}
}

func newUnset(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "unset IMAGE KEY", GroupID: "change", Short: "Take a key out of a definition",
		Long: "unset takes a key out of the definition file of an image, a respin, a feature (feature/NAME) or a base (base/NAME), so\n" +
			"that what an earlier file states counts again, or the default.",
		Example: `  nhos unset desktop settings.hostname
  nhos unset feature/cinnamon settings.user.groups`,
		Args: exactArgs(2, "an image and a key"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.change(c, args[0], func(dir string, t definition.Target) (edit.Result, error) {
				return edit.Unset(dir, t, args[1])
			})
		},
	}
}
