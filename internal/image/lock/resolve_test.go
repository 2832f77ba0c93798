package lock_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/ui"
)

// What the archive of these tests has: a base, a medium, and some things to choose from.
const packages = `
Package: essentials
Essential: yes
Depends: libc

Package: libc
Version: 2.0

Package: libc
Version: 2.1
Archive: security

Package: kernel
Depends: libc (>= 2.0), modules
Recommends: firmware

Package: firmware

Package: modules

Package: few-modules
Provides: modules
Conflicts: modules
Replaces: modules

Package: shim
Depends: shim-parts

Package: shim-parts

Package: browser
Depends: toolkit, fonts | glyphs
Recommends: adverts
Suggests: plugin

Package: toolkit
Version: 1:3.4+dfsg-1

Package: fonts
Architecture: all

Package: glyphs

Package: adverts

Package: plugin

Package: office
Depends: toolkit, spelling

Package: spelling

Package: notes
Depends: toolkit

Package: pencil
Conflicts: notes

Package: postfix
Provides: mail-agent

Package: sendmail
Provides: mail-agent

Package: eye
Provides: scanner (= 2)
`

// A desk is a folder of definitions beside an archive, and the folder of the apt that locks from it.
type desk struct {
	*archivetest.Archive
	definitions, apt string
}

func newDesk(t *testing.T, definitions string) desk {
	t.Helper()
	a := archivetest.New(t, packages)
	return desk{a, a.Definitions(t, definitions), t.TempDir()}
}

