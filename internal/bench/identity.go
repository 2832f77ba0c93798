package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"nhos.org/nhos/internal/identity/bench"
)

// measureIdentity measures the Identity Agent, and prints a table.
func measureIdentity(ctx context.Context, work string, o bench.Options) error {
	o.Progress = os.Stderr
	figures, err := bench.Run(ctx, o)
	if len(figures) > 0 { // also what was measured before something failed
		fmt.Print(figures.Table())
		fmt.Printf("\n%d processors, load %s.\n", runtime.NumCPU(), load())
	}
	if err != nil {
		return err
	}
	text, err := figures.JSON()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(work, "identity.json"), text, 0o644)
}

// load is what the kernel says of the last one, five and fifteen minutes: figures of a busy machine are upper ones.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], ", ")
}
