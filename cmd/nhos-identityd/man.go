package main

import (
	"github.com/spf13/cobra"

	"nhos.org/nhos/cmd/internal/manual"
	"nhos.org/nhos/internal/identity/policy"
	"nhos.org/nhos/internal/manpage"
)

// newMan is what "make install-identity" runs. The process of the drivers has no command line to say anything of itself.
func newMan() *cobra.Command {
	files := policy.Files()
	return manual.Book{
		Sections: []manpage.Group{
			manual.ExitStatus(),
			{Title: "Files", Items: []manpage.Item{
				{Term: files[0], Text: "The distribution's policy."},
				{Term: files[1], Text: "The organisation's; it may lock keys."},
				{Term: "~/.config/nhos-identity/policy.toml", Text: "The person's."},
				{Term: "$XDG_RUNTIME_DIR/nhos-identity/agent.socket", Text: "Where programs ask for a ticket."},
			}},
		},
		SeeAlso: []string{"nhos-identity", engine.Name},
		Also:    []manpage.Page{engine},
	}.Command()
}

var engine = manpage.Page{
	Name: "nhos-identity-card", Short: "Hold smartcard drivers for the Identity Agent", Synopsis: "nhos-identity-card",
	Description: `nhos-identity-card loads the smartcard drivers (PKCS#11 modules) that the policy names, or those that p11-kit is set up with. A driver
that crashes or hangs takes nothing but this process along.

nhos-identityd starts it and speaks to it over its standard input and output. It is of no use by hand.`,
	SeeAlso: []string{"nhos-identityd"},
}
