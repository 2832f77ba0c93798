//go:build acceptance

package acceptance

import "testing"

// TestTestbed builds respins/testbed, which is images/desktop with a printer, a scanner and a file server of its own, and
// uses all three: by its checks, and as a person does.
func TestTestbed(t *testing.T) {
	n := shipped(t)
	n.build("desktop")
	n.build("testbed")
	n.green("testbed", "bios", "cd", "--memory", "4096")
	n.play("testbed", "printing", "files-share")
}
