package scenario

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/script"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/manifest"
	"nhos.org/nhos/internal/ui"
)

// serialConsole is the last SMBIOS string: the boot menu of an NHoS medium that finds exactly this one adds the serial
// port to the kernel's consoles (docs/testing.md).
const serialConsole = "nhos:console=ttyS0"

// boot lets the medium boot until all is seen, and leaves no machine behind. A script is played on it if there is one.
func boot(ctx context.Context, o Options, phase ui.Phase, m *manifest.Manifest, entry int, a vm.Accelerator, l limits) (_ *observer, err error) {
	disk := filepath.Join(o.Dir, jobDisk)
	if err := writeJobDisk(ctx, o, m, l, disk); err != nil {
		return nil, err
	}
	if !o.Keep {
		defer func() { _ = errors.Join(os.Remove(disk), os.RemoveAll(filepath.Join(o.Dir, disksDir))) }()
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cfg, err := machineOf(o, m, a, disk)
	if err != nil {
		return nil, err
	}
	obs := &observer{
		watch:    &watch{limits: l, order: checksOf(m), foreign: m == nil, script: o.Script != nil},
		album:    &album{dir: o.Dir},
		progress: o.Progress,
		phase:    phase,
		graphics: m != nil && m.Graphical,
		entry:    entry,
		config:   cfg,
		seen:     make(chan sight, 256),
		playing:  playing{calls: make(chan func()), muted: make(chan struct{})},
	}
	if cfg.Network == vm.PretendNetwork {
		if obs.recording, err = record(o.Dir, m); err != nil {
			return nil, err
		}
		obs.config.Frame = obs.recording.add
		defer func() { err = errors.Join(err, obs.recording.close()) }()
	}
	defer func() {
		cancel()
		obs.powerOff()
	}()
	if err := obs.powerOn(ctx); err != nil {
		return nil, err
	}
	if err := writeCommand(filepath.Join(o.Dir, commandFile), obs.machine.Args()); err != nil {
		return nil, err
	}
	if o.Script != nil {
		obs.play(ctx, o, a)
	}
	if err := obs.run(ctx); err != nil {
		return nil, fmt.Errorf("testing %s: %w", filepath.Base(o.Medium), err)
	}
	return obs, nil
}

// checksOf are the ids of the checks that the guest runs, in its order.
func checksOf(m *manifest.Manifest) []string {
	var ids []string
	if m != nil {
		for _, c := range m.Checks {
			ids = append(ids, c.ID)
		}
	}
	return append(ids, guest.NoFailedUnits)
}

// machineOf is the machine that the options ask for. A plain boot gets nothing that it doesn't need.
func machineOf(o Options, m *manifest.Manifest, a vm.Accelerator, disk string) (vm.Config, error) {
	cfg := vm.Config{
		QEMU:   o.QEMU,
		Medium: o.Medium, Firmware: o.Firmware, As: o.As, Memory: o.Memory, CPUs: o.CPUs, Accelerator: a, Disk: disk,
		OEMStrings: append(guest.Credentials(), serialConsole),
		Dir:        filepath.Join(o.Dir, machineDir),
		SerialLog:  filepath.Join(o.Dir, serialFile),
		Keep:       o.Keep,
	}
	if o.Script == nil {
		return cfg, nil
	}
	cfg.HotPlug, cfg.Restartable = true, true
	cfg.Screen = o.Script.Machine.Screen
	for i, size := range o.Script.Machine.Disks {
		name := script.DiskName(i)
		cfg.Disks = append(cfg.Disks, vm.Disk{ID: name, File: filepath.Join(o.Dir, disksDir, name+".img"), Size: size, Bus: "virtio"})
	}
	if o.Script.Machine.Network != "" {
		cfg.Network = vm.UserNetwork
	}
	if o.Script.Machine.Network == script.NetworkRecorded {
		cfg.Network = vm.PretendNetwork
	}
	if m != nil && m.Environment["NHOS_KEYBOARD"] == string(vm.GB) {
		cfg.Keyboard = vm.GB
	}
	if o.Prompt != nil {
		address, err := freeAddress()
		if err != nil {
			return cfg, err
		}
		cfg.VNC = address
	}
	return cfg, nil
}

// freeAddress is a TCP address of this computer alone that nothing listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a port for the screen: %w", err)
	}
	return l.Addr().String(), l.Close()
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
	job := guest.Job{BootLimit: l.boot, StuckLimit: l.stuck, Serve: o.Script != nil}
	if m != nil {
		job.Checks, job.Environment = borne(m.Checks, o.now), m.Environment
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

// borne are the checks with the waivers that hold: a guest doesn't know the day.
func borne(checks []manifest.Check, now time.Time) []manifest.Check {
	checks = slices.Clone(checks)
	for i := range checks {
		if !checks[i].Borne(now) {
			checks[i].Waivers = nil
		}
	}
	return checks
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
