package edit

import (
	"os"
	"slices"
	"testing"

	"nhos.org/nhos/internal/image/definition"
)

// FuzzChange gives any bytes for a definition file, and makes one change: it is refused, or means what it should and can
// be made again without a further one.
func FuzzChange(f *testing.F) {
	for file := range all(f) {
		s, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i := range definition.Keys(definition.KindImage) {
			f.Add(string(s), uint8(i), "new", false)
		}
		f.Add(string(s), uint8(3), "a: b #", true)
	}
	f.Fuzz(func(t *testing.T, s string, n uint8, value string, away bool) {
		x, err := parse(image, s)
		if err != nil {
			return
		}
		if x.String() != s {
			t.Fatalf("reading changes %q to %q", s, x.String())
		}
		keys := definition.Keys(definition.KindImage)
		key := keys[int(n)%len(keys)]
		change := func(x *text) (*text, []Change, error) {
			switch {
			case away:
				return x.unset(key.Path)
			case key.Form == definition.FormList:
				return x.include(key.Path, []string{value})
			}
			return x.set(key.Path, value)
		}
		y, changes, err := change(x)
		if err != nil {
			return
		}
		if (y.String() == s) != (len(changes) == 0) {
			t.Fatalf("%+v of\n%q\nto\n%q", changes, s, y.String())
		}
		if key.Form == definition.FormList && !away && !slices.Contains(y.entries(key.Path), value) {
			t.Fatalf("%q isn't in %q", value, y.entries(key.Path))
		}
		if z, changes, err := change(y); err != nil || z.String() != y.String() || len(changes) > 0 {
			t.Fatalf("again: %v, %+v of\n%q\nto\n%q", err, changes, y.String(), z.String())
		}
	})
}
