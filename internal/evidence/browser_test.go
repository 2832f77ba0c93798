package evidence

import (
	"path/filepath"
	"testing"

	"nhos.org/nhos/internal/browsertest"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/manifest"
)

// full is a pack with every result, a waiver and what a respin touched; hostile fills in what comes from outside.
func full(t *testing.T, hostile bool) (path string) {
	t.Helper()
	f := newFolder(t)
	f.boot("bios-cd", `"firmware": "bios", "checks": [`+check("tea/safe", false)+"]")
	p := f.read(nil)
	said := func(s string) string {
		if hostile {
			return browsertest.Evil
		}
		return s
	}
	p.Respin, p.ODSCode = "ward", "RX1"
	p.Organisation, p.Product = said("A ward that drinks"), said("Ward Desk")
	p.Notes, p.LeftOut = []string{said("The respin runs a script of its own, 10-pour.")}, []string{said("uefi-cd")}
	for i := range p.Boots {
		p.Boots[i].QEMU, p.Boots[i].Way = said("7.2.19"), said(p.Boots[i].Way)
	}
	for i := range p.Controls {
		c := &p.Controls[i]
		c.Statement = said(c.Statement)
		if c.ID == "TEA-1" {
			c.Touched = []string{said("the respin removes package tea of tea (respins/ward/respin.yaml:6:12)")}
			c.Proofs[0].Said = said(c.Proofs[0].Said)
			c.Why = append(c.Why, said("and it is cold"))
		}
		if c.ID == "CUT-1" {
			c.Result, c.Why = Waived, []string{said("scenario power-cut failed in uefi-usb-power-cut")}
			c.Waiver = &definition.Waiver{Waiver: manifest.Waiver{Control: "CUT-1", Reason: said("The ward has power of its own"), By: said("Head of IT"), Until: "2027-03-31"}}
		}
	}
	names, err := p.Write(f.out, "both")
	if err != nil || len(names) != 2 {
		t.Fatal(names, err)
	}
	return filepath.Join(f.out, PageName)
}

// The page on a phone, a tablet and a desk, in the light and in the dark, also as a hostile guest would have it.
func TestInABrowser(t *testing.T) {
	for name, hostile := range map[string]bool{"full": false, "hostile": true} {
		t.Run(name, func(t *testing.T) {
			b := browsertest.Open(t, full(t, hostile))
			b.Readable()
			b.Sealed()
			if n := browsertest.Eval[int](b, `document.images.length`); n > 0 {
				t.Errorf("%d pictures came in", n)
			}
		})
	}
}

func TestByKeyboard(t *testing.T) {
	b := browsertest.Open(t, full(t, false))
	b.Size(1280, "light")
	b.TabTo("#frames a[href='#TEA-1']")
	b.Press(browsertest.Enter)
	if at := browsertest.Eval[string](b, `document.querySelector(":target")?.id ?? ""`); at != "TEA-1" {
		t.Errorf("Enter leads to %q", at)
	}
}

func TestOnPaper(t *testing.T) {
	b := browsertest.Open(t, full(t, false))
	if n := b.Pages(); n < 2 || n > 5 {
		t.Errorf("%d pages for ten controls", n)
	}
}
