//go:build boot

package survival

import (
	"testing"
	"time"

	"nhos.org/nhos/internal/image/archivetest"
)

// TestUndisturbed holds the trial itself against the seed: the same medium from another mirror, store and folder.
func TestUndisturbed(t *testing.T) {
	c := newTrial(t, "")
	c.built("ward")
}

// TestSpoiltPackages takes away and spoils a package that the respin adds. The message names the line that adds it.
func TestSpoiltPackages(t *testing.T) {
	const line = "respins/ward/respin.yaml:5:9: fetching package bc "
	const reach, other = "hint: is the mirror reachable?", "hint: the mirror has other bytes under this name than those that were locked"
	c := newTrial(t, "")
	for name, k := range map[string]struct {
		fault archivetest.Fault
		words []string
	}{
		"withdrawn": {archivetest.Missing, []string{line, "Not Found", "hint: the archive has moved on: make a new lock with nhos lock"}},
		"busy":      {archivetest.Busy, []string{line, "Service Unavailable", reach}},
		"truncated": {archivetest.Truncated, []string{line, "its SHA-256 is ", other}},
		"altered":   {archivetest.Altered, []string{line, "its SHA-256 is ", other}},
		"cut off":   {archivetest.Dropped, []string{line, "unexpected EOF", reach}},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.forgetPackage("bc")
			c.archive.Break("/bc_", k.fault, archivetest.Always)
			c.fails(k.words, "build", "ward")
			c.archive.Mend()
		})
	}
	c.t = t
	c.archive.Slow(300 * time.Millisecond)
	c.archive.Break("/bc_", archivetest.Dropped, 1)
	c.built("ward")
}

// TestSpoiltIndexes spoils what is signed, and takes the mirror away.
func TestSpoiltIndexes(t *testing.T) {
	const indexes = "fetching the package indexes of trixie: "
	c := newTrial(t, "")
	for name, k := range map[string]struct {
		spoil func(a *archivetest.Archive)
		words []string
	}{
		"bad signature":     {(*archivetest.Archive).Tamper, []string{indexes, "BADSIG", "hint: what came isn't what the archive signed"}},
		"another key":       {(*archivetest.Archive).ChangeKey, []string{indexes, "NO_PUBKEY", "hint: this machine's keyring doesn't know the key"}},
		"expired signature": {(*archivetest.Archive).Expire, []string{indexes, "is expired", "hint: either the mirror is out of date or this machine's clock is"}},
		"gone":              {(*archivetest.Archive).Close, []string{indexes, "Could not connect", "hint: is the mirror reachable?"}},
		"altered index": {
			func(a *archivetest.Archive) { a.Break("/Packages", archivetest.Altered, archivetest.Always) },
			[]string{indexes, "Hash Sum mismatch", "hint: the mirror may be in the middle of an update"},
		},
		"truncated index": {
			func(a *archivetest.Archive) { a.Break("/Packages", archivetest.Truncated, archivetest.Always) },
			[]string{indexes, "File has unexpected size", "hint: the mirror may be in the middle of an update"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.serve("") // it ends with its test
			k.spoil(c.archive)
			c.fails(k.words, "build", "ward")
		})
	}
	c.t = t
	c.serve("")
	c.built("ward")
}

// TestPackagesThatCannotBeHad asks for a package that isn't there and for two that don't go together.
func TestPackagesThatCannotBeHad(t *testing.T) {
	c := newTrial(t, `
Package: cat

Package: dog
Conflicts: cat
`)
	c.write(`
-- respins/unknown/respin.yaml --
description: Asks for a package that nobody has
image: plain
packages: {add: [bcc]}
-- respins/conflict/respin.yaml --
description: Asks for packages that conflict
image: plain
packages:
  add:
    - cat
    - dog
`)
	c.fails([]string{`respins/unknown/respin.yaml:3:18: no package "bcc" in debian trixie`, `hint: did you mean "bc"?`}, "build", "unknown")
	c.fails([]string{`respins/conflict/respin.yaml:6:7: package "dog" can't be installed with the others: Conflicts: cat`}, "build", "conflict")
	c.built("ward")
}
