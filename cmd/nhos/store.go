package main

import (
	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

func newStore(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use: "store", GroupID: "machine", Short: "Look after what builds have fetched and made",
		Long: `The store keeps packages and layers, so that nothing is fetched or made twice. All of it can be fetched or made again.
Every command of it is safe while builds run.`,
		SuggestionsMinimumDistance: 2,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(c, args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newStoreLs(f), newStoreGC(f), newStoreVerify(f), newStoreExport(f), newStoreImport(f))
	return c
}

func (f *flags) openStore() (*store.Store, error) {
	s, err := store.Open(f.store)
	return s, ui.Hint(err, "--store names another folder")
}
