// Package boottest boots a medium in every way that was asked for, one after the other, and reports what came of it.
package boottest

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/boottest/script"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/ui"
)

// A Request says what to boot and how. Where a list is empty, a scenario's own wish counts, or else the usual: Secure
// Boot, as a USB stick, with the default memory, one plain boot.
type Request struct {
	scenario.Options // of every boot; what the lists vary is filled in for each, and Dir
	Firmwares        []vm.Firmware
	Attachments      []vm.Attachment
	Memories         []int // MiB
	Scripts          []*script.Script
	// Folder gets a folder for each boot, and the report of them.
	Folder string
}

// Run boots the medium in every combination of what the lists name, one after the other, and writes report.html and
// junit.xml. A medium that fails gives ui.Verdict's error after the report is written.
func Run(ctx context.Context, r Request) ([]report.Run, error) {
	all, err := r.runs()
	if err != nil {
		return nil, err
	}
	var runs []report.Run
	for _, o := range all {
		if err := keepPrevious(r.Folder, o.Name()); err != nil {
			return runs, err
		}
		result, err := scenario.Run(ctx, o)
		if err != nil {
			return runs, fmt.Errorf("booting %s (%s): %w", o.Medium, o.Name(), err)
		}
		runs = append(runs, report.Run{Dir: o.Dir, Result: result})
	}
	build, err := report.ReadBuild(r.Folder)
	if err != nil {
		return runs, err
	}
	if err := report.Write(r.Folder, build, runs); err != nil {
		return runs, err
	}
	return runs, verdict(runs)
}

// runs is the matrix, a boot an entry.
func (r Request) runs() ([]scenario.Options, error) {
	var all []scenario.Options
	known := map[string]bool{}
	for _, s := range or(r.Scripts, nil) {
		var m script.Machine
		if s != nil {
			m = s.Machine
		}
		for _, firmware := range or(r.Firmwares, cmp.Or(vm.Firmware(m.Firmware), vm.SecureBoot)) {
			for _, as := range or(r.Attachments, cmp.Or(vm.Attachment(m.Medium), vm.USB)) {
				for _, memory := range or(r.Memories, cmp.Or(m.Memory, vm.DefaultMemory)) {
					o := r.Options
					o.Firmware, o.As, o.Memory, o.Script = firmware, as, memory, s
					o.CPUs = cmp.Or(o.CPUs, m.CPUs)
					o.Dir = filepath.Join(r.Folder, report.BootsDir, o.Name())
					if known[o.Name()] {
						return nil, ui.Usage(fmt.Errorf("two boots would be called %s: name each firmware, attachment, memory and scenario once", o.Name()))
					}
					known[o.Name()] = true
					all = append(all, o)
				}
			}
		}
	}
	return all, nil
}

// or is list, or one entry if it is empty.
func or[T any](list []T, instead T) []T {
	if len(list) == 0 {
		return []T{instead}
	}
	return list
}

// verdict is the error for runs that failed, or nil.
func verdict(runs []report.Run) error {
	failed, reason := 0, ""
	for _, run := range runs {
		if run.Result.Verdict == scenario.Passed {
			continue
		}
		if failed++; reason == "" && len(run.Result.Reasons) > 0 {
			reason = run.Result.Name + ": " + run.Result.Reasons[0]
		}
	}
	if failed == 0 {
		return nil
	}
	return ui.Verdict(fmt.Errorf("%d of %d boots failed: %s", failed, len(runs), reason))
}
