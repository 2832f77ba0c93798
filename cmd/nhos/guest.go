package main

import (
	"os"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/boottest/guest"
)

// newGuest is what the machine under test runs; nobody else calls it.
func newGuest() *cobra.Command {
	return &cobra.Command{
		Use: "guest", Hidden: true, Short: "Run the checks of a boot test inside the guest",
		Run: func(_ *cobra.Command, args []string) { os.Exit(guest.Main(args)) },
	}
}