func (d desk) lock(t *testing.T, id string) (*lock.Lock, error) {
	t.Helper()
	img, err := definition.Load(d.definitions, id)
	if err != nil {
		t.Fatal(err)
	}
	mirrors, err := lock.FindMirrors(t.Context(), img.Base, d.Mirror(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return lock.Resolve(t.Context(), img, mirrors, d.apt)
}

func (d desk) mustLock(t *testing.T, id string) *lock.Lock {
	t.Helper()
	l, err := d.lock(t, id)
	if err != nil {
		t.Fatalf("locking %s:\n%s", id, printed(err))
	}
	return l
}

// printed is err as a person sees it.
func printed(err error) string {
	var b strings.Builder
	ui.PrintError(&b, "nhos", err)
	return b.String()
}

// table writes a lock as a line a package: layer, ID, archive, and what else is so.
func table(l *lock.Lock) string {
	var b strings.Builder
	for _, p := range l.Packages {
		fmt.Fprintf(&b, "%s %s %s", p.Layer, p.ID(), p.Archive)
		if p.Wanted {
			b.WriteString(" wanted")
		}
		if p.RemovedIn != "" {
			b.WriteString(" removed-in-" + string(p.RemovedIn))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

const plain = `
-- images/desk.yaml --
description: A desk
base: test
product: Desk
packages:
  add:
    - browser
`

func TestResolveChoosesLayerByLayer(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain+`
-- respins/ward/respin.yaml --
description: A desk on a ward
image: desk
packages:
  add: [office]
  remove: [fonts]
`)
	image := `base essentials:amd64=1.0 main
base kernel:amd64=1.0 main wanted
base libc:amd64=2.1 security
base modules:amd64=1.0 main
additions browser:amd64=1.0 main wanted
additions fonts:all=1.0 main
additions toolkit:amd64=1:3.4+dfsg-1 main
medium shim:amd64=1.0 main wanted
medium shim-parts:amd64=1.0 main
`
	if diff := cmp.Diff(image, table(d.mustLock(t, "desk"))); diff != "" {
		t.Errorf("image (-want +got)\n%s", diff)
	}
	_, err := d.lock(t, "ward")
	if want := `nhos: error: choosing the packages of layer respin: respins/ward/respin.yaml:5:12: package "browser" would have to go as well, and another definition asks for it
     5 |   remove: [fonts]
       |            ^
hint: add "browser" to remove: if that is what you want
`; err == nil || printed(err) != want {
		t.Errorf("what the browser depends on was removed:\n%v", printed(err))
	}
	archivetest.Write(t, d.definitions, `
-- respins/ward/respin.yaml --
description: A desk on a ward
image: desk
packages:
  add: [office]
  remove: [browser]
`)
	respun := strings.Replace(image, "browser:amd64=1.0 main wanted", "browser:amd64=1.0 main wanted removed-in-respin", 1)
	respun = strings.Replace(respun, "medium shim:", "respin office:amd64=1.0 main wanted\nrespin spelling:amd64=1.0 main\nmedium shim:", 1)
	if diff := cmp.Diff(respun, table(d.mustLock(t, "ward"))); diff != "" {
		t.Errorf("respin (-want +got)\n%s", diff)
	}
}

// TestARespinKeepsWhatItsImageAsksFor covers a package that the base has anyway, and a respin's addition that drives it
// out.
func TestARespinKeepsWhatItsImageAsksFor(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain+`    - modules
-- respins/ward/respin.yaml --
description: A desk with few modules
image: desk
packages:
  add: [office, few-modules]
`)
	_, err := d.lock(t, "ward")
	if want := `nhos: error: choosing the packages of layer respin: respins/ward/respin.yaml:4:17: package "modules" would have to go as well, and another definition asks for it
     4 |   add: [office, few-modules]
       |                 ^
hint: add "modules" to remove: if that is what you want
`; err == nil || printed(err) != want {
		t.Errorf("Resolve = %v", printed(err))
	}
}

func TestRemovedPackagesAreNotChosen(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain+`
  remove: [fonts]
-- images/still.yaml --
description: A desk without the base's kernel
base: test
product: Still
packages:
  remove: [kernel]
-- respins/moved/respin.yaml --
description: A desk that has it again
image: still
packages:
  add: [kernel]
`)
	l := d.mustLock(t, "desk")
	if _, there := l.Find("fonts", lock.Additions); there {
		t.Error("fonts is in the lock, although the image removes it")
	}
	if _, there := l.Find("glyphs", lock.Additions); !there {
		t.Error("glyphs isn't in the lock, although the browser takes it instead of fonts")
	}
	if diff := cmp.Diff(`base essentials:amd64=1.0 main
base kernel:amd64=1.0 main wanted removed-in-packages
base libc:amd64=2.1 security
base modules:amd64=1.0 main
respin kernel:amd64=1.0 main wanted
medium shim:amd64=1.0 main wanted
medium shim-parts:amd64=1.0 main
`, table(d.mustLock(t, "moved"))); diff != "" {
		t.Errorf("removed by the image and added by the respin (-want +got)\n%s", diff)
	}
}

// TestWhatFeaturesAddIsBelowWhatTheImageAdds covers the two layers, and that a removal counts for both.
func TestWhatFeaturesAddIsBelowWhatTheImageAdds(t *testing.T) {
	t.Parallel()
	d := newDesk(t, `
-- features/writing/feature.yaml --
description: An office
packages:
  add: [office, toolkit]
-- images/desk.yaml --
description: A desk
base: test
product: Desk
features: [writing]
packages:
  add: [browser, toolkit]
  remove: [fonts]
`)
	if diff := cmp.Diff(`base essentials:amd64=1.0 main
base kernel:amd64=1.0 main wanted
base libc:amd64=2.1 security
base modules:amd64=1.0 main
packages office:amd64=1.0 main wanted
packages spelling:amd64=1.0 main
packages toolkit:amd64=1:3.4+dfsg-1 main wanted
additions browser:amd64=1.0 main wanted
additions glyphs:amd64=1.0 main
medium shim:amd64=1.0 main wanted
medium shim-parts:amd64=1.0 main
`, table(d.mustLock(t, "desk"))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAProvidedName(t *testing.T) {
	t.Parallel()
	d := newDesk(t, `
-- images/desk.yaml --
description: A desk
base: test
product: Desk
packages:
  add:
    - scanner
`)
	p, there := d.mustLock(t, "desk").Find("eye", lock.Additions)
	if !there || !p.Wanted {
		t.Errorf("the only package that provides a scanner: in the lock %v, wanted %v", there, p.Wanted)
	}
}

// TestRefusals holds every refusal of a definition against what a person reads.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ packages, want string }{
		"an unknown name": {"  add:\n    - toolkit\n    - browzer\n    - qqqqqq", `
nhos: error: choosing the packages of layer additions: images/desk.yaml:7:7: no package "browzer" in example summer
     7 |     - browzer
       |       ^
hint: did you mean "browser"?
nhos: error: choosing the packages of layer additions: images/desk.yaml:8:7: no package "qqqqqq" in example summer
     8 |     - qqqqqq
       |       ^
hint: apt-cache search WORD finds packages by what they are for
`},
		"an unknown name to remove": {"  remove: [adwerts]", `
nhos: error: choosing the packages of layer packages: images/desk.yaml:5:12: no package "adwerts" in example summer
     5 |   remove: [adwerts]
       |            ^
hint: did you mean "adverts"?
`},
		"two that conflict": {"  add: [notes, pencil]", `
nhos: error: choosing the packages of layer additions: images/desk.yaml:5:16: package "pencil" can't be installed with the others: Conflicts: notes but 1.0 is to be installed
     5 |   add: [notes, pencil]
       |                ^
`},
		"a dependency that is removed": {"  add: [office]\n  remove: [spelling]", `
nhos: error: choosing the packages of layer additions: images/desk.yaml:5:9: package "office" can't be installed with the others: Depends: spelling but it is not going to be installed
     5 |   add: [office]
       |         ^
`},
		"a name that several provide": {"  add: [mail-agent]", `
nhos: error: choosing the packages of layer additions: images/desk.yaml:5:9: several packages are a "mail-agent"
     5 |   add: [mail-agent]
       |         ^
hint: name one of postfix, sendmail
`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, "-- images/desk.yaml --\ndescription: A desk\nbase: test\nproduct: Desk\npackages:\n"+c.packages+"\n")
			_, err := d.lock(t, "desk")
			if err == nil {
				t.Fatal("locked")
			}
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), printed(err)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
