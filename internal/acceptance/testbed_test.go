//go:build acceptance

package acceptance

import "testing"

// TestTestbed builds respins/testbed, which is images/desktop with a printer, a scanner and a file server of its own, and
// uses all three: by its checks, and as a person does.
func TestTestbed(t *testing.T) {
	n := shipped(t)
	n.build("desktop")
	n.build("testbed")
	// A file server is among the packages that a desktop is kept free of. A waiver bears it here; the check still tells.
	r, code := n.boot("testbed", "bios", "cd", "--memory", "4096")
	if code != 3 {
		t.Errorf("exit code %d", code)
	}
	for _, c := range r.Checks {
		if c.Passed == (c.ID == "quiet/packages") {
			t.Errorf("check %s: passed is %v\n%s", c.ID, c.Passed, c.Output)
		}
	}
	n.play("testbed", "printing", "files-share")
}
