package scenario

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/screen"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/manifest"
)

// concluded is the result of a boot that went well, as change makes it: a menu was seen, the guest told all.
func concluded(t *testing.T, change func(*Result, *Options, *watch)) Result {
	t.Helper()
	medium := filepath.Join(t.TempDir(), "medium.iso")
	if err := os.WriteFile(medium, []byte("the medium"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := Options{Medium: medium, Firmware: vm.SecureBoot, Dir: t.TempDir(), Progress: silence{}}
	sum, _, err := digest(t.Context(), medium, o.Progress)
	if err != nil {
		t.Fatal(err)
	}
	r := Result{SHA256: sum, Manifest: &manifest.Manifest{
		Product: "NHoS Trial", Checks: []manifest.Check{{ID: "a/b", Claim: "all is well"}},
	}}
	w := &watch{}
	w.message(60*s, guest.Message{Kind: guest.KindHello, Hello: &guest.Facts{OS: "An OS", SecureBoot: true, Uptime: 50 * s}})
	w.message(61*s, guest.Message{Kind: guest.KindBoot, Boot: &guest.Boot{UsedMiB: 99}})
	w.message(62*s, guest.Message{Kind: guest.KindCheck, Check: &guest.Check{Check: r.Manifest.Checks[0], Passed: true}})
	w.message(63*s, guest.Message{Kind: guest.KindDone})

	b, err := os.ReadFile("../screen/testdata/menu.png")
	if err != nil {
		t.Fatal(err)
	}
	img, err := screen.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	a := &album{dir: o.Dir}
	for at := range 3 {
		if _, err := a.see(look{at: time.Duration(at) * s, png: b, img: img}, true); err != nil {
			t.Fatal(err)
		}
	}
	change(&r, &o, w)
	if err := r.conclude(t.Context(), o, w, a); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestConcludePasses(t *testing.T) {
	r := concluded(t, func(*Result, *Options, *watch) {})
	if r.Verdict != Passed || len(r.Reasons) != 0 || r.Guest.UsedMiB != 99 || r.Guest.OS != "An OS" {
		t.Errorf("%s: %q, guest %+v", r.Verdict, r.Reasons, r.Guest)
	}
	var ids []string
	for _, c := range r.Checks {
		ids = append(ids, c.ID)
	}
	if got := strings.Join(ids, " "); got != "a/b screen/shown medium/unchanged screen/menu-names-product guest/secure-boot-on" {
		t.Errorf("checks: %s", got)
	}
	if len(r.Pictures) != 1 || r.Pictures[0].Caption != "boot menu" {
		t.Errorf("pictures: %+v", r.Pictures)
	}
}

// TestConcludeKnowsTheEntry has the guest started as it was to be.
func TestConcludeKnowsTheEntry(t *testing.T) {
	for entry, arguments := range map[string]string{"start": "boot=live quiet", "check": "boot=live nhos.check-medium", "ram": "boot=live quiet toram"} {
		r := concluded(t, func(_ *Result, o *Options, w *watch) { o.Entry, w.facts.Arguments = entry, arguments })
		if r.Verdict != Passed || !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.ID == "guest/entry-started" && c.Passed }) {
			t.Errorf("%s: %s, %q", entry, r.Verdict, r.Reasons)
		}
	}
}

func TestConcludeFails(t *testing.T) {
	tests := map[string]struct {
		change func(*Result, *Options, *watch)
		reason string
	}{
		"a changed medium": {
			func(_ *Result, o *Options, _ *watch) {
				if err := os.WriteFile(o.Medium, []byte("another"), 0o644); err != nil {
					t.Fatal(err)
				}
			}, "check medium/unchanged failed",
		},
		"another entry": {func(_ *Result, o *Options, w *watch) {
			o.Entry, w.facts.Arguments = "check", "BOOT_IMAGE=/live/vmlinuz boot=live quiet"
		}, "check guest/entry-started failed"},
		"another one still": {func(_ *Result, o *Options, w *watch) {
			o.Entry, w.facts.Arguments = "start", "BOOT_IMAGE=/live/vmlinuz boot=live quiet toram"
		}, "check guest/entry-started failed"},
		"no Secure Boot": {func(_ *Result, _ *Options, w *watch) { w.facts.SecureBoot = false }, "check guest/secure-boot-on failed"},
		"another product": {
			func(r *Result, _ *Options, _ *watch) { r.Manifest.Product = "Mersey Desktop" }, "check screen/menu-names-product failed",
		},
		"no graphics": {
			func(r *Result, _ *Options, _ *watch) { r.Manifest.Graphical = true },
			"check screen/shown failed: the screen shows a text console (asserted: ",
		},
		"a failed check": {
			func(_ *Result, _ *Options, w *watch) { w.checks[0].Passed, w.checks[0].Output = false, "why\nmore" },
			"check a/b failed: why … (asserted: all is well)",
		},
		"a check that never ran": {
			func(_ *Result, _ *Options, w *watch) { w.checks = nil }, "checks of the medium that were never run: 1",
		},
		"a guest that broke off": {
			func(_ *Result, _ *Options, w *watch) { w.done = false }, "the guest didn't come to the end of its checks",
		},
		"a death": {func(_ *Result, _ *Options, w *watch) { w.fail("it died") }, "it died"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := concluded(t, test.change)
			if r.Verdict != Failed || len(r.Reasons) != 1 || !strings.HasPrefix(r.Reasons[0], test.reason) {
				t.Errorf("%s: %q", r.Verdict, r.Reasons)
			}
		})
	}
}
