package guest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/manifest"
)

// The pause between two tries of a check is retryInterval, or longer after a try that took its time: what is waited for
// needs the machine more than the waiting does.
const (
	retryInterval = time.Second
	retryLongest  = 5 * time.Second
)

func pause(tried time.Duration) time.Duration {
	return min(max(retryInterval, 4*tried), retryLongest)
}

// check tries one check until it passes or its time is over.
func check(ctx context.Context, c manifest.Check, env []string) Check {
	end := time.Now().Add(c.Within)
	t := repeat(ctx, c.Within, func(ctx context.Context) (string, error) {
		return try(ctx, c, env, max(tryLimit, time.Until(end)))
	})
	return Check{Check: c, Passed: t.passed, Tries: t.count, Duration: t.duration, Output: t.output}
}

// tries is what came of trying something.
type tries struct {
	passed   bool
	count    int
	duration time.Duration
	output   string // of the last one, and its error
}

// repeat tries something until it succeeds or its time is over.
func repeat(ctx context.Context, within time.Duration, try func(context.Context) (string, error)) (t tries) {
	begin := time.Now()
	for {
		t.count++
		tried := time.Now()
		said, err := try(ctx)
		wait := pause(time.Since(tried))
		t.passed, t.output = err == nil, join(said, err)
		t.duration = time.Since(begin)
		if t.passed || ctx.Err() != nil || t.duration+wait > within {
			return t
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// try makes the assertion once, a command line within limit. What it returns beside the error is for the report.
func try(ctx context.Context, c manifest.Check, env []string, limit time.Duration) (string, error) {
	set := 0
	for _, s := range []string{c.Run, c.Unit, c.Process, c.File} {
		if s != "" {
			set++
		}
	}
	switch {
	case set != 1:
		return "", fmt.Errorf("it says %d of run, unit, process and file, not one", set)
	case c.Run != "":
		return run(ctx, limit, env, "/bin/sh", "-ec", c.Run)
	case c.Unit != "":
		return unitActive(ctx, c.Unit)
	case c.Process != "":
		return processRuns("/proc", c.Process)
	}
	_, err := os.Stat(c.File)
	return "", err
}

// unitActive asserts that a unit of systemd is active; if not, it shows the unit with its last lines.
func unitActive(ctx context.Context, unit string) (string, error) {
	state, err := systemctl(ctx, "is-active", "--", unit)
	if err == nil {
		return state, nil
	}
	status, _ := systemctl(ctx, "status", "--no-pager", "--full", "--lines=15", "--", unit)
	return status, fmt.Errorf("the unit is %q", state)
}

// processRuns asserts that a process with this name lives. A process that has ended and wasn't waited for doesn't.
func processRuns(proc, name string) (string, error) {
	pids, err := filepath.Glob(filepath.Join(proc, "[1-9]*"))
	if err != nil {
		return "", err
	}
	for _, dir := range pids {
		comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		first, _, _ := bytes.Cut(line, []byte{0})
		if strings.TrimSpace(string(comm)) != name && filepath.Base(string(first)) != name {
			continue
		}
		// After the last parenthesis comes the state (proc_pid_stat(5)).
		stat, _ := os.ReadFile(filepath.Join(dir, "stat"))
		state := strings.TrimSpace(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if state != "" && !strings.ContainsAny(state[:1], "ZXx") {
			return "process " + filepath.Base(dir), nil
		}
	}
	return "", fmt.Errorf("no process is called %q", name)
}

// checkEnvironment is what a check's command gets: the clean environment and the settings of the medium.
func checkEnvironment(settings map[string]string) []string {
	env := slices.Clone(environment)
	for name, value := range settings {
		env = append(env, name+"="+value)
	}
	return env
}

// join puts what a command said and how it failed into one text.
func join(said string, err error) string {
	switch {
	case err == nil:
		return said
	case said == "":
		return err.Error()
	}
	return said + "\n" + err.Error()
}
