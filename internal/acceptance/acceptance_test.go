//go:build acceptance

package acceptance

import (
	"os"
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

// TestDesktop builds images/desktop, boots it to its desktop under the three firmwares, and works with it.
func TestDesktop(t *testing.T) {
	n := shipped(t)
	n.build("desktop")
	n.green("desktop", "secureboot", "usb", "--memory", "4096")
	n.play("desktop", "tour", "quiet", "usb-storage", "large-screen", "wrong-block") // their machines have the other firmwares
}

// TestKiosk builds images/kiosk, the proof that an edition is a short file, and lets it be used and left alone.
func TestKiosk(t *testing.T) {
	n := shipped(t)
	n.build("kiosk")
	n.green("kiosk", "uefi", "usb")
	n.play("kiosk", "kiosk")
}

// TestDesktopRepeats builds images/desktop twice, as TestMiniRepeats does.
func TestDesktopRepeats(t *testing.T) { repeats(t, "desktop") }

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

// TestScenarios plays the other scenarios that are shipped, on the smallest image.
func TestScenarios(t *testing.T) {
	n := shipped(t)
	n.build("mini")
	n.play("mini", "slow-network", "quiet-boot", "altered-medium", "altered-block")
}

// TestMenu starts the other entries of the boot menu: a good medium starts after its check, a damaged one doesn't.
func TestMenu(t *testing.T) {
	n := shipped(t)
	iso, _ := n.build("mini")
	t.Run("check", func(t *testing.T) {
		n.t = t
		r := n.green("mini", "bios", "cd", "--entry", "check")
		if log := n.serial("mini", r); !strings.Contains(log, "The medium is good. Starting.") {
			t.Errorf("the check didn't run:\n%s", log)
		}
	})
	t.Run("ram", func(t *testing.T) {
		n.t = t
		n.green("mini", "uefi", "usb", "--entry", "ram")
	})
	t.Run("damaged", func(t *testing.T) {
		n.t = t
		medium, err := os.ReadFile(iso)
		if err != nil {
			t.Fatal(err)
		}
		medium[len(medium)/2] ^= 1 // in the base layer, which takes up most of the medium
		n := nhos{t, n.definitions, t.TempDir()}
		damaged := filepath.Join(n.out, "damaged.iso")
		if err := os.WriteFile(damaged, medium, 0o644); err != nil {
			t.Fatal(err)
		}
		_, all, code := n.call("test", damaged, "--firmware", "bios", "--as", "cd", "--entry", "check")
		if code != 3 {
			t.Errorf("exit code %d:\n%s", code, all)
		}
		log, err := os.ReadFile(filepath.Join(n.out, "damaged", "boots", "bios-cd-check", "serial.log"))
		if err != nil || !strings.Contains(string(log), "This medium is damaged and was not started: live/10-base.squashfs") {
			t.Errorf("the log doesn't say so: %v\n%s", err, log)
		}
	})
}
