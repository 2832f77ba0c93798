package build

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nhos.org/nhos/internal/trace"
)

// TestDownloadsAreTraced wants a span for each package, beside that of the phase.
func TestDownloadsAreTraced(t *testing.T) {
	t.Parallel()
	b, _, recorder := newBuilding(t, packages, desk)
	file := filepath.Join(t.TempDir(), "trace.json")
	traced, err := trace.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	b.Progress = traced.Progress(recorder)
	if err := b.fetch(t.Context()); err != nil {
		t.Fatal(printed(err))
	}
	if err := traced.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Events []struct {
			Name, Ph string
			Tid      int
		} `json:"traceEvents"`
	}
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	tracks := map[string]int{}
	for _, e := range back.Events {
		if e.Ph == "X" {
			tracks[e.Name] = e.Tid
		}
	}
	for _, name := range []string{"kernel 1.0", "shim 1.0", "tea 1:2.0", "milk 1.0"} {
		if tracks[name] == 0 || tracks[name] == tracks["packages"] {
			t.Errorf("%s is on track %d, the phase on %d\n%s", name, tracks[name], tracks["packages"], strings.TrimSpace(string(text)))
		}
	}
}
