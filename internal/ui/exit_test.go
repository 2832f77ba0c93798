package ui

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"
)

// TestInterruptedWaitsForItsSignal: a program that Ctrl-C ended as well may be done before our context is.
func TestInterruptedWaitsForItsSignal(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := exec.Command("sh", "-c", "kill -INT $$").Run()
	time.AfterFunc(100*time.Millisecond, cancel)
	if code := ExitCode(Interrupted(ctx, fmt.Errorf("asking apt: %w", err))); code != ExitInterrupted {
		t.Errorf("exit code %d of %v", code, err)
	}
	if code := ExitCode(Interrupted(t.Context(), exec.Command("false").Run())); code != ExitFailed {
		t.Errorf("exit code %d of a program that failed", code)
	}
}
