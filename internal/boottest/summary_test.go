package boottest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/manifest"
)

func TestSummary(t *testing.T) {
	failed := func(id string, waived bool, by ...manifest.Waiver) scenario.Check {
		return scenario.Check{Check: manifest.Check{ID: id, Waivers: by}, Tries: 1, Waived: waived}
	}
	known := func(control string) manifest.Waiver {
		return manifest.Waiver{Control: control, Reason: "It is \x1b[31mknown", By: "Head of IT", Until: "2027-11-30"}
	}
	result := func(name string, verdict scenario.Verdict, checks ...scenario.Check) report.Run {
		return report.Run{Result: scenario.Result{Name: name, Verdict: verdict, Duration: 184 * time.Second, Checks: checks}}
	}
	again := result("secureboot-usb", scenario.Passed, failed("a/b", true, known("A-1")), failed("a/c", true, known("A-2")))
	again.Result.Reused, again.Result.Started = true, time.Date(2026, 3, 14, 9, 26, 0, 0, time.Local)
	var out strings.Builder
	err := Summary(&out, []report.Run{
		result("bios-cd", scenario.Passed, scenario.Check{Passed: true}),
		result("uefi-cd", scenario.Passed, failed("a/b", true, known("A-1"), known("A-2"))),
		result("uefi-usb", scenario.Failed, failed("a/b", false, known("A-1"))),
		again,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `bios-cd         passed in 3 min 04 s
uefi-cd         passed in 3 min 04 s, 1 check waived
                waived: a/b, for A-1, A-2: It is known (Head of IT, until 2027-11-30)
uefi-usb        failed in 3 min 04 s
secureboot-usb  reused, passed on 2026-03-14 09:26, 2 checks waived
                waived: a/b, for A-1: It is known (Head of IT, until 2027-11-30)
                waived: a/c, for A-2: It is known (Head of IT, until 2027-11-30)
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
