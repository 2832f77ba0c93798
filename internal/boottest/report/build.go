package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"nhos.org/nhos/internal/inventory"
)

// A Build is what is known of a medium besides its boots. Files are named relative to Dir; a file that isn't there
// is "", and the page is without what it would have told.
type Build struct {
	Dir    string
	ID     string // of the image or respin
	ISO    string // file name
	SHA256 string // of the ISO
	Size   int64  // of the ISO, bytes

	Lock       string // every package by version and SHA-256
	SBOM       string // CycloneDX
	Provenance string // in-toto
	Sums       string // SHA-256 of these files
	Signatures []string
	Inventory  string // of what is on the medium

	// Previous is the build before, and Boots are the latest boots of earlier builds.
	Previous *Build
	Boots    []Run
}

// buildName is the file in which a build says what it made.
const buildName = "build.json"

// ReadBuild reads what a build left in dir, and what is kept of the one before. A folder in which nothing was built
// gives nil.
func ReadBuild(dir string) (*Build, error) {
	b, err := readBuild(dir)
	if b == nil || err != nil {
		return nil, err
	}
	before := filepath.Join(dir, PreviousDir)
	if b.Previous, err = readBuild(before); err != nil {
		return nil, err
	}
	b.Boots, _ = Load(filepath.Join(before, BootsDir)) // none, or one that was cut short, isn't worth an error
	return b, nil
}

func readBuild(dir string) (*Build, error) {
	path := filepath.Join(dir, buildName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var kept struct {
		ID     string `json:"id"`
		ISO    string `json:"iso"`
		Lock   string `json:"lock"`
		SHA256 string `json:"sha256"`
		Size   int64  `json:"size"`
	}
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was built, %s: %w", path, err)
	}
	b := &Build{Dir: dir, ID: kept.ID, ISO: kept.ISO, SHA256: kept.SHA256, Size: kept.Size}
	there := func(name string) string {
		if info, err := os.Stat(filepath.Join(dir, name)); name == "" || !filepath.IsLocal(name) || err != nil || !info.Mode().IsRegular() {
			return ""
		}
		return name
	}
	b.Lock, b.Sums = there(kept.Lock), there("SHA256SUMS")
	b.SBOM, b.Provenance = there(b.ID+".sbom.cdx.json"), there(b.ID+".provenance.json")
	signatures, err := filepath.Glob(filepath.Join(dir, "SHA256SUMS.*"))
	if err != nil {
		return nil, fmt.Errorf("looking for signatures: %w", err)
	}
	for _, path := range signatures {
		b.Signatures = append(b.Signatures, there(filepath.Base(path)))
	}
	b.Inventory = there(b.ID + ".inventory.json.gz")
	return b, nil
}

// holds reads what is on the medium; nil when nobody wrote it down.
func (b *Build) holds() (*inventory.Inventory, error) {
	if b == nil || b.Inventory == "" {
		return nil, nil
	}
	return inventory.Read(filepath.Join(b.Dir, b.Inventory))
}

// of reports whether the build made the medium of one of the runs.
func (b *Build) of(runs []Run) bool {
	return b != nil && slices.ContainsFunc(runs, func(r Run) bool { return r.Result.SHA256 == b.SHA256 })
}
