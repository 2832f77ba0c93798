package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/manifest"
)

// serialConsole is the last SMBIOS string: the boot menu of an NHoS medium that finds exactly this one adds the serial
// port to the kernel's consoles (docs/testing.md).
const serialConsole = "nhos:console=ttyS0"

// boot lets the medium boot until all is seen, and leaves no machine behind.
func boot(ctx context.Context, o Options, m *manifest.Manifest, entry int, a vm.Accelerator, l limits) (*watch, *album, error) {
	disk := filepath.Join(o.Dir, jobDisk)
	if err := writeJobDisk(ctx, o, m, l, disk); err != nil {
		return nil, nil, err
	}
	defer func() { _ = os.Remove(disk) }()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	obs := &observer{
		watch:    &watch{limits: l, foreign: m == nil},
		album:    &album{dir: o.Dir},
		progress: o.Progress,
		graphics: m != nil && m.Graphical,
		entry:    entry,
		lines:    make(chan string, 256),
		messages: make(chan guest.Message, 256),
	}
	machine, err := vm.Start(ctx, vm.Config{
		Medium: o.Medium, Firmware: o.Firmware, As: o.As, Memory: o.Memory, CPUs: o.CPUs, Accelerator: a, Disk: disk,
		OEMStrings: append(guest.Credentials(), serialConsole),
		Dir:        filepath.Join(o.Dir, machineDir),
		SerialLog:  filepath.Join(o.Dir, serialFile),
		Line:       func(line string) { hand(ctx, obs.lines, line) },
	})
	if err != nil {
		return nil, nil, err
	}
	obs.machine = machine
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		obs.listen(ctx)
	}()
	defer func() {
		cancel()
		machine.Kill()
		_ = machine.Wait() // gone says what was wrong with it
		<-ended
	}()
	obs.watch.event(0, "power on")
	if err := writeCommand(filepath.Join(o.Dir, commandFile), machine.Args()); err != nil {
		return nil, nil, err
	}
	if err := obs.run(ctx); err != nil {
		return nil, nil, fmt.Errorf("testing %s: %w", filepath.Base(o.Medium), err)
	}
	return obs.watch, obs.album, nil
}

// listen hands the guest's messages over until the machine ends.
func (o *observer) listen(ctx context.Context) {
	r := guest.NewReader(o.machine.Port())
	for {
		m, err := r.Next()
		if err != nil {
			return
		}
		hand(ctx, o.messages, m)
	}
}

// hand sends v unless ctx ends first: then nobody listens any more.
func hand[T any](ctx context.Context, to chan<- T, v T) {
	select {
	case to <- v:
	case <-ctx.Done():
	}
}

// writeJobDisk makes the second disk: the guest's program and what it has to do.
func writeJobDisk(ctx context.Context, o Options, m *manifest.Manifest, l limits, disk string) error {
	job := guest.Job{BootLimit: l.total * 3 / 4, StuckLimit: l.stuck}
	if m != nil {
		job.Checks, job.Environment = m.Checks, m.Environment
	}
	dir := filepath.Join(o.Dir, jobDir)
	defer func() { _ = os.RemoveAll(dir) }()
	program, err := os.Open(o.NHOS)
	if err == nil {
		defer func() { _ = program.Close() }()
		err = os.Mkdir(dir, 0o755)
	}
	if err == nil {
		err = guest.WriteJob(dir, job, program)
	}
	if err == nil {
		err = makeISO(ctx, dir, guest.DiskLabel, disk)
	}
	if err != nil {
		return fmt.Errorf("making the disk for the guest: %w", err)
	}
	return nil
}

// writeCommand keeps QEMU's command line, quoted for a shell, for whoever wants to repeat a boot by hand.
func writeCommand(path string, args []string) error {
	var b strings.Builder
	for i, a := range args {
		if i > 0 && strings.HasPrefix(a, "-") {
			b.WriteString(" \\\n ")
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		if strings.ContainsAny(a, " '\"$\\*?;&|<>()") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		b.WriteString(a)
	}
	if err := os.WriteFile(path, []byte(b.String()+"\n"), 0o644); err != nil {
		return errors.Join(errors.New("keeping QEMU's command line"), err)
	}
	return nil
}
