package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// times are what one run measured, in seconds.
type times struct {
	Cold        float64 `json:"cold"`
	Nothing     float64 `json:"nothing"`
	File        float64 `json:"file"`
	Script      float64 `json:"script"`
	Package     float64 `json:"package"`
	Further     float64 `json:"further"` // one of several further respins
	Copy        float64 `json:"copy"`
	PeerCold    float64 `json:"peer_cold"`
	PeerRebuild float64 `json:"peer_rebuild"`
	ISO         int64   `json:"iso"` // bytes
	PeerISO     int64   `json:"peer_iso"`
	PeakKiB     int64   `json:"peak_kib"` // of our process, over all builds
	Processors  string  `json:"processors"`
}

// table is Markdown.
func (t times) table() string {
	var b strings.Builder
	row := func(what string, seconds float64, against string, of, wanted float64) {
		ratio := seconds / of
		met := "met"
		if ratio > wanted {
			met = "**not met**"
		}
		fmt.Fprintf(&b, "| %s | %.1f | %s (%.1f s) | %.3f | ≤ %.3f | %s |\n", what, seconds, against, of, ratio, wanted, met)
	}
	b.WriteString("| nhos | seconds | against | ratio | wanted | |\n|---|---|---|---|---|---|\n")
	row("cold build", t.Cold, "live-build, cold", t.PeerCold, 0.5)
	row("nothing changed", t.Nothing, "2 s", 2, 1)
	row("one file of a respin changed", t.File, "live-build, rebuild", t.PeerRebuild, 1.0/30)
	row("one file of a respin changed", t.File, "copying the ISO", t.Copy, 3)
	row("a script changed", t.Script, "live-build, rebuild", t.PeerRebuild, 0.2)
	row("a package added", t.Package, "live-build, rebuild", t.PeerRebuild, 0.2)
	row("a further respin", t.Further, "copying the ISO and 1 s", t.Copy+1, 1)
	row("memory of our process, MiB", float64(t.PeakKiB)/1024, "300 MiB", 300, 1)
	fmt.Fprintf(&b, "\nISO: %d MB, live-build's %d MB. %s.\n", t.ISO/1e6, t.PeerISO/1e6, t.Processors)
	return b.String()
}

// timed runs a program and returns its seconds, and the peak of its own memory in KiB (not of the programs it calls).
// What it prints goes to the file log.
func timed(ctx context.Context, dir, log, name string, args ...string) (seconds float64, peak int64, err error) {
	fmt.Fprintf(os.Stderr, "%s %s\n", name, strings.Join(args, " "))
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, 0, err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	done := make(chan struct{})
	watched := make(chan int64)
	go func() { watched <- watchPeak(cmd.Process.Pid, done) }()
	err = cmd.Wait()
	seconds = time.Since(begun).Seconds()
	close(done)
	peak = <-watched
	if err != nil {
		return 0, 0, fmt.Errorf("%s %s: %w (see %s)", name, strings.Join(args, " "), err, log)
	}
	fmt.Fprintf(os.Stderr, "  %.1f s\n", seconds)
	return seconds, peak, nil
}

// watchPeak reads a process's peak of resident memory until it is done.
func watchPeak(pid int, done <-chan struct{}) (peak int64) {
	for {
		select {
		case <-done:
			return peak
		case <-time.After(50 * time.Millisecond):
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				if kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err == nil {
					peak = max(peak, kib)
				}
			}
		}
	}
}
