package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"nhos.org/nhos/internal/image/build"
	"nhos.org/nhos/internal/ui"
)

func newEnter(f *flags) *cobra.Command {
	var drop bool
	c := &cobra.Command{
		Use: "enter [IMAGE]", GroupID: "make", Short: "Open a shell in a layer that couldn't be made",
		Long: `enter opens a shell in the layer that failed in the last nhos build --keep-failed, just as it was left: the same files,
the same environment, no network. /run/nhos/failed is the script or command that failed, to be run again. Nothing that is
done there goes into an image, and nothing stays mounted when the shell ends.

Without an image it is the one that failed last. A later build of the same layer removes what was kept.`,
		Example: `  sudo nhos build desktop --keep-failed
  sudo nhos enter desktop
  sudo nhos enter desktop < commands     run commands in it
  sudo nhos enter --drop                 remove all that is kept
  nhos enter --json                      what is kept`,
		Args: func(c *cobra.Command, args []string) error {
			return exactArgs(min(1, len(args)), "the name of one image or respin, or none")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			s, err := f.openStore()
			if err != nil {
				return err
			}
			kept, err := build.Kept(s)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				kept = build.Of(kept, args[0])
			}
			switch {
			case f.json:
				return ui.WriteJSON(c.OutOrStdout(), kept)
			case len(kept) == 0:
				return ui.Hint(errors.New("no failed layer is kept"), "nhos build IMAGE --keep-failed keeps one")
			case drop:
				for _, k := range kept {
					if err := s.Drop(k.Image); err != nil {
						return err
					}
					fmt.Fprintf(os.Stderr, "removed %s of %s\n", k.Phase, k.Image)
				}
				return nil
			}
			if !f.quiet {
				kept[0].Describe(os.Stderr)
			}
			code, err := build.Enter(c.Context(), s, kept[0], os.Stdin, os.Stdout, os.Stderr)
			if err == nil && code != 0 && !term.IsTerminal(int(os.Stdin.Fd())) {
				return fmt.Errorf("the shell ended with exit code %d", code)
			}
			return err
		},
	}
	c.Flags().BoolVar(&drop, "drop", false, "remove what is kept instead")
	return c
}
