// Package boottest boots a medium in every way that was asked for, one after the other, and reports what came of it.
package boottest

import (
	"context"
	"fmt"
	"path/filepath"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/ui"
)

// A Request says what to boot and how.
type Request struct {
	scenario.Options // of every boot; Firmware, As and Dir are filled in for each
	Firmwares        []vm.Firmware
	Attachments      []vm.Attachment
	// Folder gets a folder for each boot, and the report of them.
	Folder string
}

// Run boots the medium with every firmware and attachment, and writes report.html and junit.xml. A medium that fails
// gives ui.Verdict's error after the report is written.
func Run(ctx context.Context, r Request) ([]report.Run, error) {
	var runs []report.Run
	for _, firmware := range r.Firmwares {
		for _, as := range r.Attachments {
			o := r.Options
			o.Firmware, o.As = firmware, as
			name := scenario.RunName(firmware, as, o.Entry)
			o.Dir = filepath.Join(r.Folder, report.BootsDir, name)
			if err := keepPrevious(r.Folder, name); err != nil {
				return runs, err
			}
			result, err := scenario.Run(ctx, o)
			if err != nil {
				return runs, fmt.Errorf("booting %s as %s under %s: %w", o.Medium, as, firmware, err)
			}
			runs = append(runs, report.Run{Dir: o.Dir, Result: result})
		}
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
