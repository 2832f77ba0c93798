package scenario

import (
	"errors"
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

// TestConcludeWaives fails a check whose waivers are of two controls, the day before the first of them ends, on that day,
// and after it.
func TestConcludeWaives(t *testing.T) {
	waivers := []manifest.Waiver{
		{Control: "A-1", Reason: "It is known", By: "Head of IT", Until: "2027-11-30"},
		{Control: "A-2", Reason: "It is known", By: "Head of IT", Until: "2027-12-31"},
	}
	fails := func(on time.Time) func(*Result, *Options, *watch) {
		return func(r *Result, o *Options, w *watch) {
			r.Manifest.Checks[0].Waivers, o.now = waivers, on
			w.checks[0].Passed, w.checks[0].Tries, w.checks[0].Output = false, 1, "why"
		}
	}
	last := time.Date(2027, 11, 30, 23, 59, 59, 0, time.UTC)
	for name, on := range map[string]time.Time{"before": last.AddDate(0, 0, -1), "on the last day": last} {
		r := concluded(t, fails(on))
		if w := r.Waived(); r.Verdict != Passed || len(r.Reasons) > 0 || len(w) != 1 || w[0].ID != "a/b" || len(w[0].Waivers) != 2 || w[0].Passed {
			t.Errorf("%s: %s, %q, waived %+v", name, r.Verdict, r.Reasons, w)
		}
		if got := r.Outcome(); got != "passed, 1 check waived" {
			t.Errorf("%s: %q", name, got)
		}
		if r.outlived(last) || !r.outlived(last.Add(time.Second)) {
			t.Errorf("%s: such a result counts for ever, or not as long as it should", name)
		}
	}
	r := concluded(t, fails(last.Add(time.Second)))
	want := []string{"check a/b failed: why (asserted: all is well); its waiver ran out on 2027-11-30"}
	if r.Verdict != Failed || !slices.Equal(r.Reasons, want) || len(r.Waived()) > 0 || r.Outcome() != "failed" {
		t.Errorf("after it: %s, %q, waived %+v", r.Verdict, r.Reasons, r.Waived())
	}
}

// TestOnlyWhatFailsIsWaived sees to it that a waiver changes nothing of a check that passes, of one that never ran, and
// of another one that fails, and that a guest can't bring one of its own.
func TestOnlyWhatFailsIsWaived(t *testing.T) {
	w := []manifest.Waiver{{Control: "A-1", Reason: "It is known", By: "Head of IT", Until: "9999-12-31"}}
	now := time.Date(2027, 11, 30, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		change func(*Result, *watch)
		reason string
	}{
		"it passes":     {change: func(r *Result, _ *watch) { r.Manifest.Checks[0].Waivers = w }},
		"it never runs": {func(r *Result, o *watch) { r.Manifest.Checks[0].Waivers, o.checks = w, nil }, "checks of the medium that were never run: 1"},
		"another fails": {
			func(r *Result, o *watch) {
				r.Manifest.Checks[0].Waivers = w
				o.checks = append(o.checks, guest.Check{Check: manifest.Check{ID: guest.NoFailedUnits, Claim: "no unit has failed"}, Tries: 1, Output: "one has"})
			}, "check guest/no-failed-units failed: one has (asserted: no unit has failed)",
		},
		"the guest brings it": {
			func(_ *Result, o *watch) {
				o.checks[0].Passed, o.checks[0].Waivers, o.checks[0].Output = false, w, "why"
			}, "check a/b failed: why (asserted: all is well)",
		},
		"to a check that the medium hasn't": {
			func(_ *Result, o *watch) {
				o.checks = append(o.checks, guest.Check{Check: manifest.Check{ID: "a/c", Claim: "more", Waivers: w}, Tries: 1, Output: "no"})
			}, "check a/c failed: no (asserted: more)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := concluded(t, func(r *Result, o *Options, w *watch) { o.now = now; test.change(r, w) })
			if got := strings.Join(r.Reasons, "; "); got != test.reason || (r.Verdict == Passed) != (test.reason == "") || len(r.Waived()) > 0 {
				t.Errorf("%s: %q, waived %+v", r.Verdict, got, r.Waived())
			}
		})
	}
}

// TestJobKnowsTheDay gives the guest those waivers alone that hold.
func TestJobKnowsTheDay(t *testing.T) {
	until := func(day string) manifest.Check {
		return manifest.Check{ID: "a/" + day, Waivers: []manifest.Waiver{{Control: "A-1", Until: day}}}
	}
	all := []manifest.Check{until("2027-11-29"), until("2027-11-30"), {ID: "a/none"}}
	got := borne(all, time.Date(2027, 11, 30, 12, 0, 0, 0, time.UTC))
	if got[0].Waivers != nil || len(got[1].Waivers) != 1 || got[2].Waivers != nil || len(all[0].Waivers) != 1 {
		t.Errorf("%+v of %+v", got, all)
	}
}

// TestResultOfBeforeWaivers reads what was kept before there was anything to be waived.
func TestResultOfBeforeWaivers(t *testing.T) {
	dir := t.TempDir()
	const kept = `{"name": "bios-cd", "sha256": "ab", "manifest": {"version": 1, "checks": [{"id": "a/b", "claim": "c", "feature": "a", "file": "/"}]},
		"verdict": "failed", "checks": [{"id": "a/b", "claim": "c", "feature": "a", "file": "/", "passed": false, "tries": 1, "duration_ns": 5, "output": "no"}]}`
	if err := os.WriteFile(filepath.Join(dir, resultFile), []byte(kept), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := readResult(dir)
	if err != nil || len(r.Checks) != 1 || r.Checks[0].ID != "a/b" || len(r.Waived()) > 0 || r.Outcome() != "failed" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestWaivedResultIsReusedUntilItsDay keeps a result that passed by a waiver, and asks for it on the last day and after.
func TestWaivedResultIsReusedUntilItsDay(t *testing.T) {
	last := time.Date(2027, 11, 30, 12, 0, 0, 0, time.UTC)
	o := Options{Dir: t.TempDir(), CacheDir: t.TempDir(), Progress: silence{}, now: last}
	r := Result{Key: "a key", Verdict: Passed, SerialLog: serialFile, Checks: []Check{{
		Check:  manifest.Check{ID: "a/b", Waivers: []manifest.Waiver{{Control: "A-1", Until: "2027-11-30"}}},
		Waived: true, Tries: 1,
	}}}
	if err := os.WriteFile(filepath.Join(o.Dir, serialFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.write(o.Dir), o.remember(r)); err != nil {
		t.Fatal(err)
	}
	if known, reused := o.recall(r.Key); !reused || known.Outcome() != "passed, 1 check waived" {
		t.Errorf("on the last day: reused %t, %s", reused, known.Outcome())
	}
	o.now = last.AddDate(0, 0, 1)
	if _, reused := o.recall(r.Key); reused {
		t.Error("it is reused after the last day")
	}
}
