package main

import (
	"cmp"
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
	"nhos.org/nhos/internal/boottest/script"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/image"
	"nhos.org/nhos/internal/image/build"
	"nhos.org/nhos/internal/trace"
	"nhos.org/nhos/internal/ui"
)

func newTest(f *flags) *cobra.Command {
	var t testFlags
	c := &cobra.Command{
		Use: "test IMAGE|FILE.iso", GroupID: "test", Short: "Boot a medium in a virtual machine and run its checks",
		Long: `test boots the medium, which stays as it is, runs the checks that it carries, takes pictures, and writes a report.
The verdict is red when a check fails, a unit failed, the kernel panics, nothing shows on the screen, or the guest hangs.
A check whose failing the respin's waivers bear is shown as waived until their last day, and red from then on.

With --scenario it plays a script instead (docs/scenarios.md). Several firmwares, attachments, sizes of memory and
scenarios give every combination of them, one boot after the other. What has passed isn't booted again as long as
medium, scenario, machine and nhos are the same.

Where this computer's QEMU is older than version 10, the one of the image's release is fetched, kept in the store, and
run without being installed.

An ISO that nhos didn't build is booted too; what such a guest can't be asked is said in the report.`,
		Example: `  nhos test mini
  nhos test mini --firmware bios,uefi,secureboot --as cd,usb     six boots, one report
  nhos test mini --scenario power-cut                            a script of scenarios/ or of a feature's scenarios/
  nhos test mini --scenario try.yaml --interactive               a prompt for further steps at its end
  nhos test downloads/other.iso --firmware bios`,
		Args: exactArgs(1, "the name of one image or respin, or the path of one ISO"),
		RunE: func(c *cobra.Command, args []string) error {
			if t.interactive && f.json {
				return ui.Usage(errors.New("a prompt can't be part of JSON: --interactive and --json exclude each other"))
			}
			medium, folder, built, err := f.medium(args[0])
			if err != nil {
				return err
			}
			progress := f.progress(os.Stderr)
			if t.interactive && !f.quiet { // a prompt needs the line that live progress draws over
				progress = ui.NewProgress(os.Stderr, ui.Plain)
			}
			defer progress.Close()
			r, err := t.request(c, f)
			if err != nil {
				return err
			}
			traced, err := trace.Create(t.trace)
			if err != nil {
				return err
			}
			r.Medium, r.Folder, r.Progress = medium, folder, traced.Progress(progress)
			if built != nil && f.outdated(c.Context(), args[0], built, progress) {
				progress.Note("note: the definition or the tools have changed since this medium was built; nhos build " + args[0] + " makes it anew")
			}
			id := ""
			if built != nil {
				id = args[0]
			}
			var release func() error
			if r.QEMU, release, err = f.qemu(c.Context(), id, t.ownQEMU, r.Progress); err != nil {
				return err
			}
			runs, verdict := boottest.Run(c.Context(), r)
			if err := release(); err != nil {
				verdict = errors.Join(verdict, err)
			}
			progress.Close()
			if err := traced.Close(); err != nil {
				return errors.Join(verdict, err)
			}
			if len(runs) == 0 {
				return verdict
			}
			if f.json {
				return cmp.Or(ui.WriteJSON(c.OutOrStdout(), runs), verdict)
			}
			if err := boottest.Summary(c.OutOrStdout(), runs); err != nil {
				return errors.Join(verdict, err)
			}
			fmt.Fprintln(c.OutOrStdout(), filepath.Join(folder, "report.html"))
			return verdict
		},
	}
	t.add(c)
	return c
}

// testFlags are those of nhos test.
type testFlags struct {
	firmwares, attachments, scenarios []string
	memories                          []int
	entry, accelerator, trace         string
	timeout                           time.Duration
	interactive, keep, fresh, ownQEMU bool
}

