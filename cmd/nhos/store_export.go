package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/parcel"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

func newStoreExport(f *flags) *cobra.Command {
	var lockFile, output string
	c := &cobra.Command{
		Use: "export [IMAGE]", Short: "Write the packages of a lock to one archive",
		Long: `export writes all packages of a lock, and the lock, to one tar: for a network without a mirror, or to be kept. The lock is
--lock, else the one beside the image's medium, else what apt chooses now. With an image's name, packages that the store
doesn't have are fetched. The same lock gives the same bytes.`,
		Example: `  nhos store export desktop -o desktop-packages.tar
  nhos store export --lock desktop.lock -o desktop-packages.tar`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 0 && lockFile == "" || output == "" {
				return ui.Usage(ui.Hint(errors.New(c.CommandPath()+" takes the name of one image or --lock, and --output"), c.CommandPath()+" --help shows examples"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			progress := f.progress(os.Stderr)
			defer progress.Close()
			r, out, err := f.carried(args, lockFile, progress)
			if err != nil {
				return err
			}
			l, err := image.Packages(c.Context(), r, out)
			if err != nil {
				return err
			}
			phase := progress.Begin("archive", lockedSize(l))
			i, err := writeParcel(c.Context(), output, r.Store, l, phase.Add)
			if err != nil {
				phase.Fail(err)
				return err
			}
			phase.Done(fmt.Sprintf("%d packages", i.Packages))
			progress.Close()
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), i)
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), output)
			return err
		},
	}
	c.Flags().StringVar(&lockFile, "lock", "", "take the packages of this lock `FILE`")
	c.Flags().StringVarP(&output, "output", "o", "", "write the archive to `FILE`")
	return c
}

// carried is the request of an export: with an image, or with nothing but a store and a lock.
func (f *flags) carried(args []string, lockFile string, progress ui.Progress) (r image.Request, out string, err error) {
	if len(args) == 0 {
		s, err := f.openStore()
		return image.Request{LockFile: lockFile, Store: s, Progress: progress}, "", err
	}
	if out, err = f.outDir(args[0]); err != nil {
		return r, "", err
	}
	r, err = f.request(args[0], lockFile, progress)
	return r, out, err
}

func lockedSize(l *lock.Lock) (n int64) {
	for _, p := range l.Packages {
		n += p.Size
	}
	return n
}

// writeParcel writes the archive beside its place first: one that was interrupted never has its name.
func writeParcel(ctx context.Context, path string, s *store.Store, l *lock.Lock, written func(int64)) (parcel.Index, error) {
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return parcel.Index{}, fmt.Errorf("writing %s: %w", path, err)
	}
	defer file.Cleanup() //nolint:errcheck // after a success there is nothing to clean up
	i, err := parcel.Pack(ctx, file, s, l, written)
	if err != nil {
		return i, err
	}
	return i, file.CloseAtomicallyReplace()
}
