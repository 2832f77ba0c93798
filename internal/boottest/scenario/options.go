package scenario

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"nhos.org/nhos/internal/boottest/script"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/ui"
)

// Options say what to boot, and how.
type Options struct {
	Medium   string // path of the ISO
	Firmware vm.Firmware
	As       vm.Attachment
	Entry    string // of the boot menu, one that the medium's manifest names; "" lets the menu choose
	Memory   int    // MiB; 0 is vm.DefaultMemory
	CPUs     int    // 0 is what [vm.Accelerator.CPUs] says
	// Dir is the folder of this run. What an earlier run left in it is removed; a folder with anything else in it is
	// refused.
	Dir      string
	QEMU     vm.QEMU
	CacheDir string // for what is remembered between runs; "" is the user's cache folder
	NHOS     string // path of the program that runs in the guest ("nhos guest"); statically linked
	// Timeout bounds the time from power-on; 0 is 5 minutes with KVM and 20 without.
	Timeout time.Duration
	// Script is played on the machine instead of what a plain boot does; nil is a plain boot.
	Script *script.Script
	// Prompt is the person who is asked what to do next when the script has failed or ended, or nil.
	Prompt      *Console
	Keep        bool        // leave the machine's files in Dir: its disks, the guest's program, the firmware's variables
	Fresh       bool        // boot also if the verdict is known
	Accelerator string      // kvm or tcg; "" is found out
	Progress    ui.Progress // nil is silence

	limits *limits   // for tests, which can't wait
	now    time.Time // the day on which waivers have to hold; zero is the present
}

// complete fills in what was left out, and refuses what can't work.
func (o Options) complete() (Options, error) {
	if o.Memory == 0 {
		o.Memory = vm.DefaultMemory
	}
	if o.now.IsZero() {
		o.now = time.Now()
	}
	if o.Progress == nil {
		o.Progress = silence{}
	}
	switch o.Accelerator {
	case "", vm.KVM, vm.TCG:
	default:
		return o, fmt.Errorf("unknown accelerator %q (kvm and tcg are known)", o.Accelerator)
	}
	if o.CacheDir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return o, fmt.Errorf("finding the cache folder: %w", err)
		}
		o.CacheDir = filepath.Join(cache, "nhos")
	}
	if o.Dir == "" {
		return o, errors.New("no folder for the test's results is given")
	}
	medium, err := filepath.Abs(o.Medium)
	if err != nil {
		return o, fmt.Errorf("finding the medium: %w", err)
	}
	o.Medium = medium
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return o, fmt.Errorf("finding the test's folder: %w", err)
	}
	return o, static(o.NHOS)
}

// static refuses a program that needs the guest's own libraries.
func static(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("looking at the guest's program: %w", err)
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return ui.Hint(fmt.Errorf("the guest's program %s isn't statically linked", path), "build with CGO_ENABLED=0")
		}
	}
	return nil
}

// Files of a run, beside its pictures.
const (
	resultFile  = "result.json"
	serialFile  = "serial.log"
	journalFile = "journal.log"
	commandFile = "qemu.txt" // QEMU's command line
	trafficFile = "network.pcap"
	machineDir  = "machine"
	jobDir      = "job"
	jobDisk     = "job.iso"
	disksDir    = "disks"
	kernelFile  = "kernel"
)

// claimDir makes the run's folder, or finds that it holds what an earlier run left; a folder with something else in it
// is refused.
func claimDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("emptying the test's folder: %w", err)
	}
	_, err = os.Stat(filepath.Join(dir, serialFile))
	if len(entries) > 0 && err != nil {
		return ui.Hint(fmt.Errorf("the folder %s holds something else than a test's results", dir),
			"name a folder that is empty or doesn't exist")
	}
	if len(entries) > 0 {
		return nil
	}
	return emptyDir(dir)
}

// emptyDir makes the run's folder anew.
func emptyDir(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("emptying the test's folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the test's folder: %w", err)
	}
	// The first file of a run: it says whose folder this is, however the run ends.
	if err := os.WriteFile(filepath.Join(dir, serialFile), nil, 0o644); err != nil {
		return fmt.Errorf("making the test's folder: %w", err)
	}
	return nil
}

type silence struct{}

func (silence) Begin(string, int64) ui.Phase { return silence{} }
func (silence) Note(string)                  {}
func (silence) Add(int64)                    {}
func (silence) At(string)                    {}
func (silence) Hush()                        {}
func (silence) Done(string)                  {}
func (silence) Fail(error)                   {}
