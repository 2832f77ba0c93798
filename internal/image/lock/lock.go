// Package lock fixes every package of an image by name, version, architecture, size and SHA-256.
//
// [Resolve] asks apt once, layer by layer, each on top of the one below. The result is exact: a build from the same
// lock installs the same bytes, whatever the archive has moved on to, and trusts no mirror, since every package is
// held against its digest.
//
// A lock is written in the syntax of a Debian Packages index, so that apt itself can read it and a difference between
// two locks reads as what it means. Fields of ours begin with "Nhos-".
package lock

import (
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Layer is the layer that a package is installed in.
type Layer string

// The layers that hold packages, from the bottom to the top. Packages of Medium are in no layer: the medium boots by
// files of theirs. Packages has what features add, Additions what the image itself adds: a layer of its own, so that one
// package more doesn't install all the others anew.
const (
	Base      Layer = "base"
	Packages  Layer = "packages"
	Additions Layer = "additions"
	Respin    Layer = "respin"
	Medium    Layer = "medium"
)

var layers = []Layer{Base, Packages, Additions, Respin, Medium}

// A Package is one locked package.
type Package struct {
	Name         string
	Version      string
	Architecture string
	Size         int64  // bytes of the .deb
	SHA256       string // of the .deb
	Filename     string // path of the .deb below the archive's root
	Archive      string // "main" or "security"
	Layer        Layer
	Wanted       bool  // named by a definition, not only needed by another package
	RemovedIn    Layer // the later layer that takes the package away again, or ""
	stanza       stanza
}

// ID is the package in apt's notation: name:architecture=version.
func (p Package) ID() string { return p.Name + ":" + p.Architecture + "=" + p.Version }

// InstalledSize is about how many bytes the package's files take, as its maker says.
func (p Package) InstalledSize() int64 {
	kib, err := strconv.ParseInt(p.stanza.get("Installed-Size"), 10, 64)
	if err != nil {
		return 0 // the field is the maker's to leave out
	}
	return kib << 10
}

// A Lock is the packages of one image, sorted by layer and then by name.
type Lock struct {
	Packages []Package
}

// In returns the packages that are installed in layer.
func (l *Lock) In(layer Layer) []Package {
	var in []Package
	for _, p := range l.Packages {
		if p.Layer == layer {
			in = append(in, p)
		}
	}
	return in
}

// RemovedIn returns the packages that layer takes away from the layers below.
func (l *Lock) RemovedIn(layer Layer) []Package {
	var removed []Package
	for _, p := range l.Packages {
		if p.RemovedIn == layer {
			removed = append(removed, p)
		}
	}
	return removed
}

// Find returns the locked package of this name in the given layers.
func (l *Lock) Find(name string, in ...Layer) (Package, bool) {
	for _, p := range l.Packages {
		if p.Name == name && slices.Contains(in, p.Layer) {
			return p, true
		}
	}
	return Package{}, false
}

// kept are the fields of an index that a lock carries over: what apt needs to install from it, and what tells a
// person what the package is.
var kept = []string{
	"Package", "Source", "Version", "Architecture", "Multi-Arch", "Essential", "Protected", "Important", "Priority",
	"Section", "Installed-Size", "Provides", "Pre-Depends", "Depends", "Conflicts", "Breaks", "Replaces", "Filename",
	"Size", "SHA256",
}

// String writes the lock as a Packages index. Equal locks give equal text.
func (l *Lock) String() string {
	var b strings.Builder
	for i, p := range l.Packages {
		if i > 0 {
			b.WriteByte('\n')
		}
		p.index().write(&b)
		ours := stanza{{"Nhos-Layer", string(p.Layer)}, {"Nhos-Archive", p.Archive}}
		if p.Wanted {
			ours = append(ours, field{"Nhos-Wanted", "yes"})
		}
		if p.RemovedIn != "" {
			ours = append(ours, field{"Nhos-Removed-In", string(p.RemovedIn)})
		}
		ours.write(&b)
	}
	return b.String()
}

// index is the package's stanza without the fields that are ours or that a lock doesn't carry.
func (p Package) index() stanza {
	var s stanza
	for _, name := range kept {
		if v := p.stanza.get(name); v != "" {
			s = append(s, field{name, v})
		}
	}
	return s
}

// sort brings packages into the order that a lock is written in.
func (l *Lock) sort() {
	slices.SortFunc(l.Packages, func(a, b Package) int {
		if c := slices.Index(layers, a.Layer) - slices.Index(layers, b.Layer); c != 0 {
			return c
		}
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Architecture, b.Architecture)
	})
}

