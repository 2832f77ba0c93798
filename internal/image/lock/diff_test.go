package lock

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func at(name, version string, layer Layer, edit ...func(*Package)) Package {
	p := Package{Name: name, Version: version, Architecture: "amd64", Size: 1000, SHA256: version, Filename: "x", Archive: "main", Layer: layer}
	for _, e := range edit {
		e(&p)
	}
	return p
}

// TestCompare makes one change at a time and says what is shown of it, without the table's first line and the sum.
func TestCompare(t *testing.T) {
	from := []Package{at("kernel", "6.1", Base), at("tea", "1", Packages), at("tea", "1", Medium)}
	for name, c := range map[string]struct {
		to   []Package
		want string
	}{
		"nothing": {from, ""},
		"a version": {
			[]Package{at("kernel", "6.2", Base, func(p *Package) { p.Size = 3500 }), from[1], from[2]},
			"changed kernel 6.1 6.2 +2.50 kB",
		},
		"a package more": {
			append([]Package{at("milk", "2", Packages)}, from...),
			"added milk 2 +1.00 kB layer packages",
		},
		"a package less in one layer": {
			from[:2],
			"removed tea 1 -1.00 kB layer medium",
		},
		"a package less in the image": {
			[]Package{from[0], from[2]},
			"removed tea 1 -1.00 kB layer packages",
		},
		"in the image, no longer on the medium": {
			[]Package{from[0], at("tea", "1", Base), from[1]},
			"added tea 1 +1.00 kB layer base\nremoved tea 1 -1.00 kB layer medium",
		},
		"another layer": {
			[]Package{from[0], at("tea", "1", Base), from[2]},
			"changed tea 1 1 0 B layer packages → base",
		},
		"another archive and other bytes": {
			[]Package{from[0], at("tea", "1", Packages, func(p *Package) { p.Archive, p.SHA256 = "security", "2" }), from[2]},
			"changed tea 1 1 0 B archive main → security, other bytes under the same version",
		},
		"wanted, and removed again": {
			[]Package{from[0], at("tea", "1", Packages, func(p *Package) { p.Wanted, p.RemovedIn = true, Respin }), from[2]},
			"changed tea 1 1 0 B removed in layer respin, now named by a definition",
		},
		"the place in the archive": {
			[]Package{from[0], at("tea", "1", Packages, func(p *Package) { p.Filename = "moved" }), from[2]},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := Compare(&Lock{from}, &Lock{c.to})
			var b strings.Builder
			if err := d.Write(&b); err != nil {
				t.Fatal(err)
			}
			var got []string
			if !d.Empty() {
				rows := strings.Split(b.String(), "\n")
				for _, row := range rows[1 : len(rows)-3] {
					got = append(got, strings.Join(strings.Fields(row), " "))
				}
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