func (t *testFlags) add(c *cobra.Command) {
	p := c.Flags()
	p.StringSliceVar(&t.firmwares, "firmware", nil, "bios, uefi or secureboot; several with commas (default: the scenario's, or secureboot)")
	p.StringSliceVar(&t.attachments, "as", nil, "cd or usb; several with commas (default: the scenario's, or usb)")
	p.StringSliceVar(&t.scenarios, "scenario", nil, "`name` or file of a scenario to play; several with commas")
	p.IntSliceVar(&t.memories, "memory", nil, fmt.Sprintf("memory of the guest in `MiB`; several with commas (default: the scenario's, or %d)", vm.DefaultMemory))
	p.StringVar(&t.entry, "entry", "", "`entry` of the boot menu: start, check or ram (default: the one that starts by itself)")
	p.DurationVar(&t.timeout, "timeout", 0, "`time` that a boot and its checks may take (default 15m with KVM, 1h without; a scenario's steps have their own)")
	p.StringVar(&t.accelerator, "accelerator", "", "kvm or tcg (default: kvm if a kernel boots with it)")
	p.StringVar(&t.trace, "trace", "", "write what ran when to `FILE`, for ui.perfetto.dev or chrome://tracing")
	p.BoolVar(&t.interactive, "interactive", false, "leave the machine on when a step fails or all are done: a prompt for steps, and its screen by VNC")
	p.BoolVar(&t.keep, "keep", false, "leave the machine's files in the run's folder: disks, the guest's program, firmware variables")
	p.BoolVar(&t.ownQEMU, "own-qemu", false, "boot in this computer's QEMU also if it is outdated, in place of the one of the image's release")
	p.BoolVar(&t.fresh, "fresh", false, "boot also what has passed before")
}

// request is what the flags ask for.
func (t *testFlags) request(c *cobra.Command, f *flags) (boottest.Request, error) {
	self, err := os.Executable()
	if err != nil {
		return boottest.Request{}, fmt.Errorf("finding this program: %w", err)
	}
	r := boottest.Request{Memories: t.memories, Options: scenario.Options{
		Entry: t.entry, Timeout: t.timeout, Accelerator: t.accelerator, NHOS: self, Keep: t.keep, Fresh: t.fresh,
	}}
	for _, name := range t.firmwares {
		r.Firmwares = append(r.Firmwares, vm.Firmware(name))
	}
	for _, name := range t.attachments {
		r.Attachments = append(r.Attachments, vm.Attachment(name))
	}
	dir, _ := f.definitionsDir() // an ISO from elsewhere is tested without any
	for _, name := range t.scenarios {
		path, err := script.Find(dir, name)
		if err != nil {
			return r, err
		}
		s, err := script.Read(path)
		if err != nil {
			return r, err
		}
		r.Scripts = append(r.Scripts, s)
	}
	if t.interactive {
		r.Prompt = &scenario.Console{In: c.InOrStdin(), Out: c.OutOrStdout()}
		if len(r.Scripts) == 0 {
			r.Scripts = []*script.Script{script.Boot()}
		}
	}
	return r, nil
}

// outdated says whether an image's medium is no longer what a build would make.
func (f *flags) outdated(ctx context.Context, id string, built *build.Result, progress ui.Progress) bool {
	r, err := f.request(id, "", progress)
	return err == nil && image.Outdated(ctx, r, built)
}

// medium finds the ISO that an argument means, and the folder for what testing it gives. built is nil for an ISO that
// is named by its path.
func (f *flags) medium(arg string) (iso, folder string, built *build.Result, err error) {
	if strings.HasSuffix(arg, ".iso") {
		folder = filepath.Join(f.out, strings.TrimSuffix(filepath.Base(arg), ".iso"))
		if f.out == "" {
			folder = filepath.Join("out", folder)
		}
		if _, err = os.Stat(arg); err != nil {
			err = fmt.Errorf("looking for the medium: %w", err)
		}
		return arg, folder, nil, err
	}
	out, err := f.outDir(arg)
	if err != nil {
		return "", "", nil, err
	}
	if built, err = build.Load(out); err != nil {
		return "", "", nil, ui.Hint(fmt.Errorf("nothing is built of %s: %w", arg, err), "nhos build "+arg+" makes it; nhos list says what there is")
	}
	return filepath.Join(out, built.ISO), out, built, nil
}
