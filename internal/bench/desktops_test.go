package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/boottest/script"
)

// A figure comes from the step that measures it, in what is played on both media.
func TestFigures(t *testing.T) {
	for _, menu := range []string{"", menuWaits} {
		path := filepath.Join(t.TempDir(), "desktop.yaml")
		if err := os.WriteFile(path, steps(menu, welcomes), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := script.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		var r scenario.Result
		for i, step := range s.Steps {
			seen := scenario.Step{What: step.String(), At: time.Duration(i) * time.Minute, Duration: 30 * time.Second, Passed: true}
			if strings.HasPrefix(seen.What, "run ") {
				if !strings.Contains(seen.What, "sleep 120\\n") {
					t.Errorf("it doesn't rest for two minutes: %s", seen.What)
				}
				seen.Output = "812\n1115\n"
			}
			r.Steps = append(r.Steps, seen)
		}
		var f figures
		if err := f.read(r); err != nil {
			t.Fatal(err)
		}
		// Still since 10 s before the step that waited for it was done.
		before := strings.Count(menu, "\n") + 2
		if want := (figures{Desktop: float64(60*before + 30 - 10), MB: 812, Packages: 1115}); f != want {
			t.Errorf("figures are %+v, not %+v", f, want)
		}
		r.Steps[len(r.Steps)-1].Passed = false
		if err := f.read(r); err == nil {
			t.Error("a step that failed is no error")
		}
	}
}
