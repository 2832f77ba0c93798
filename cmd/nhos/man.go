package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"nhos.org/nhos/cmd/internal/manual"
	"nhos.org/nhos/internal/manpage"
	"nhos.org/nhos/internal/ui"
)

// newMan is what "make man" runs.
func newMan() *cobra.Command {
	return manual.Book{Sections: []manpage.Group{
		manual.ExitStatus(manpage.Item{Term: strconv.Itoa(ui.ExitVerdict), Text: "A test ran to its end, and the medium failed it."}),
		{Title: "Environment", Items: []manpage.Item{
			{Term: "NHOS_STORE", Text: "The folder that keeps what was made and fetched, as --store."},
			{Term: "NHOS_MIRROR", Text: "Where packages come from, as --mirror."},
			{Term: "NO_COLOR", Text: "If it is set, nothing is coloured."},
		}},
	}}.Command()
}
