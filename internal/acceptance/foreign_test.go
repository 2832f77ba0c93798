//go:build acceptance

package acceptance

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
)

// rescue is a medium that others made, of Debian's package grub-rescue-pc: a menu without a system that could answer.
const rescue = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso"

// foreign tests that medium, and wants it to pass with a note that its guest never answered.
func foreign(t *testing.T, args ...string) scenario.Result {
	t.Helper()
	n := nhos{t, t.TempDir(), t.TempDir()} // a folder without definitions
	_, all, code := n.call(append([]string{"test", rescue}, args...)...)
	runs, err := report.Load(filepath.Join(n.out, strings.TrimSuffix(filepath.Base(rescue), ".iso"), "boots"))
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d results, error %v:\n%s", len(runs), err, all)
	}
	r := runs[0].Result
	if code != 0 || r.Verdict != scenario.Passed || r.Manifest != nil || r.Guest != nil || !passed(r, "medium/unchanged") {
		t.Errorf("exit code %d, %s: %q\n%s", code, r.Verdict, r.Reasons, all)
	}
	if !slices.ContainsFunc(r.Notes, func(note string) bool { return strings.HasPrefix(note, "the guest never answered") }) {
		t.Errorf("the notes don't say that the guest never answered: %q", r.Notes)
	}
	return r
}

// TestForeignMedium has its screen judged.
func TestForeignMedium(t *testing.T) {
	r := foreign(t, "--firmware", "bios", "--as", "cd")
	if !passed(r, "screen/shown") {
		t.Errorf("its screen wasn't judged: %+v", r.Checks)
	}
}

// TestForeignMediumPlaysAScenario wants what its guest would have to be asked left out, with the reason, and the rest done.
func TestForeignMediumPlaysAScenario(t *testing.T) {
	script := filepath.Join(t.TempDir(), "menu.yaml")
	err := os.WriteFile(script, []byte(`about: The menu of a medium without a system
machine: {medium: cd, firmware: bios}
steps:
  - wait for text: GNU GRUB
  - keys: down # the menu doesn't start anything by itself any more
  - wait for unit: multi-user.target
  - screenshot: menu
`), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	r := foreign(t, "--scenario", script)
	if len(r.Steps) != 4 {
		t.Fatalf("%d steps were played: %+v", len(r.Steps), r.Steps)
	}
	for i, s := range r.Steps {
		asked := i == 2
		if s.Passed == asked || (s.Skipped != "") != asked {
			t.Errorf("line %d, %s: passed %t, skipped %q: %s", s.Line, s.What, s.Passed, s.Skipped, s.Output)
		}
	}
}
