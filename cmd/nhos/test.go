package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/boottest"
	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/image"
	"nhos.org/nhos/internal/image/build"
	"nhos.org/nhos/internal/trace"
	"nhos.org/nhos/internal/ui"
)

func newTest(f *flags) *cobra.Command {
	var firmwares, attachments []string
	var memory int
	var timeout time.Duration
	var accelerator, entry, traceFile string
	c := &cobra.Command{
		Use: "test IMAGE|FILE.iso", GroupID: "test", Short: "Boot a medium in a virtual machine and run its checks",
		Long: `test boots the medium, which stays as it is, runs the checks that it carries, takes pictures, and writes a report.
The verdict is red when a check fails, a unit failed, the kernel panics, nothing shows on the screen, or the guest hangs.

An ISO that nhos didn't build is booted too; what such a guest can't be asked is said in the report.`,
		Example: `  nhos test mini
  nhos test mini --firmware bios,uefi,secureboot --as cd,usb     six boots, one report
  nhos test downloads/other.iso --firmware bios`,
		Args: exactArgs(1, "the name of one image or respin, or the path of one ISO"),
		RunE: func(c *cobra.Command, args []string) error {
			medium, folder, err := f.medium(args[0])
			if err != nil {
				return err
			}
			progress := f.progress(os.Stderr)
			defer progress.Close()
			if f.outdated(c.Context(), args[0], progress) {
				progress.Note("note: the definition or the tools have changed since this medium was built; nhos build " + args[0] + " makes it anew")
			}
			traced, err := trace.Create(traceFile)
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("finding this program: %w", err)
			}
			r := boottest.Request{Folder: folder, Options: scenario.Options{
				Medium: medium, Entry: entry, Memory: memory, Timeout: timeout, Accelerator: accelerator, NHOS: self, Progress: traced.Progress(progress),
			}}
			for _, name := range firmwares {
				r.Firmwares = append(r.Firmwares, vm.Firmware(name))
			}
			for _, name := range attachments {
				r.Attachments = append(r.Attachments, vm.Attachment(name))
			}
			runs, verdict := boottest.Run(c.Context(), r)
			progress.Close()
			if err := traced.Close(); err != nil {
				return errors.Join(verdict, err)
			}
			if len(runs) == 0 {
				return verdict
			}
			if f.json {
				if err := ui.WriteJSON(c.OutOrStdout(), runs); err != nil {
					return err
				}
				return verdict
			}
			for _, run := range runs {
				fmt.Fprintf(c.OutOrStdout(), "%-15s %s in %s\n", run.Result.Name, run.Result.Verdict, ui.Duration(run.Result.Duration))
			}
			fmt.Fprintln(c.OutOrStdout(), filepath.Join(folder, "report.html"))
			return verdict
		},
	}
	c.Flags().StringSliceVar(&firmwares, "firmware", []string{"secureboot"}, "bios, uefi or secureboot; several with commas")
	c.Flags().StringSliceVar(&attachments, "as", []string{"usb"}, "cd or usb; several with commas")
	c.Flags().StringVar(&entry, "entry", "", "`entry` of the boot menu: start, check or ram (default: the one that starts by itself)")
	c.Flags().IntVar(&memory, "memory", vm.DefaultMemory, "memory of the guest in `MiB`")
	c.Flags().DurationVar(&timeout, "timeout", 0, "`time` that a boot and its checks may take (default 5m with KVM, 20m without)")
	c.Flags().StringVar(&traceFile, "trace", "", "write what ran when to `FILE`, for ui.perfetto.dev or chrome://tracing")
	c.Flags().StringVar(&accelerator, "accelerator", "", "kvm or tcg (default: kvm if a kernel boots with it)")
	return c
}

// outdated says whether an argument means an image whose medium is no longer what a build would make.
func (f *flags) outdated(ctx context.Context, arg string, progress ui.Progress) bool {
	if strings.HasSuffix(arg, ".iso") {
		return false
	}
	out, err := f.outDir(arg)
	if err != nil {
		return false
	}
	built, err := build.Load(out)
	if err != nil {
		return false
	}
	r, err := f.request(arg, "", progress)
	return err == nil && image.Outdated(ctx, r, built)
}

// medium finds the ISO that an argument means, and the folder for what testing it gives.
func (f *flags) medium(arg string) (iso, folder string, err error) {
	if strings.HasSuffix(arg, ".iso") {
		folder = filepath.Join(f.out, strings.TrimSuffix(filepath.Base(arg), ".iso"))
		if f.out == "" {
			folder = filepath.Join("out", folder)
		}
		if _, err = os.Stat(arg); err != nil {
			err = fmt.Errorf("looking for the medium: %w", err)
		}
		return arg, folder, err
	}
	out, err := f.outDir(arg)
	if err != nil {
		return "", "", err
	}
	built, err := build.Load(out)
	if err != nil {
		return "", "", ui.Hint(fmt.Errorf("nothing is built of %s: %w", arg, err), "nhos build "+arg+" makes it; nhos list says what there is")
	}
	return filepath.Join(out, built.ISO), out, nil
}
