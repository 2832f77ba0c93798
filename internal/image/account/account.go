// Package account says what a medium holds and which part of its definition brings it.
//
// It has no facts of its own: what is there comes from the layers' lists (package contents), what was asked for from the
// definition and its lock. A package belongs to the first part, in the order of the definition, that asks for it or for
// something that needs it; so what two features share counts for the first of them, and the parts' sizes add up.
package account

import (
	"io/fs"
	"slices"
	"strings"

	"nhos.org/nhos/internal/image/contents"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/inventory"
)

// Of fills the inventory of an image's root. layers are those of the medium, the bottom first.
func Of(img *definition.Image, l *lock.Lock, root *contents.Root, layers []inventory.Layer) *inventory.Inventory {
	v := &inventory.Inventory{
		Image: img.Name, Respin: img.Respin, Product: img.Product.Value, Layers: layers,
		Packages: []inventory.Package{}, Parts: []inventory.Part{}, Files: make([]inventory.File, 0, len(root.Entries)),
	}
	laid := layFiles(img)
	brings := map[string]string{} // the part by package
	for _, p := range img.Parts {
		v.Parts = append(v.Parts, inventory.Part{Name: PartName(p)})
	}
	part := func(name string) *inventory.Part {
		i := slices.IndexFunc(v.Parts, func(p inventory.Part) bool { return p.Name == name })
		return &v.Parts[max(i, 0)]
	}
	attribute(img, l, brings)

	packages := map[string]*inventory.Package{}
	for _, i := range root.Installed {
		p := inventory.Package{Name: i.Name, Version: i.Version, Architecture: i.Architecture, Part: brings[i.Name]}
		if k, ok := l.Find(i.Name, lock.Base, lock.Packages, lock.Respin); ok {
			p.Layer, p.Wanted = string(k.Layer), k.Wanted
		}
		v.Packages = append(v.Packages, p)
	}
	slices.SortFunc(v.Packages, func(a, b inventory.Package) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Architecture, b.Architecture)
	})
	for i := range v.Packages {
		packages[v.Packages[i].Name] = &v.Packages[i]
	}
	for _, e := range root.Entries {
		f := inventory.File{
			Path: e.Path, Mode: e.Mode, Size: e.Size, SHA256: e.SHA256, Target: e.Target, Package: root.Owner[e.Path], Layer: layers[e.Layer].Name,
		}
		v.Files = append(v.Files, f)
		if p := packages[f.Package]; p != nil {
			p.Size += f.Size
			p.Files++
		}
		// A file that a part lays is its own, also where it replaces a package's: the package counts what is there.
		if by, ok := laid[f.Path]; ok && f.Package == "" && by.sha256 == f.SHA256 {
			part(by.part).Size += f.Size
		}
	}
	slices.SortFunc(v.Files, func(a, b inventory.File) int { return strings.Compare(a.Path, b.Path) })
	for _, p := range v.Packages {
		if p.Part != "" {
			by := part(p.Part)
			by.Packages++
			by.Size += p.Size
		}
	}
	return v
}

// PartName is how an inventory calls a part: "feature office".
func PartName(p definition.Part) string { return string(p.Kind) + " " + p.Name }

// attribute finds the part that each package of the lock is there for.
func attribute(img *definition.Image, l *lock.Lock, brings map[string]string) {
	needs := l.Needs()
	var bring func(name, part string)
	bring = func(name, part string) {
		if _, known := brings[name]; known {
			return
		}
		brings[name] = part
		for _, n := range needs[name] {
			bring(n, part)
		}
	}
	last := map[lock.Layer]string{} // what isn't needed by anything named came with the layer
	for _, p := range img.Parts {
		name := PartName(p)
		switch p.Kind {
		case definition.KindBase:
			last[lock.Base] = name
			for _, k := range l.In(lock.Base) { // the base is chosen alone
				brings[k.Name] = name
			}
		case definition.KindRespin:
			last[lock.Respin] = name
		default:
			last[lock.Packages] = name
		}
		for _, k := range p.Packages.Add {
			bring(k.Name, name)
		}
	}
	for _, k := range l.Packages {
		if _, known := brings[k.Name]; !known && k.Layer != lock.Medium {
			brings[k.Name] = last[k.Layer]
		}
	}
}

type laidFile struct{ part, sha256 string }

// layFiles are the regular files that the parts lay, by path; the last part has the last word.
func layFiles(img *definition.Image) map[string]laidFile {
	laid := map[string]laidFile{}
	for _, p := range img.Parts {
		for _, f := range p.Files {
			if f.Type != fs.ModeDir {
				laid[f.Path] = laidFile{PartName(p), f.SHA256}
			}
		}
	}
	return laid
}
