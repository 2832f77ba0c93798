package account_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/image/account"
	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/contents"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/inventory"
)

const definitions = `
-- images/desk.yaml --
description: A desk
base: test
product: The Desk
features: [paper, tea]
packages:
  add: [lamp]
-- features/paper/feature.yaml --
description: Paper
packages:
  add: [paper]
-- features/paper/files/etc/papersize --
a4
-- features/paper/files/etc/changed --
before
-- features/tea/feature.yaml --
description: Tea
packages:
  add: [tea]
-- respins/ward/respin.yaml --
description: A ward
image: desk
packages:
  add: [bed]
  remove: [lamp]
-- respins/ward/files/etc/ward --
7
`

// entry is a stanza of a lock.
func entry(name, layer, more string) string {
	return "Package: " + name + "\nVersion: 1\nArchitecture: all\nFilename: pool/" + name + ".deb\nSize: 1\nSHA256: " + strings.Repeat("0", 64) +
		"\nNhos-Layer: " + layer + "\nNhos-Archive: main\n" + more + "\n"
}

var locked = entry("kernel", "base", "Nhos-Wanted: yes\n") + entry("libc", "base", "") +
	entry("paper", "packages", "Nhos-Wanted: yes\nDepends: pulp (>= 1) | stone, libc\n") +
	entry("pulp", "packages", "Pre-Depends: ink:any\n") +
	entry("ink-blue", "packages", "Provides: ink (= 2)\nDepends: paper\n") + // each needs the other
	entry("tea", "packages", "Nhos-Wanted: yes\nDepends: cup, ink\n") +
	entry("cup", "packages", "") +
	entry("saucer", "packages", "") + // nobody needs it by Depends
	entry("lamp", "packages", "Nhos-Wanted: yes\nNhos-Removed-In: respin\n") +
	entry("bed", "respin", "Nhos-Wanted: yes\n") +
	entry("shim", "medium", "")

func TestOf(t *testing.T) {
	dir := t.TempDir()
	archivetest.Write(t, dir, "-- bases/test/base.yaml --\n"+archivetest.Base+definitions)
	img, err := definition.Load(dir, "ward")
	if err != nil {
		t.Fatal(err)
	}
	l, err := lock.Parse(strings.NewReader(locked))
	if err != nil {
		t.Fatal(err)
	}

	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	status := ""
	for i, name := range []string{"kernel", "libc", "paper", "pulp", "ink-blue", "tea", "cup", "saucer", "bed"} {
		write("usr/"+name, strings.Repeat("x", 1<<i))
		write("var/lib/dpkg/info/"+name+".list", "/usr\n/usr/"+name+"\n")
		status += "Package: " + name + "\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n"
	}
	write("var/lib/dpkg/status", status)
	write("etc/papersize", "a4\n")
	write("etc/changed", "by a script\n")
	write("etc/ward", "7\n")
	layer, err := contents.Scan(context.Background(), root)
	if err != nil {
		t.Fatal(err)
	}

	v := account.Of(img, l, contents.Merge([]*contents.Layer{layer}), []inventory.Layer{{Name: "base"}})
	got := map[string]string{}
	for _, p := range v.Packages {
		got[p.Name] = p.Layer + ", " + p.Part
		if p.Files != 1 || p.Wanted != (p.Name == "kernel" || p.Name == "paper" || p.Name == "tea" || p.Name == "bed") {
			t.Errorf("%+v", p)
		}
	}
	want := map[string]string{
		"kernel": "base, base test", "libc": "base, base test",
		"paper": "packages, feature paper", "pulp": "packages, feature paper", "ink-blue": "packages, feature paper",
		"tea": "packages, feature tea", "cup": "packages, feature tea", "saucer": "packages, image desk",
		"bed": "respin, respin ward",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("packages (-want +got):\n%s", d)
	}
	parts := []inventory.Part{
		{Name: "base test", Packages: 2, Size: 1 + 2},
		{Name: "feature paper", Packages: 3, Size: 4 + 8 + 16 + 3},
		{Name: "feature tea", Packages: 2, Size: 32 + 64},
		{Name: "image desk", Packages: 1, Size: 128},
		{Name: "respin ward", Packages: 1, Size: 256 + 2},
	}
	if d := cmp.Diff(parts, v.Parts); d != "" {
		t.Errorf("parts (-want +got):\n%s", d)
	}

	sizes := v.Sizes(2)
	if sizes.Packages[0].Name != "bed" || len(sizes.Packages) != 2 || sizes.Parts[0].Name != "respin ward" {
		t.Errorf("the largest: %+v", sizes)
	}
	sum := sizes.Other
	for _, p := range sizes.Parts {
		sum += p.Size
	}
	if sum != sizes.Total || sizes.Other < 12 { // the changed file, and dpkg's own
		t.Errorf("parts and other come to %d of %d", sum, sizes.Total)
	}
}
