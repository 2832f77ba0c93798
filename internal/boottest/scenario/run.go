// Package scenario boots a medium in a virtual machine and says what came of it.
//
// [Run] is the whole of it: it boots the medium as it is, asks the guest to check itself (package guest), looks at the
// screen and the serial port meanwhile, and returns a [Result], which is also written into the folder of the run with
// its pictures and logs. What is asked is written in the medium itself ([ReadManifest]). A medium that NHoS didn't
// build gets the checks that every guest gets if it answers, and is judged by its screen if it doesn't.
//
// Nothing waits for a fixed time. A boot is over when the guest has told all, when it shows a sign of death, when
// there was no sign of life for too long, or when the time for all of it is up.
package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/manifest"
)

// Run boots a medium and returns what it showed. A medium that fails its test is a Result with the verdict [Failed],
// not an error; an error says that the test itself couldn't be made. When ctx ends, the machine does, too.
func Run(ctx context.Context, o Options) (Result, error) {
	o, err := o.complete()
	if err != nil {
		return Result{}, err
	}
	if err := claimDir(o.Dir); err != nil {
		return Result{}, err
	}
	r := Result{
		Name: o.Name(), Entry: o.Entry, Scenario: o.scenario(),
		Medium: filepath.Base(o.Medium), Firmware: string(o.Firmware), As: string(o.As), Memory: o.Memory,
		SerialLog: serialFile,
	}
	if r.QEMU, err = o.QEMU.Version(ctx); err != nil {
		return Result{}, err
	}
	if r.SHA256, r.Size, err = digest(ctx, o.Medium, o.Progress); err != nil {
		return Result{}, err
	}
	if r.Manifest, err = ReadManifest(o.Medium); err != nil {
		return Result{}, err
	}
	entry, err := menuEntry(r.Manifest, o.Entry)
	if err != nil {
		return Result{}, err
	}
	accelerator, err := accelerate(ctx, o)
	if err != nil {
		return Result{}, err
	}
	r.Accelerator = Accelerator(accelerator)
	if o.CPUs == 0 {
		o.CPUs = accelerator.CPUs(r.QEMU)
	}
	r.CPUs = o.CPUs
	l := limitsOf(accelerator.Name, o.Timeout, o.Script != nil)
	if o.limits != nil {
		l = *o.limits
	}

	if r.Key, err = o.key(r); err != nil {
		return Result{}, err
	}
	if known, ok := o.recall(r.Key); ok {
		return known, nil
	}
	if err := emptyDir(o.Dir); err != nil {
		return Result{}, err
	}
	unlock, err := o.queue(ctx, accelerator.Name)
	if err != nil {
		return Result{}, err
	}
	defer unlock()

	phase := o.Progress.Begin("booting "+r.Name+" ("+accelerator.Name+")", 0)
	r.Started = time.Now()
	seen, err := boot(ctx, o, phase, r.Manifest, entry, accelerator, l)
	if err != nil {
		phase.Fail(err)
		return Result{}, err
	}
	r.Duration = time.Since(r.Started)
	r.Steps = seen.steps
	if seen.recording != nil {
		r.Destinations, r.Traffic = seen.recording.destinations(), trafficFile
	}
	if err := r.conclude(ctx, o, seen.watch, seen.album); err != nil {
		phase.Fail(err)
		return Result{}, err
	}
	phase.Done(r.Outcome())
	if err := r.write(o.Dir); err != nil {
		return Result{}, err
	}
	return r, o.remember(r)
}

// Name is what a run is called: "bios-cd", with the memory if it isn't the usual, "bios-cd-4096", with the entry of the
// menu if one is chosen, "bios-cd-check", and with the scenario if one is played, "bios-cd+power-cut".
func (o Options) Name() string {
	name := string(o.Firmware) + "-" + string(o.As)
	if o.Memory != 0 && o.Memory != vm.DefaultMemory {
		name += fmt.Sprintf("-%d", o.Memory)
	}
	if o.Entry != "" {
		name += "-" + o.Entry
	}
	if o.Script != nil {
		name += "+" + o.Script.Name
	}
	return name
}

func (o Options) scenario() string {
	if o.Script == nil {
		return ""
	}
	return o.Script.Name
}

// menuEntry is the place of an entry in the medium's menu, counted from 0.
func menuEntry(m *manifest.Manifest, entry string) (int, error) {
	if entry == "" {
		return 0, nil
	}
	if m == nil {
		return 0, fmt.Errorf("choosing entry %q of the menu: only media that nhos built say what their menus hold", entry)
	}
	i := slices.Index(m.Menu, entry)
	if i < 0 {
		return 0, fmt.Errorf("the medium's menu has no entry %q; it has %s", entry, strings.Join(m.Menu, ", "))
	}
	return i, nil
}

// accelerate finds out how to run the guest.
func accelerate(ctx context.Context, o Options) (vm.Accelerator, error) {
	if o.Accelerator != "" {
		return vm.Accelerator{Name: o.Accelerator, Why: "as it was asked for"}, nil
	}
	kernel := filepath.Join(o.Dir, kernelFile)
	found, err := copyKernel(o.Medium, kernel)
	if err != nil {
		return vm.Accelerator{}, err
	}
	defer func() { _ = os.Remove(kernel) }()
	if !found {
		kernel = ""
	}
	accelerator := o.QEMU.Probe(ctx, kernel, o.CacheDir)
	return accelerator, ctx.Err()
}

// write keeps the result in the folder of the run.
func (r Result) write(dir string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = renameio.WriteFile(filepath.Join(dir, resultFile), append(b, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the test's result: %w", err)
	}
	return nil
}
