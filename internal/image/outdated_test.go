package image

import (
	"os"
	"path/filepath"
	"testing"

	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/build"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

const outdatedPackages = `Package: kernel
Version: 1

Package: shim
Version: 1

Package: paper
Version: 1
`

func TestOutdated(t *testing.T) {
	archive := archivetest.New(t, outdatedPackages)
	const definition = "-- images/table.yaml --\ndescription: A table\nbase: test\nproduct: The Table\npackages: {add: [paper]}\n"
	dir := archive.Definitions(t, definition)
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Definitions: dir, ID: "table", Mirror: archive.Mirror(), Store: s, Progress: ui.NewProgress(os.Stderr, ui.Silent)}
	p, _, err := Plan(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if err := os.WriteFile(filepath.Join(out, "table.lock"), []byte(p.Lock.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	built := &build.Result{ID: "table", Key: p.Medium.Key, Lock: "table.lock", Dir: out}
	outdated := func(want bool, when string) {
		t.Helper()
		if Outdated(t.Context(), r, built) != want {
			t.Errorf("outdated is %t %s", !want, when)
		}
	}
	outdated(false, "right after the build")

	archive.Publish(outdatedPackages + "\nPackage: pencil\nVersion: 1\n")
	outdated(false, "when only the archive has moved on")

	archivetest.Write(t, dir, definition+"compression: small\n")
	outdated(true, "when the definition has another compression")
	archivetest.Write(t, dir, definition)
	outdated(false, "when the definition is as it was")

	archivetest.Write(t, dir, "-- images/table.yaml --\ndescription: A table\nbase: nowhere\nproduct: The Table\n")
	outdated(true, "when the definition can't be read")
	archivetest.Write(t, dir, definition)

	built.Key = "another"
	outdated(true, "when the key is another")
	built.Key, built.Lock = p.Medium.Key, "gone.lock"
	outdated(true, "without its lock")
}
