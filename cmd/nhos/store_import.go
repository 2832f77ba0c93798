package main

import (
	"fmt"
	"os"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/parcel"
	"nhos.org/nhos/internal/ui"
)

func newStoreImport(f *flags) *cobra.Command {
	var lockOut string
	c := &cobra.Command{
		Use: "import ARCHIVE", Short: "Bring the packages of an archive into the store",
		Long: `import brings the packages that nhos store export wrote into the store, all or none. Each is held against the digest that
the archive's lock has of it. A build by that lock then needs no network.`,
		Example: `  nhos store import desktop-packages.tar --lock-output desktop.lock
  sudo nhos build desktop --lock desktop.lock`,
		Args: exactArgs(1, "the path of one archive"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := f.openStore()
			if err != nil {
				return err
			}
			file, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("importing packages: %w", err)
			}
			defer file.Close()
			progress := f.progress(os.Stderr)
			defer progress.Close()
			phase := progress.Begin("archive", 0)
			l, held, err := parcel.Unpack(c.Context(), file, s, phase.Add)
			if err == nil && lockOut != "" {
				err = renameio.WriteFile(lockOut, []byte(l.String()), 0o644)
			}
			if err != nil {
				phase.Fail(err)
				return fmt.Errorf("importing %s: %w", args[0], err)
			}
			phase.Done(fmt.Sprintf("%d packages", held.Packages))
			if f.json {
				progress.Close()
				return ui.WriteJSON(c.OutOrStdout(), held)
			}
			return nil
		},
	}
	c.Flags().StringVar(&lockOut, "lock-output", "", "write the archive's lock to `FILE`")
	return c
}
