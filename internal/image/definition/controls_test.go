package definition

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/manifest"
)

func TestLoadControls(t *testing.T) {
	c, err := LoadControls("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.List) != 2 || c.List[0].Statement != "Mail works, and is safe" || c.List[1].Attested != "I have looked" {
		t.Errorf("controls %+v", c.List)
	}
	if o := c.List[0].Checks[0].Origin; o != (Origin{File: "controls/mail.yaml", Line: 6, Column: 12}) {
		t.Errorf("a check is from %v", o)
	}
	if none, err := LoadControls("testdata/minimal"); err != nil || len(none.List) != 0 {
		t.Errorf("without controls/: %+v, %v", none, err)
	}
}

// A control may name checks of parts that an image doesn't have, but none that a part of it should have and hasn't.
func TestUnknownChecks(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/minimal")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "images/desktop.yaml"), "description: A\nbase: debian\nproduct: P\nfeatures: [printing]\n")
	write(t, filepath.Join(dir, "features/printing/checks/a.yaml"), "[{id: cups, claim: CUPS runs, process: cupsd}]\n")
	write(t, filepath.Join(dir, "controls/a.yaml"), "- {id: A-1, statement: S, checks: [printing/cups, cinnamon/session]}\n- {id: A-2, statement: S, checks: [printing/cusp]}\n")
	img, err := Load(dir, "desktop")
	if err != nil {
		t.Fatal(err)
	}
	c, err := LoadControls(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := "error: controls/a.yaml:2:36: feature printing has no check \"printing/cusp\"\n" +
		"     2 | - {id: A-2, statement: S, checks: [printing/cusp]}\n" +
		"       |                                    ^\nhint: did you mean \"printing/cups\"?\n"
	if got := printed(c.Unknown(img)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A check carries the waivers of all controls that name it, and none if one of them isn't waived.
func TestChecksCarryTheirWaivers(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/minimal")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "images/desk.yaml"), "description: A\nbase: debian\nproduct: P\nfeatures: [printing]\n")
	write(t, filepath.Join(dir, "features/printing/checks/a.yaml"), `[{id: two, claim: C, file: /a}, {id: one, claim: C, file: /a}, {id: half, claim: C, file: /a}, {id: none, claim: C, file: /a}]`)
	write(t, filepath.Join(dir, "controls/a.yaml"), `
- {id: A-1, statement: S, checks: [printing/two, printing/one, printing/half]}
- {id: A-2, statement: S, checks: [printing/two, printing/two]}
- {id: A-3, statement: S, checks: [printing/half]}
`)
	write(t, filepath.Join(dir, "respins/ward/respin.yaml"), `
description: A ward's
image: desk
waivers:
  - {control: A-2, reason: "We know\n it", by: Head of IT, until: 2027-11-30}
  - {control: A-1, reason: Soon mended, by: Head of paper, until: 2027-01-31}
`)
	img, err := Load(dir, "ward")
	if err != nil {
		t.Fatal(err)
	}
	first := manifest.Waiver{Control: "A-1", Reason: "Soon mended", By: "Head of paper", Until: "2027-01-31"}
	second := manifest.Waiver{Control: "A-2", Reason: "We know it", By: "Head of IT", Until: "2027-11-30"}
	got := map[string][]manifest.Waiver{}
	for _, p := range img.Parts {
		for _, c := range p.Checks {
			got[c.ID] = c.Waivers
		}
	}
	want := map[string][]manifest.Waiver{"printing/two": {second, first}, "printing/one": {first}, "printing/half": nil, "printing/none": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	// Its image has none, and needs no controls.
	if err := os.RemoveAll(filepath.Join(dir, "controls")); err != nil {
		t.Fatal(err)
	}
	if img, err = Load(dir, "desk"); err != nil {
		t.Fatal(err)
	}
	for _, p := range img.Parts {
		for _, c := range p.Checks {
			if c.Waivers != nil {
				t.Errorf("%s: %+v", c.ID, c.Waivers)
			}
		}
	}
}

// FuzzControls sees to it that no text brings the reader of controls down, and that whatever it takes can be shown.
func FuzzControls(f *testing.F) {
	files, err := filepath.Glob("../../../controls/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no controls", err)
	}
	for _, file := range append(files, "testdata/good/controls/mail.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := &loader{report: newReport()}
		n := l.parseText("x.yaml", []byte(text))
		if n == nil {
			return
		}
		list := l.controlsIn("x.yaml", n, map[string]Origin{})
		if err := l.err(); err != nil {
			_ = printed(err)
			return
		}
		for _, k := range list {
			if k.ID == "" || k.Statement == "" || strings.ContainsAny(k.ID+k.Statement+k.Attested, "\n\x1b\x00") {
				t.Fatalf("%+v", k)
			}
			if (k.Attested == "") == (len(k.Checks)+len(k.Built)+len(k.Boots)+len(k.Scenarios) == 0) {
				t.Fatalf("shown by nothing, or by a person as well as a machine: %+v", k)
			}
		}
	})
}
