//go:build acceptance

package acceptance

import (
	"strings"
	"testing"

	"nhos.org/nhos/internal/boottest/scenario"
)

// TestTestbed builds respins/testbed, which is images/desktop with a printer, a scanner and a file server of its own, and
// uses all three: by its checks, and as a person does.
func TestTestbed(t *testing.T) {
	n := shipped(t)
	n.build("desktop")
	n.build("testbed")
	// A file server is among the packages that a desktop is kept free of. The check tells, and waivers bear it here.
	r, code := n.boot("testbed", "bios", "cd", "--memory", "4096")
	if code != 0 || r.Verdict != scenario.Passed {
		t.Errorf("exit code %d, %s: %s", code, r.Verdict, strings.Join(r.Reasons, "; "))
	}
	for _, c := range r.Checks {
		if expected := c.ID == "quiet/packages"; c.Passed == expected || c.Waived != expected {
			t.Errorf("check %s: passed is %t, waived is %t\n%s", c.ID, c.Passed, c.Waived, c.Output)
		}
	}
	if waived := r.Waived(); len(waived) != 1 {
		t.Errorf("%d checks are waived", len(waived))
	}
	n.play("testbed", "printing", "files-share")
}
