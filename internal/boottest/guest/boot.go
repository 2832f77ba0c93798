package guest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/manifest"
)

const (
	pollInterval   = time.Second
	systemctlLimit = 30 * time.Second
	failedLines    = 15 // of the journal, for each failed unit
	maxFailed      = 20 // failed units that are shown with their lines
)

func systemctl(ctx context.Context, args ...string) (string, error) {
	return run(ctx, systemctlLimit, environment, "systemctl", args...)
}

// awaitBoot waits until systemd has no jobs left, or the same jobs for too long, and returns its state.
//
// Asking once in a while is used instead of "systemctl is-system-running --wait" because that says nothing about what
// it waits for.
func awaitBoot(ctx context.Context, p *port, job Job) (state string, result Check) {
	result.Check = manifest.Check{ID: BootFinished, Claim: "the boot comes to its end", Feature: "guest"}
	begin := time.Now()
	var before string
	changed := begin
	for {
		result.Tries++
		state, _ = systemctl(ctx, "is-system-running")
		jobs, err := systemctl(ctx, "list-jobs", "--no-legend", "--no-pager")
		jobs = join(jobs, err)
		result.Duration = time.Since(begin)
		if jobs != before {
			before, changed = jobs, time.Now()
			// The step's number grows: a boot whose jobs change comes forward.
			_ = p.at("boot: "+summary(jobs), job.StuckLimit+2*systemctlLimit)
		}
		switch state {
		case "running", "degraded":
			result.Passed, result.Output = true, "systemd says "+state
			return state, result
		case "maintenance", "stopping":
			result.Output = "systemd says " + state + "\n" + jobs
			return state, result
		}
		waited := time.Since(changed)
		switch {
		case ctx.Err() != nil:
			result.Output = ctx.Err().Error()
			return state, result
		case waited > job.StuckLimit:
			result.Output = fmt.Sprintf("no job of systemd ended for %v, left is %s\n%s", waited.Round(time.Second), summary(jobs), jobs)
			return state, result
		case result.Duration > job.BootLimit:
			result.Output = fmt.Sprintf("still %s after %v, left is %s\n%s", state, job.BootLimit, summary(jobs), jobs)
			return state, result
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollInterval):
		}
	}
}

// summary names the units of a job list that run, or the first that wait.
func summary(jobs string) string {
	var running, waiting []string
	for line := range strings.Lines(jobs) {
		f := strings.Fields(line) // number, unit, type, state
		if len(f) != 4 {
			continue
		}
		if f[3] == "running" {
			running = append(running, f[1])
		} else {
			waiting = append(waiting, f[1])
		}
	}
	units := append(running, waiting...)
	switch {
	case len(units) == 0:
		return "no jobs"
	case len(units) > 3:
		return fmt.Sprintf("%s and %d more", strings.Join(units[:3], ", "), len(units)-3)
	}
	return strings.Join(units, ", ")
}

// noFailedUnits asserts that no unit has failed, and shows the last lines of each that has.
func noFailedUnits(ctx context.Context) (result Check) {
	result = Check{Tries: 1, Check: manifest.Check{ID: NoFailedUnits, Claim: "no unit of systemd has failed", Feature: "guest"}}
	begin := time.Now()
	defer func() { result.Duration = time.Since(begin) }()
	list, err := systemctl(ctx, "list-units", "--failed", "--no-legend", "--plain", "--no-pager", "--full")
	if err != nil {
		result.Output = join(list, err)
		return result
	}
	var out strings.Builder
	var units []string
	for line := range strings.Lines(list) {
		if f := strings.Fields(line); len(f) > 0 {
			units = append(units, f[0])
		}
	}
	slices.Sort(units)
	for i, unit := range units {
		fmt.Fprintf(&out, "%s failed\n", unit)
		if i >= maxFailed {
			continue
		}
		lines, err := run(ctx, systemctlLimit, environment, "journalctl", "-b", "--no-pager", "-o", "short-precise",
			fmt.Sprintf("--lines=%d", failedLines), "--unit="+unit)
		for line := range strings.Lines(join(lines, err)) {
			out.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	result.Passed, result.Output = len(units) == 0, bound(out.String())
	return result
}

// bound cuts a text to what a message may hold.
func bound(s string) string {
	if len(s) <= maxOutput {
		return s
	}
	return strings.ToValidUTF8(s[:maxOutput], "") + "\n[cut]"
}
