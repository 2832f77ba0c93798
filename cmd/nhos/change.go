package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/definition/edit"
	"nhos.org/nhos/internal/ui"
)

func newAdd(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use: "add", GroupID: "change", Short: "Add packages or features to a definition",
		Args: subcommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "package IMAGE PACKAGE...", Short: "Add packages to a definition",
		Long: `package takes packages back that the file removes, or appends them to its packages: add:. An image or a respin that has
a package already, from its features or its base, stays as it is. IMAGE may also be feature/NAME or base/NAME, which get
the package whatever others have.`,
		Example: `  nhos add package desktop htop
  nhos add package feature/office libreoffice-base libreoffice-math`,
		Args: minArgs(2, "an image and the names of packages"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.change(c, args[0], func(dir string, t definition.Target) (edit.Result, error) {
				return edit.AddPackages(dir, t, args[1:])
			})
		},
	}, &cobra.Command{
		Use: "feature IMAGE FEATURE...", Short: "Append features to an image's list",
		Example: `  nhos add feature mini firefox`,
		Args:    minArgs(2, "an image and the names of features"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.change(c, args[0], func(dir string, t definition.Target) (edit.Result, error) {
				return edit.AddFeatures(dir, t, args[1:])
			})
		},
	})
	return c
}

func newRemove(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use: "remove", GroupID: "change", Short: "Remove packages or features from a definition",
		Args: subcommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var keepOut bool
	packages := &cobra.Command{
		Use: "package IMAGE PACKAGE...", Short: "Remove packages from a definition",
		Long: `package takes packages out of the file's packages: add:. Those that its features, its image or its base add, it puts into
packages: remove:. IMAGE may also be feature/NAME or base/NAME.

A package that no file adds isn't named: it comes in because another one needs or recommends it, if at all. --keep-out
puts it into packages: remove: all the same.`,
		Example: `  nhos remove package hscni libreoffice-impress
  nhos remove package desktop gnome-mines --keep-out`,
		Args: minArgs(2, "an image and the names of packages"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.change(c, args[0], func(dir string, t definition.Target) (edit.Result, error) {
				return edit.RemovePackages(dir, t, args[1:], keepOut)
			})
		},
	}
	packages.Flags().BoolVar(&keepOut, "keep-out", false, "also remove what no file adds, so that no other package brings it in")
	c.AddCommand(packages, &cobra.Command{
		Use: "feature IMAGE FEATURE...", Short: "Take features out of an image's list",
		Example: `  nhos remove feature desktop office`,
		Args:    minArgs(2, "an image and the names of features"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.change(c, args[0], func(dir string, t definition.Target) (edit.Result, error) {
				return edit.RemoveFeatures(dir, t, args[1:])
			})
		},
	})
	return c
}

// change makes a change of the definition file that a name means, and says what it did.
func (f *flags) change(c *cobra.Command, name string, by func(dir string, t definition.Target) (edit.Result, error)) error {
	dir, err := f.definitionsDir()
	if err != nil {
		return err
	}
	t, err := definition.FindTarget(dir, name)
	if err != nil {
		return err
	}
	result, err := by(dir, t)
	if err != nil {
		return err
	}
	if f.json {
		return ui.WriteJSON(c.OutOrStdout(), result)
	}
	for _, x := range result.Changes {
		fmt.Fprintln(c.OutOrStdout(), result.File+x.String())
	}
	if !f.quiet {
		for _, note := range result.Notes {
			fmt.Fprintln(os.Stderr, "note:", note)
		}
		if len(result.Changes) == 0 {
			fmt.Fprintln(os.Stderr, "nothing to change in", result.File)
		}
	}
	return nil
}

// subcommand is for commands that do nothing themselves.
func subcommand(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownCommand(c, args[0])
	}
	return nil
}

// minArgs is cobra's, with an error that says what is asked for.
func minArgs(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < n {
			return ui.Usage(ui.Hint(errors.New(c.CommandPath()+" takes "+what), c.CommandPath()+" --help shows examples"))
		}
		return nil
	}
}
