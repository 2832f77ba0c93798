package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/ui"
)

// six are the six ways to boot one medium: one has a failed check, one dies.
func six(t *testing.T, dir string) []report.Run {
	return []report.Run{
		passing(t, dir, "uefi", "cd"), failing(t, dir, "uefi", "usb"), passing(t, dir, "secureboot", "usb"),
		passing(t, dir, "bios", "usb"), passing(t, dir, "bios", "cd"), silent(t, dir, "secureboot", "cd"),
	}
}

func TestLoadFindsWhatWasKept(t *testing.T) {
	dir := t.TempDir()
	runs := six(t, dir)
	for _, run := range runs {
		keep(t, run)
	}
	write(t, filepath.Join(dir, "notes", "readme.txt"), "no run")
	write(t, filepath.Join(dir, "result.json"), "not below a folder of its own")
	loaded, err := report.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, run := range loaded {
		names = append(names, filepath.Base(run.Dir))
		for _, was := range runs {
			if was.Dir == run.Dir {
				if d := cmp.Diff(was.Result, run.Result); d != "" {
					t.Errorf("%s (-kept +loaded)\n%s", run.Dir, d)
				}
			}
		}
	}
	if d := cmp.Diff([]string{"bios-cd", "bios-usb", "uefi-cd", "uefi-usb", "secureboot-cd", "secureboot-usb"}, names); d != "" {
		t.Errorf("order (-want +got)\n%s", d)
	}
}

func TestNoResults(t *testing.T) {
	empty := t.TempDir()
	_, none := report.Load(empty)
	_, missing := report.Load(filepath.Join(empty, "missing"))
	for name, err := range map[string]error{"empty folder": none, "no folder": missing, "no runs": report.Write(empty, nil, nil)} {
		if err == nil || !strings.Contains(ui.HintOf(err), "nhos test") {
			t.Errorf("%s: error %v with hint %q", name, err, ui.HintOf(err))
		}
	}
	if !errors.Is(missing, os.ErrNotExist) {
		t.Errorf("no folder: %v", missing)
	}
	if left, _ := os.ReadDir(empty); len(left) > 0 {
		t.Errorf("%s was written all the same", left[0].Name())
	}
}

func TestBrokenResultIsNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bios-cd", "result.json"), `{"name": "bios-`)
	_, err := report.Load(dir)
	if err == nil || !strings.Contains(err.Error(), filepath.Join("bios-cd", "result.json")) {
		t.Errorf("got %v", err)
	}
}

// The same runs, in whatever order, give the same bytes.
func TestReportIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	runs := six(t, dir)
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := report.Write(a, nil, runs); err != nil {
		t.Fatal(err)
	}
	runs[0], runs[5] = runs[5], runs[0]
	if err := report.Write(b, nil, runs); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{report.PageName, report.JUnitName} {
		if !bytes.Equal(read(t, filepath.Join(a, name)), read(t, filepath.Join(b, name))) {
			t.Errorf("%s differs", name)
		}
	}
}

type suites struct {
	counts
	Suites []struct {
		counts
		Name      string     `xml:"name,attr"`
		Cases     []testcase `xml:"testcase"`
		SystemOut string     `xml:"system-out"`
	} `xml:"testsuite"`
}

type counts struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Skipped  int `xml:"skipped,attr"`
}

type testcase struct {
	Class     string  `xml:"classname,attr"`
	Name      string  `xml:"name,attr"`
	Failure   *reason `xml:"failure"`
	Skipped   *reason `xml:"skipped"`
	SystemOut string  `xml:"system-out"`
}

type reason struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func counted(t *testing.T, runs ...report.Run) suites {
	t.Helper()
	dir := t.TempDir()
	if err := report.Write(dir, nil, runs); err != nil {
		t.Fatal(err)
	}
	var s suites
	if err := xml.Unmarshal(read(t, filepath.Join(dir, report.JUnitName)), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestJUnitCounts(t *testing.T) {
	s := counted(t, six(t, t.TempDir())...)
	if want := (counts{36, 2, 5}); s.counts != want {
		t.Errorf("counts are %+v, want %+v", s.counts, want)
	}
	if want := (counts{6, 1, 5}); s.Suites[4].counts != want {
		t.Errorf("%s counts %+v, want %+v", s.Suites[4].Name, s.Suites[4].counts, want)
	}
	outcomes := map[string]string{}
	for _, suite := range s.Suites {
		for _, c := range suite.Cases {
			outcome := "passed"
			switch {
			case c.Failure != nil:
				outcome = "failed: " + c.Failure.Message
			case c.Skipped != nil:
				outcome = "skipped"
			}
			if outcome != "passed" {
				outcomes[c.Class+" "+c.Name] = outcome
			}
		}
		if len(suite.Cases) != 6 {
			t.Errorf("%s has %d cases, want the boot and 5 checks", suite.Name, len(suite.Cases))
		}
	}
	if d := cmp.Diff(map[string]string{
		"uefi-usb.printing printing/cups: the print service runs": "failed: not so: the print service runs",
		"secureboot-cd boots": "failed: the kernel panicked: VFS: Unable to mount root fs on unknown-block(0,0)",
		"secureboot-cd.base base/no-failed-units: no unit has failed":                                  "skipped",
		"secureboot-cd.base base/product: the system names the product":                                "skipped",
		"secureboot-cd.printing printing/cups: the print service runs":                                 "skipped",
		"secureboot-cd.printing printing/queue: a test page reaches the queue of a driverless printer": "skipped",
		"secureboot-cd.cinnamon cinnamon/session: the desktop session runs":                            "skipped",
	}, outcomes); d != "" {
		t.Errorf("outcomes (-want +got)\n%s", d)
	}
	if out := s.Suites[0].SystemOut; out != "  OK  ] Reached target graphical.target" {
		t.Errorf("system-out is %q", out)
	}
}

// A waived check is skipped with the reason, so that it is counted and nothing is red; once its waiver has run out it fails.
func TestJUnitSkipsWhatIsWaived(t *testing.T) {
	dir := t.TempDir()
	s := counted(t, waived(t, dir, "bios", "cd"), lapsed(t, dir, "uefi", "cd"))
	if d := cmp.Diff([]counts{{6, 0, 1}, {6, 1, 0}}, []counts{s.Suites[0].counts, s.Suites[1].counts}); d != "" || s.counts != (counts{12, 1, 1}) {
		t.Errorf("counts %+v (-want +got)\n%s", s.counts, d)
	}
	const why = "waived: CFG-1, NET-1: The ward prints <b>elsewhere</b> (Head of IT, until 2027-11-30); PRN-1: Soon mended (Print room, until 2026-12-31)"
	if c := s.Suites[0].Cases[2]; c.Skipped == nil || c.Skipped.Message != why || !strings.Contains(c.SystemOut, "status=1/FAILURE") {
		t.Errorf("%s: %+v, %q", c.Name, c.Skipped, c.SystemOut)
	}
	if c := s.Suites[1].Cases[2]; c.Failure == nil || c.Failure.Message != "not so: the print service runs; its waiver ran out on 2026-12-31" {
		t.Errorf("%s: %+v", c.Name, c.Failure)
	}
	// A boot that goes wrong besides still fails by itself.
	run := waived(t, dir, "bios", "cd")
	run.Result.Verdict, run.Result.Reasons = scenario.Failed, []string{"the machine switched off before the test told it to"}
	if s := counted(t, run); s.counts != (counts{6, 1, 1}) || s.Suites[0].Cases[0].Failure == nil {
		t.Errorf("counts %+v", s.counts)
	}
}

// A failed check and a boot that went wrong besides are two failures.
func TestJUnitTellsTheBootFromItsChecks(t *testing.T) {
	run := failing(t, t.TempDir(), "bios", "cd")
	run.Result.Reasons = append([]string{"the machine switched off before the test told it to"}, run.Result.Reasons...)
	s := counted(t, run)
	if boot := s.Suites[0].Cases[0]; boot.Failure == nil || !strings.HasPrefix(boot.Failure.Message, "the machine switched off") {
		t.Errorf("the boot: %+v", boot.Failure)
	}
}

// A step is a case like a check; one that the guest can't be asked is skipped.
func TestJUnitCountsSteps(t *testing.T) {
	suite := counted(t, scripted(t, t.TempDir())).Suites[0]
	if want := (counts{11, 1, 1}); suite.counts != want {
		t.Errorf("counts are %+v, want %+v", suite.counts, want)
	}
	if c := suite.Cases[3]; c.Failure == nil || c.Name != `line 7: wait for text "Printed"` || !strings.HasSuffix(c.Failure.Text, "no printer found") {
		t.Errorf("the failed step is %+v", c)
	}
}

// A destination that the definition doesn't name fails where the script wants them named, and else is only told.
func TestJUnitTellsDestinations(t *testing.T) {
	run := scripted(t, t.TempDir())
	const unnamed = "talks to dns telemetry.example.org (10.0.2.3:53)"
	before := counted(t, run).Suites[0].Cases
	run.Result.Steps[0].What = scenario.ExpectNamed
	after := counted(t, run).Suites[0].Cases
	for i, want := range []bool{true, false} {
		n := len(after) - 2 + i
		if before[n].Failure != nil || (after[n].Failure != nil) != want || (after[n].Name == unnamed) != want {
			t.Errorf("%+v, then %+v", before[n], after[n])
		}
	}
}

// A check of the medium that the result doesn't mention is skipped, not lost.
func TestJUnitForgetsNoCheck(t *testing.T) {
	run := passing(t, t.TempDir(), "bios", "cd")
	run.Result.Checks = run.Result.Checks[:4]
	s := counted(t, run)
	if last := s.Suites[0].Cases[5]; last.Skipped == nil || last.Name != "base/product: the system names the product" {
		t.Errorf("the last case is %+v", last)
	}
}

func TestJUnitOfHostileOutput(t *testing.T) {
	run := failing(t, t.TempDir(), "bios", "cd")
	r := &run.Result
	r.Checks[1].Output = "a\x00b\x01\ufffe\xff]]></failure><failure/>\x1b[31mred\x1b[0m\x1b]0;title\x07\u202e"
	r.Manifest.Product = "\x00<x>"
	write(t, filepath.Join(run.Dir, "serial.log"), "\x00\x08\x1b\x1b[?25l \x9bmore & more\r\n\x1b")
	s := counted(t, run)
	if got := s.Suites[0].Cases[2].Failure.Text; got != "ab\ufffd\ufffd]]></failure><failure/>red" {
		t.Errorf("failure text %q", got)
	}
	if got := s.Suites[0].SystemOut; got != " \ufffdmore & more" {
		t.Errorf("system-out %q", got)
	}
}

func TestJUnitOfAnUnknownVerdict(t *testing.T) {
	run := passing(t, t.TempDir(), "bios", "cd")
	run.Result.Verdict = scenario.Verdict("")
	if boot := counted(t, run).Suites[0].Cases[0]; boot.Failure == nil {
		t.Error("a boot without a verdict passed")
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
