package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image/signature"
	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/rescue/write"
	"nhos.org/nhos/internal/ui"
)

func newWrite(f *flags, m device.Machine) *cobra.Command {
	var list, all, yes bool
	var serials []string
	c := &cobra.Command{
		Use: "write IMAGE|FILE.iso DEVICE...", GroupID: "make", Short: "Write a medium to sticks, and read it back",
		Long: `write puts an ISO on sticks, several at once, reads all of it back, and says of each whether it is written, unusable or
untouched. All that was on a stick is lost. The ISO is held against the SHA256SUMS beside it before anything is written.

Without a DEVICE it lists the disks that there are, what is on them, and which it would refuse: those in use, read-only
ones, partitions, and internal disks unless --serial names theirs. It asks before it writes; where there is no terminal,
--yes is needed.

It finds sticks that hold less than they say before it writes the image. A stick that is pulled out, breaks, or whose
writing is stopped doesn't start a computer: its beginning is emptied first, and written last. It takes root.`,
		Example: `  nhos write                                     the disks that there are
  sudo nhos write desktop /dev/sdb
  sudo nhos write desktop /dev/sdb /dev/sdc      both at once
  sudo nhos write desktop --all-removable        every stick and card that is in and not in use
  sudo nhos write other.iso /dev/sda --serial S3Z8NB0K   an internal disk`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case all && (len(args) != 1 || list):
				return exactArgs(1, "one image and no disk when --all-removable chooses them")(c, []string{})
			case all && len(serials) > 0:
				return ui.Usage(errors.New("--all-removable takes no internal disk, and so no --serial"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if list || len(args) == 0 || len(args) == 1 && !all {
				return f.listDisks(c, m)
			}
			iso, _, _, err := f.medium(args[0])
			if err != nil {
				return err
			}
			devices, err := chosen(m, iso, args[1:], serials, all)
			if err != nil {
				return err
			}
			return f.write(c, m, iso, devices, yes)
		},
	}
	c.Flags().BoolVar(&list, "list", false, "list the disks, and write nothing")
	c.Flags().BoolVar(&all, "all-removable", false, "write to all sticks and cards that wouldn't be refused")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "don't ask")
	c.Flags().StringSliceVar(&serials, "serial", nil, "write to the internal disk with this `serial`, too; several with commas")
	return c
}

func (f *flags) listDisks(c *cobra.Command, m device.Machine) error {
	disks, err := m.List()
	if err != nil {
		return err
	}
	if f.json {
		return ui.WriteJSON(c.OutOrStdout(), disks)
	}
	return write.List(c.OutOrStdout(), disks)
}

// chosen are the devices to write to; if one that is named is refused, nothing is written to any.
func chosen(m device.Machine, iso string, paths, serials []string, all bool) ([]device.Device, error) {
	if all {
		return write.Removable(m)
	}
	return write.Named(m, iso, paths, serials)
}

func (f *flags) write(c *cobra.Command, m device.Machine, iso string, devices []device.Device, yes bool) error {
	ctx := c.Context()
	sum, err := listedSum(iso)
	if err != nil {
		return err
	}
	reading := f.progress(os.Stderr)
	image, err := write.Open(ctx, iso, sum, reading)
	if err == nil && sum == "" {
		reading.Note("note: no SHA256SUMS lies beside " + iso + " that lists it, so nobody knows whether it is whole")
	}
	reading.Close()
	if err != nil {
		return err
	}
	defer image.Close()
	if !yes {
		if err := consent(ctx, image, devices); err != nil {
			return err
		}
	}
	progress := f.progress(os.Stderr)
	results, failed := write.Run(ctx, image, devices, m, progress)
	progress.Close()
	if f.json {
		return errors.Join(ui.WriteJSON(c.OutOrStdout(), results), failed)
	}
	return cmp.Or(failed, write.Table(c.OutOrStdout(), results))
}

// listedSum is the SHA-256 that SHA256SUMS beside an ISO gives for it, or "".
func listedSum(iso string) (string, error) {
	path := filepath.Join(filepath.Dir(iso), signature.SumsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the checksums: %w", err)
	}
	sums, err := signature.ParseSums(text)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	for _, s := range sums {
		if s.Name == filepath.Base(iso) {
			return s.SHA256, nil
		}
	}
	return "", nil
}

func consent(ctx context.Context, image *write.Image, devices []device.Device) error {
	err := write.Consent(os.Stderr, image, devices, func(question string) (string, error) {
		return ui.Ask(ctx, os.Stdin, os.Stderr, question)
	})
	if errors.Is(err, ui.ErrNoTerminal) {
		return ui.Usage(ui.Hint(err, "look at what is above, and call it with --yes"))
	}
	return err
}