// Read reads the lock in file.
func Read(file string) (*Lock, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading a lock: %w", err)
	}
	defer f.Close()
	l, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return l, nil
}

// Parse reads a lock. Every value that becomes part of a path or of a command line is checked.
func Parse(r io.Reader) (*Lock, error) {
	l := &Lock{}
	seen := map[string]int{}
	err := readStanzas(r, func(line int, s stanza) error {
		p, err := newPackage(s)
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		p.Layer, p.RemovedIn = Layer(s.get("Nhos-Layer")), Layer(s.get("Nhos-Removed-In"))
		p.Archive, p.Wanted = s.get("Nhos-Archive"), s.get("Nhos-Wanted") == "yes"
		if !slices.Contains(layers, p.Layer) {
			return fmt.Errorf("line %d: package %s: Nhos-Layer %q is none of base, packages, respin, medium", line, p.Name, p.Layer)
		}
		if p.Archive != "main" && p.Archive != "security" {
			return fmt.Errorf("line %d: package %s: Nhos-Archive %q is neither main nor security", line, p.Name, p.Archive)
		}
		if p.RemovedIn != "" && p.RemovedIn != Packages && p.RemovedIn != Respin {
			return fmt.Errorf("line %d: package %s: Nhos-Removed-In %q is neither packages nor respin", line, p.Name, p.RemovedIn)
		}
		if at, twice := seen[p.Name+":"+p.Architecture+string(p.Layer)]; twice {
			return fmt.Errorf("line %d: package %s stands at line %d already", line, p.Name, at)
		}
		seen[p.Name+":"+p.Architecture+string(p.Layer)] = line
		l.Packages = append(l.Packages, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(l.Packages) == 0 {
		return nil, fmt.Errorf("no package in it")
	}
	l.sort()
	return l, nil
}

var (
	nameSyntax    = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	versionSyntax = regexp.MustCompile(`^[0-9][A-Za-z0-9.+~:-]*$`)
	archSyntax    = regexp.MustCompile(`^[a-z0-9]+$`)
	digestSyntax  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	pathSyntax    = regexp.MustCompile(`^[A-Za-z0-9.+~_/:%-]+$`)
)

// newPackage reads what every Packages index says of a package.
func newPackage(s stanza) (Package, error) {
	p := Package{
		Name: s.get("Package"), Version: s.get("Version"), Architecture: s.get("Architecture"),
		SHA256: s.get("SHA256"), Filename: strings.TrimPrefix(s.get("Filename"), "./"), stanza: s,
	}
	size, err := strconv.ParseInt(s.get("Size"), 10, 64)
	p.Size = size
	switch {
	case !nameSyntax.MatchString(p.Name):
		return p, fmt.Errorf("%q is no package name", p.Name)
	case !versionSyntax.MatchString(p.Version):
		return p, fmt.Errorf("package %s: %q is no version", p.Name, p.Version)
	case !archSyntax.MatchString(p.Architecture):
		return p, fmt.Errorf("package %s: %q is no architecture", p.Name, p.Architecture)
	case err != nil || size <= 0:
		return p, fmt.Errorf("package %s: %q is no size", p.Name, s.get("Size"))
	case !digestSyntax.MatchString(p.SHA256):
		return p, fmt.Errorf("package %s: %q is no SHA-256", p.Name, p.SHA256)
	case !pathSyntax.MatchString(p.Filename) || path.Clean("/"+p.Filename) != "/"+p.Filename:
		return p, fmt.Errorf("package %s: %q is no file name of an archive", p.Name, p.Filename)
	}
	return p, nil
}

// Provides says whether a package of the given layers has this name or provides it, and stays in the image.
func (l *Lock) Provides(name string, in ...Layer) bool {
	return slices.ContainsFunc(l.Packages, func(p Package) bool {
		if !slices.Contains(in, p.Layer) || p.RemovedIn != "" && slices.Contains(in, p.RemovedIn) {
			return false
		}
		return p.Name == name || p.provides(name)
	})
}

// provides says whether the package provides name, in whatever version.
func (p Package) provides(name string) bool { return slices.Contains(p.provided(), name) }

// provided are the names that the package provides besides its own.
func (p Package) provided() []string {
	var names []string
	for one := range strings.SplitSeq(p.stanza.get("Provides"), ",") {
		if f := strings.Fields(one); len(f) > 0 {
			names = append(names, f[0])
		}
	}
	return names
}

// Index returns the stanza of a repository that holds the package at filename.
func (p Package) Index(filename string) string {
	var b strings.Builder
	for _, f := range p.index() {
		if f.name == "Filename" {
			f.value = filename
		}
		stanza{f}.write(&b)
	}
	return b.String()
}
