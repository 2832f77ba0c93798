//go:build acceptance

package acceptance

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestMiniEveryWay boots images/mini under every firmware, as CD and as stick.
func TestMiniEveryWay(t *testing.T) {
	n := shipped(t)
	n.build("mini")
	for _, firmware := range []string{"bios", "uefi", "secureboot"} {
		for _, as := range []string{"cd", "usb"} {
			t.Run(firmware+"-"+as, func(t *testing.T) {
				n.t = t
				n.green("mini", firmware, as)
			})
		}
	}
}

// TestABootThatHangs wants a verdict in bounded time that names what is waited for.
func TestABootThatHangs(t *testing.T) {
	n := provoked(t)
	n.build("boot-hangs")
	r := n.red("boot-hangs", "guest/boot-finished")
	for _, c := range r.Checks {
		if c.ID == "guest/boot-finished" && !strings.Contains(c.Output, "waits.service") {
			t.Errorf("the check doesn't name the unit: %q", c.Output)
		}
	}
}

// TestDesktop builds images/desktop and boots it to its desktop.
func TestDesktop(t *testing.T) {
	n := shipped(t)
	n.build("desktop")
	n.green("desktop", "secureboot", "usb", "--memory", "4096")
}

// TestHSCNI builds respins/hscni after its image.
func TestHSCNI(t *testing.T) {
	n := shipped(t)
	image, _ := n.build("desktop")
	respun, _ := n.build("hscni")
	if more := size(t, respun) - size(t, image); more > 20e6 {
		t.Errorf("the respin's ISO is %d bytes larger than its image's", more)
	}
	if filepath.Base(respun) != "hscni-desktop-amd64.iso" {
		t.Errorf("the medium is called %s", filepath.Base(respun))
	}
	n.green("hscni", "uefi", "cd", "--memory", "4096")
}
