package main

import (
	"github.com/spf13/cobra"

	"nhos.org/nhos/cmd/internal/manual"
	"nhos.org/nhos/internal/manpage"
)

// newMan is what "make install-identity" runs.
func newMan() *cobra.Command {
	return manual.Book{Sections: []manpage.Group{manual.ExitStatus()}, SeeAlso: []string{"nhos-identity"}}.Command()
}
