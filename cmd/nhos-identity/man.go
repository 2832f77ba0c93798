package main

import (
	"github.com/spf13/cobra"

	"nhos.org/nhos/cmd/internal/manual"
	"nhos.org/nhos/internal/manpage"
)

// newMan is what "make install-identity" runs.
func newMan() *cobra.Command {
	return manual.Book{
		Sections: []manpage.Group{
			manual.ExitStatus(),
			{Title: "Environment", Items: []manpage.Item{
				{Term: "XDG_RUNTIME_DIR", Text: "The folder in which the agent's socket lies, nhos-identity/agent.socket."},
			}},
		},
		SeeAlso: []string{"nhos-identityd"},
	}.Command()
}
