//go:build boot

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/boottest/vm"
)

// TestMini builds images/mini and boots it as a stick with Secure Boot on; TestPowerCut has it as a CD under BIOS.
func TestMini(t *testing.T) {
	n := shipped(t)
	iso, _ := n.build("mini")
	if s := size(t, iso); s > 250e6 {
		t.Errorf("the ISO has %d bytes; mini is to stay below 250 MB", s)
	}
	for _, file := range []string{"mini.lock", "SHA256SUMS"} {
		size(t, filepath.Join(filepath.Dir(iso), file))
	}
	sums := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	sums.Dir = filepath.Dir(iso)
	if out, err := sums.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}

	again, said := n.build("mini")
	if again != iso || !strings.Contains(said, "made from the same definition, lock and tools") {
		t.Errorf("a second build doesn't say that it reuses the medium:\n%s", said)
	}

	// The same packages by the lock beside the medium, whatever the archive has moved on to.
	cached := n.plan("mini", "--lock", filepath.Join(filepath.Dir(iso), "mini.lock"))
	if d := cmp.Diff(map[string]bool{"base": true, "packages": true, "configuration": true}, cached); d != "" {
		t.Errorf("planned from its own lock: %s", d)
	}

	r := n.green("mini", "secureboot", "usb")
	if r.Guest == nil || !r.Guest.SecureBoot {
		t.Errorf("the guest doesn't say that Secure Boot is on: %+v", r.Guest)
	}
	// Where this computer's is outdated, that of the image's release was fetched.
	if vm.Outdated(r.QEMU) {
		t.Errorf("it was booted in QEMU %s", r.QEMU)
	}
}

// TestPowerCut plays the scenario of a power cut, which is of two boots, on images/mini; a second call uses its verdict
// again.
func TestPowerCut(t *testing.T) {
	n := shipped(t)
	n.build("mini")
	n.play("mini", "power-cut")
	out, all, code := n.call("test", "mini", "--scenario", "power-cut")
	if code != 0 || !strings.Contains(out, "reused, passed on ") {
		t.Errorf("exit code %d:\n%s", code, all)
	}
}

// TestMiniRepeats builds images/mini twice from nothing but one lock, under circumstances that have as little in common
// as can be, and wants the same bytes.
func TestMiniRepeats(t *testing.T) { repeats(t, "mini") }

// TestPhonesHome listens to an image that tells somebody about the computer. TestScenarios has one that doesn't.
func TestPhonesHome(t *testing.T) {
	n := provoked(t)
	n.build("phones-home")
	_, all, code := n.call("test", "phones-home", "--scenario", "../../scenarios/quiet-boot.yaml")
	if code != 3 {
		t.Errorf("exit code %d:\n%s", code, all)
	}
	runs, err := report.Load(filepath.Join(n.out, "phones-home", "boots"))
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d results, %v", len(runs), err)
	}
	for _, words := range []string{"dns telemetry.example.org", "http telemetry.example.org"} {
		if reasons := strings.Join(runs[0].Result.Reasons, "\n"); !strings.Contains(reasons, words) {
			t.Errorf("%q is not among the reasons: %s", words, reasons)
		}
	}
}

// TestRespin builds a respin after its image: one thin layer, its own name on the menu, a package more and one less.
func TestRespin(t *testing.T) {
	n := provoked(t)
	plain, _ := n.build("plain")
	want := map[string]bool{"base": true, "packages": true, "configuration": true, "respin": false}
	cached := n.plan("ward")
	if cached["respin"] { // kept from an earlier run on the same store
		want["respin"] = true
	}
	if d := cmp.Diff(want, cached); d != "" {
		t.Errorf("the respin's plan: %s", d)
	}
	respun, _ := n.build("ward")
	if filepath.Base(respun) != "ward-seven-amd64.iso" {
		t.Errorf("the medium is called %s", filepath.Base(respun))
	}
	if more := size(t, respun) - size(t, plain); more > 5e6 {
		t.Errorf("the respin's ISO is %d bytes larger than its image's", more)
	}
	r := n.green("ward", "uefi", "cd")
	if r.Manifest.Product != "Ward Seven" || r.Guest.Hostname != "ward7" || r.Guest.OS != "Ward Seven" {
		t.Errorf("booted %q on host %q as %q", r.Manifest.Product, r.Guest.Hostname, r.Guest.OS)
	}
}

// TestRedVerdicts proves that what must turn a verdict red does.
func TestRedVerdicts(t *testing.T) {
	n := provoked(t)
	t.Run("a check that fails", func(t *testing.T) {
		n.t = t
		n.build("check-fails")
		r := n.red("check-fails", "check-fails/moon")
		for _, c := range r.Checks {
			if c.Passed == (c.ID == "check-fails/moon") {
				t.Errorf("check %s: passed is %v\n%s", c.ID, c.Passed, c.Output)
			}
			if c.ID == "check-fails/moon" && !strings.Contains(c.Output, "it is made of rock") {
				t.Errorf("its output is %q", c.Output)
			}
		}
	})
	t.Run("a unit that fails", func(t *testing.T) {
		n.t = t
		n.build("unit-fails")
		r := n.red("unit-fails", "guest/no-failed-units")
		for _, c := range r.Checks {
			if c.ID != "guest/no-failed-units" {
				continue
			}
			for _, word := range []string{"broken.service", "the pump is blocked"} {
				if !strings.Contains(c.Output, word) {
					t.Errorf("%q is not in the check's output: %q", word, c.Output)
				}
			}
		}
	})
	t.Run("a kernel that panics", func(t *testing.T) {
		n.t = t
		n.build("panics")
		r := n.red("panics", "panic")
		log, err := os.ReadFile(filepath.Join(n.out, "panics", "boots", r.Name, r.SerialLog))
		if err != nil || !strings.Contains(string(log), "Kernel panic - not syncing") {
			t.Errorf("the log doesn't have the panic: %v", err)
		}
		if r.Guest != nil || r.Verdict != scenario.Failed {
			t.Errorf("a guest answered: %+v", r.Guest)
		}
	})
}
