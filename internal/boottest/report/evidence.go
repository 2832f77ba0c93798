package report

import (
	"cmp"
	"net/url"
	"os"
	"path/filepath"

	"nhos.org/nhos/internal/ui"
)

// A link leads to a file beside the page.
type link struct{ Href, Name, What, Size string }

// linker makes links to files as seen from the folder of the page.
type linker struct{ dir string }

// file returns a link to a file below the page's folder, or nothing when there is no such file.
func (l linker) file(folder, name, what string) []link {
	if name == "" || !filepath.IsLocal(name) {
		return nil
	}
	path := filepath.Join(folder, name)
	relative, err := filepath.Rel(l.dir, path)
	if err != nil || !filepath.IsLocal(relative) {
		return nil
	}
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	href := (&url.URL{Path: filepath.ToSlash(relative)}).String()
	return []link{{href, readable(relative), what, ui.Bytes(info.Size())}}
}

// build links what proves what a medium is, and the counts for machines.
func (l linker) build(b *Build) []link {
	if b == nil {
		return nil
	}
	var all []link
	all = append(all, l.file(b.Dir, b.ISO, "the medium")...)
	all = append(all, l.file(b.Dir, b.Lock, "lock: every package by version and SHA-256")...)
	all = append(all, l.file(b.Dir, b.SBOM, "SBOM (CycloneDX): every package and file")...)
	all = append(all, l.file(b.Dir, b.Provenance, "provenance (in-toto): what it was made from and by")...)
	all = append(all, l.file(b.Dir, b.Inventory, "inventory: every file with its size and digest")...)
	all = append(all, l.file(b.Dir, b.Sums, "SHA-256 of these files")...)
	for _, name := range b.Signatures {
		all = append(all, l.file(b.Dir, name, "signature of the sums")...)
	}
	return append(all, l.file(b.Dir, buildName, "the build: plan and layers")...)
}

// run links what a boot left.
func (l linker) run(r Run) []link {
	var all []link
	all = append(all, l.file(r.Dir, cmp.Or(r.Result.SerialLog, "serial.log"), "serial port")...)
	all = append(all, l.file(r.Dir, r.Result.Journal, "journal of the guest")...)
	all = append(all, l.file(r.Dir, r.Result.Traffic, "every frame of the guest’s network, for Wireshark")...)
	all = append(all, l.file(r.Dir, "qemu.txt", "QEMU’s command line, to repeat the boot by hand")...)
	return append(all, l.file(r.Dir, ResultName, "all that the boot showed, for programs")...)
}
