package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/identity/spinesim"
	"nhos.org/nhos/internal/ui"
)

// defaultControl is where serve has its control API and fault looks for it.
const defaultControl = "127.0.0.1:8444"

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "spinesim",
		Short: "Play the Spine's login, to test, to show and to train with",
		Long: `spinesim is a server that plays CIS1: it gives challenges, checks what cards sign, and keeps sessions and roles, of people who
don't exist. It is for this computer unless it is told otherwise, and faults happen in it on demand.

Exit codes: 0 done, 1 it failed, 2 the call was wrong, 130 interrupted.`,
		Example: `  spinesim card new --dir cards            test cards for all of its people, and the CA that issued them
  spinesim serve --card-ca cards/ca.pem --write-ca server-ca.pem --write-environment environments.yaml
  spinesim fault slow --value 5s --at validate
  spinesim fault --end`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return ui.Usage(ui.Hint(err, c.CommandPath()+" --help lists the flags"))
	})
	card := &cobra.Command{
		Use: "card", Short: "Make test cards", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	card.AddCommand(newCardNew())
	root.AddCommand(newServe(), card, newFault(), newMan())
	return root
}

// noArgs refuses arguments, which are commands that there aren't.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := c.CommandPath() + " --help lists what there is"
	var known []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			known = append(known, sub.Name())
		}
	}
	if near := ui.Nearest(args[0], known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return ui.Usage(ui.Hint(fmt.Errorf("unknown command %q", args[0]), hint))
}

// people reads a directory; the invented one where no file is named.
func people(file string) (*spinesim.Directory, error) {
	if file == "" {
		return spinesim.Invented(), nil
	}
	return spinesim.LoadDirectory(file)
}

// write writes a file that others may read: certificates and settings are public. "" is none.
func write(path string, content []byte) error {
	if path == "" {
		return nil
	}
	return os.WriteFile(path, content, 0o644)
}
