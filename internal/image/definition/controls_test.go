package definition

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

func TestWaiverHoldsToTheEndOfItsDay(t *testing.T) {
	w := Waiver{Until: "2027-03-31"}
	last := time.Date(2027, 3, 31, 23, 59, 0, 0, time.UTC)
	if !w.Holds(last) || w.Holds(last.Add(time.Hour)) {
		t.Error("the last day isn't the last day")
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
