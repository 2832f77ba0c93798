package report_test

import (
	"path/filepath"
	"testing"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/browsertest"
	"nhos.org/nhos/internal/manifest"
)

// full is a report as it is meant.
func full(t *testing.T) (path string) {
	dir := t.TempDir()
	build, runs := built(t, dir)
	if err := report.Write(dir, build, runs); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, report.PageName)
}

// hostile is a report in which everything that a guest or a build can say tries to become markup.
func hostile(t *testing.T) (path string) {
	dir := t.TempDir()
	build, runs := built(t, dir)
	const evil = browsertest.Evil
	for i := range runs {
		r := &runs[i].Result
		r.Manifest.Product, r.Manifest.Image, r.Manifest.Respin, r.Medium, r.Scenario, r.Entry = evil, evil, evil, evil, evil, evil
		r.QEMU, r.Accelerator.Why, r.Notes, r.As = evil, evil, []string{evil}, evil
		if r.Guest != nil {
			r.Guest.OS, r.Guest.Kernel, r.Guest.Hostname = evil, evil, evil
		}
		for i := range r.Reasons {
			r.Reasons[i] = evil
		}
		for i := range r.Checks {
			c := &r.Checks[i]
			c.ID, c.Claim, c.Feature, c.Output, c.Run = evil, evil, evil, evil, evil
			if !c.Passed {
				c.Waived, c.Waivers = true, []manifest.Waiver{{Control: evil, Reason: evil, By: evil, Until: evil}}
			}
		}
		for i := range r.Steps {
			r.Steps[i].What, r.Steps[i].Output = evil, evil
		}
		for i := range r.Pictures {
			r.Pictures[i].Caption = evil
		}
		r.Timeline = append(r.Timeline, r.Timeline[0])
		r.Timeline[len(r.Timeline)-1].What = evil
		write(t, filepath.Join(runs[i].Dir, "serial.log"), evil)
	}
	v := contents()
	for i := range v.Packages {
		v.Packages[i].Name, v.Packages[i].Version, v.Packages[i].Part = evil, evil, evil
	}
	for i := range v.Parts {
		v.Parts[i].Name = evil
	}
	for i := range v.Files {
		v.Files[i].Path, v.Files[i].Package = evil, evil
	}
	v.Layers[0].Name = evil
	if err := v.Write(filepath.Join(dir, build.Inventory)); err != nil {
		t.Fatal(err)
	}
	if err := report.Write(dir, build, runs); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, report.PageName)
}

// The page in a browser, as it is meant and as a hostile guest would have it.
func TestInABrowser(t *testing.T) {
	for name, path := range map[string]string{"full": full(t), "hostile": hostile(t)} {
		t.Run(name, func(t *testing.T) {
			b := browsertest.Open(t, path)
			b.Readable()
			b.Sealed()
			if broken := browsertest.Eval[int](b, `[...document.images].filter(i => !i.complete || !i.naturalWidth).length`); broken > 0 {
				t.Errorf("%d pictures aren't shown", broken)
			}
			if n := browsertest.Eval[int](b, `document.images.length`); n < 12 {
				t.Errorf("only %d pictures", n)
			}
		})
	}
}

func TestByKeyboard(t *testing.T) {
	b := browsertest.Open(t, full(t))
	b.Size(1280, "light")

	b.TabTo("details.files > summary")
	b.Press(browsertest.Enter)
	if !browsertest.Eval[bool](b, `document.querySelector("details.files").open`) {
		t.Error("Enter doesn't unfold the files that differ")
	}

	fills := `(() => { const f = document.querySelector(":target"), r = f.getBoundingClientRect(); return r.width == document.documentElement.clientWidth && r.height == innerHeight && r.top == 0 ? f.id : "" })()`
	b.TabTo("#boot-1-picture-1 > a.open")
	b.Press(browsertest.Enter)
	if id := browsertest.Eval[string](b, fills); id != "boot-1-picture-1" {
		t.Fatalf("the picture doesn't fill the window: %q", id)
	}
	b.TabTo(`.viewer a[href="#boot-1-picture-2"]`)
	b.Press(browsertest.Enter)
	if id := browsertest.Eval[string](b, fills); id != "boot-1-picture-2" {
		t.Errorf("the next picture isn't shown: %q", id)
	}
	b.TabTo(`#boot-1-picture-2 .viewer a[href="#boot-1-film"]`)
	b.Press(browsertest.Enter)
	if position := browsertest.Eval[string](b, `getComputedStyle(document.querySelector("#boot-1-picture-2")).position`); position != "static" {
		t.Errorf("the picture stays large: %s", position)
	}

	b.TabTo("#boot-2 details.group.passed > summary")
	b.Press(browsertest.Space)
	if n := browsertest.Eval[int](b, `document.querySelectorAll("#boot-2 details.group.passed[open]").length`); n != 1 {
		t.Errorf("the space key unfolds %d groups", n)
	}
}

func TestOnPaper(t *testing.T) {
	b := browsertest.Open(t, full(t))
	if n := b.Pages(); n < 5 || n > 12 {
		t.Errorf("%d pages for four boots", n)
	}
	b.Printed()
	shown := func(selector string) (n int) {
		return browsertest.Eval[int](b, `[...document.querySelectorAll("`+selector+`")].filter(e => e.checkVisibility({contentVisibilityAuto: true}) && e.getBoundingClientRect().height > 0).length`)
	}
	if n, all := shown(".checks .claim"), browsertest.Eval[int](b, `document.querySelectorAll(".checks .claim").length`); n != all || n != 20 {
		t.Errorf("%d of %d claims are printed", n, all)
	}
	if shown(".differences li") != 5 || shown(".files li") != 0 || shown(".checks li.failed pre") != 1 || shown(".checks li.passed pre") != 0 || shown(".log pre") != 0 {
		t.Error("what is printed isn't what matters")
	}
}
