// Package sbom writes what is on a medium as a CycloneDX bill of materials, the form that scanners for known
// vulnerabilities and the NHS's own assurance ask for.
//
// Every package is a component with its package URL, the digest of the .deb that was installed, and the licences that
// its copyright file names; every file that no package owns is a component of its own. Nothing depends on when or where
// the bill is written: the serial number comes from the medium's key, the time is that of its newest input.
package sbom

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/inventory"
)

// A Medium is what a bill is about.
type Medium struct {
	Inventory    *inventory.Inventory
	Lock         *lock.Lock
	Licences     map[string][]string // by package
	Distribution string              // "debian"
	Suite        string              // "trixie"
	Key          string              // of the medium's plan
	File         string              // of the ISO
	SHA256       string              // of the ISO
	Date         time.Time           // of its newest input
	Version      string              // of nhos
}

// Write writes the bill as CycloneDX 1.6 in JSON. The same medium gives the same bytes.
func Write(w io.Writer, m Medium) error {
	bom := cdx.NewBOM()
	bom.SerialNumber = serial(m.Key + m.SHA256)
	bom.Metadata = &cdx.Metadata{
		Timestamp: m.Date.UTC().Format(time.RFC3339),
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "nhos", Version: m.Version}}},
		Component: &cdx.Component{
			BOMRef: "medium", Type: cdx.ComponentTypeOS, Name: m.Inventory.Product, Version: m.Key[:min(12, len(m.Key))],
			Hashes: sha(m.SHA256), Properties: properties("file", m.File, "image", m.Inventory.Image, "respin", m.Inventory.Respin),
		},
	}
	var components []cdx.Component
	refs := map[string]string{} // by name, of installed packages
	for _, p := range m.Inventory.Packages {
		k := m.locked(p)
		c := m.component(p.Name, p.Version, p.Architecture, k)
		c.Licenses = licences(m.Licences[p.Name])
		c.Properties = properties("layer", p.Layer, "part", p.Part)
		refs[p.Name] = c.BOMRef
		components = append(components, c)
	}
	for _, p := range m.Lock.In(lock.Medium) {
		c := m.component(p.Name, p.Version, p.Architecture, p)
		c.BOMRef = "medium/" + c.BOMRef
		c.Properties = properties("layer", string(lock.Medium))
		components = append(components, c)
	}
	for _, f := range m.Inventory.Files {
		if f.Package == "" && f.Mode&fs.ModeType == 0 {
			components = append(components, cdx.Component{
				BOMRef: "file:" + f.Path, Type: cdx.ComponentTypeFile, Name: f.Path, Hashes: sha(f.SHA256), Properties: properties("layer", f.Layer),
			})
		}
	}
	bom.Components = &components
	bom.Dependencies = dependencies(m, refs)
	e := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
	e.SetPretty(true)
	if err := e.EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return fmt.Errorf("writing the SBOM: %w", err)
	}
	return nil
}

func (m Medium) locked(p inventory.Package) lock.Package {
	for _, k := range m.Lock.Packages {
		if k.Name == p.Name && k.Version == p.Version && k.Architecture == p.Architecture {
			return k
		}
	}
	return lock.Package{}
}

func (m Medium) component(name, version, architecture string, k lock.Package) cdx.Component {
	purl := PackageURL(m.Distribution, m.Suite, name, version, architecture)
	return cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: name, Version: version, PackageURL: purl, Hashes: sha(k.SHA256)}
}

// PackageURL is the package URL of a Debian package (purl-spec, type deb).
func PackageURL(distribution, suite, name, version, architecture string) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "%3A", ":") }
	return fmt.Sprintf("pkg:deb/%s/%s@%s?arch=%s&distro=%s", escape(distribution), escape(name), escape(version), escape(architecture), escape(suite))
}

// dependencies is the graph: the medium needs what definitions name, a package what its Depends come to.
func dependencies(m Medium, refs map[string]string) *[]cdx.Dependency {
	needs := m.Lock.Needs()
	var named []string
	var all []cdx.Dependency
	for _, p := range m.Inventory.Packages {
		if p.Wanted {
			named = append(named, refs[p.Name])
		}
		var on []string
		for _, n := range needs[p.Name] {
			if refs[n] != "" {
				on = append(on, refs[n])
			}
		}
		if slices.Sort(on); len(on) > 0 {
			all = append(all, cdx.Dependency{Ref: refs[p.Name], Dependencies: &on})
		}
	}
	if len(named) > 0 {
		all = append([]cdx.Dependency{{Ref: "medium", Dependencies: &named}}, all...)
	}
	return &all
}

// licences are Debian's short names. Most aren't those of SPDX, so they stand as names.
func licences(names []string) *cdx.Licenses {
	if len(names) == 0 {
		return nil
	}
	var all cdx.Licenses
	for _, n := range names {
		all = append(all, cdx.LicenseChoice{License: &cdx.License{Name: n}})
	}
	return &all
}

func sha(sum string) *[]cdx.Hash {
	if sum == "" {
		return nil
	}
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
}

// properties are name and value in turn; empty values are left out.
func properties(pairs ...string) *[]cdx.Property {
	var all []cdx.Property
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] != "" {
			all = append(all, cdx.Property{Name: "nhos:" + pair[0], Value: pair[1]})
		}
	}
	return &all
}

// serial is a UUID of version 8 (RFC 9562), made of what the medium was made from.
func serial(of string) string {
	b := sha256.Sum256([]byte(of))
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
