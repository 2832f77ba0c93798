package definition

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"nhos.org/nhos/internal/image/secrets"
	"nhos.org/nhos/internal/ui"
)

// Load reads and merges the image or the respin that is called id.
//
// An error joins all that is wrong, each an *[Error] with its hint (ui.HintOf); walk Unwrap() []error to get at them.
// Where id itself names nothing there is one plain error that lists what there is.
func Load(dir, id string) (*Image, error) { return LoadWith(dir, id, nil) }

// Texts are what definition files would hold, by their path below the definitions folder with slashes.
type Texts map[string][]byte

// LoadWith is [Load] with some files replaced or added, so that a change can be tried before it is written.
func LoadWith(dir, id string, with Texts) (*Image, error) {
	l, err := newLoader(dir, with)
	if err != nil {
		return nil, err
	}
	defer l.close()
	return l.load(id)
}

// load reads all that belongs to id.
func (l *loader) load(id string) (*Image, error) {
	isImage := isName(id) && l.exists(fileOf(KindImage, id))
	isRespin := isName(id) && l.exists(fileOf(KindRespin, id))
	switch {
	case isImage && isRespin:
		l.add(Origin{File: fileOf(KindRespin, id)}, "rename one of them",
			"%s has the same name, so %q could be either", fileOf(KindImage, id), id)
	case isImage:
		l.image(id, Origin{File: fileOf(KindImage, id), Line: 1, Column: 1})
	case isRespin:
		l.respin(id)
	default:
		return nil, unknown(l.dir, id)
	}
	return l.result()
}

// result merges what was read.
func (l *loader) result() (*Image, error) {
	img := l.merge() // also after an error: what it finds belongs to the same report
	if err := l.err(); err != nil {
		return nil, err
	}
	img.sources, img.digests = l.Sources(), l.Digests()
	return img, nil
}

// unknown is the error for an id that is neither an image nor a respin.
func unknown(dir, id string) error {
	images, respins, err := List(dir)
	if err != nil {
		return err
	}
	list := func(what string, names []string) string {
		if len(names) == 0 {
			return "no " + what
		}
		return what + " " + strings.Join(names, ", ")
	}
	err = fmt.Errorf("no image or respin is called %s: there are %s and %s",
		quote(id), list("images", images), list("respins", respins))
	if near := ui.Nearest(id, append(images, respins...)); near != "" {
		err = ui.Hint(err, fmt.Sprintf("did you mean %q?", near))
	}
	return err
}

// A loader reads the files that one image is made from.
type loader struct {
	*report
	dir   string
	root  *os.Root
	with  Texts
	parts []part
	keys  struct { // of the files that there is one of
		base   baseKeys
		image  imageKeys
		respin respinKeys
	}
	names struct{ base, image, respin string }
}

func newLoader(dir string, with Texts) (*loader, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	return &loader{report: newReport(), dir: dir, root: root, with: with}, nil
}

func (l *loader) close() { _ = l.root.Close() }

// exists says whether a definition file is there, or would be.
func (l *loader) exists(file string) bool {
	_, would := l.with[file]
	return would || exists(l.root, file)
}

// A part is a Part with what isn't kept in the result.
type part struct {
	Part
	settings Settings
	checks   []checkKeys
}

// read decodes the definition file of a base, feature, image or respin.
func (l *loader) read(kind Kind, name string, into any) bool {
	file := fileOf(kind, name)
	text, replaced := l.with[file]
	if !replaced {
		var ok bool
		if text, ok = l.text(l.root, file); !ok {
			return false
		}
	}
	n := l.parseText(file, text)
	if n == nil {
		return false
	}
	l.decode(file, n, into)
	return true
}

// named says whether a definition of that name exists, and reports where it is named if not.
func (l *loader) named(kind Kind, name Value[string]) bool {
	if name.Value == "" || l.exists(fileOf(kind, name.Value)) {
		return name.Value != ""
	}
	if kind != KindImage && exists(l.root, folderOf(kind, name.Value)) {
		l.add(name.Origin, "write "+fileOf(kind, name.Value), "%s %s has no %s.yaml", kind, quote(name.Value), kind)
		return false
	}
	known, err := names(l.root, kind)
	if err != nil {
		known = nil
	}
	l.add(name.Origin, suggest(name.Value, folders[kind], known), "unknown %s %s", kind, quote(name.Value))
	return false
}

func (l *loader) respin(name string) {
	l.names.respin = name
	k := &l.keys.respin
	ok := l.read(KindRespin, name, k)
	if ok && l.named(KindImage, k.Image) {
		l.image(k.Image.Value, k.Image.Origin)
	}
	p := l.part(KindRespin, name, Origin{File: fileOf(KindRespin, name), Line: 1, Column: 1}, k.Description, k.Packages, k.Settings, k.AllowSecrets)
	l.folder(&p, k.Files)
	p.checks = append(k.Checks, p.checks...)
	l.parts = append(l.parts, p)
}

func (l *loader) image(name string, at Origin) {
	l.names.image = name
	k := &l.keys.image
	if !l.read(KindImage, name, k) {
		return
	}
	if l.named(KindBase, k.Base) {
		l.base(k.Base)
	}
	line := map[string]int{}
	for _, f := range k.Features {
		if first, again := line[f.Value]; again {
			l.add(f.Origin, "leave one of them out", "feature %q is already on line %d", f.Value, first)
			continue
		}
		line[f.Value] = f.Origin.Line
		if l.named(KindFeature, f) {
			l.feature(f)
		}
	}
	p := l.part(KindImage, name, at, k.Description, k.Packages, k.Settings, k.AllowSecrets)
	p.checks = k.Checks
	l.parts = append(l.parts, p)
}

func (l *loader) base(name Value[string]) {
	l.names.base = name.Value
	k := &l.keys.base
	if l.read(KindBase, name.Value, k) {
		p := l.part(KindBase, name.Value, name.Origin, k.Description, packageKeys{Add: k.Packages.Add}, k.Settings, k.AllowSecrets)
		l.folder(&p, k.Files)
		l.parts = append(l.parts, p)
	}
}

func (l *loader) feature(name Value[string]) {
	var k featureKeys
	if l.read(KindFeature, name.Value, &k) {
		p := l.part(KindFeature, name.Value, name.Origin, k.Description, k.Packages, k.Settings, k.AllowSecrets)
		l.folder(&p, k.Files)
		l.parts = append(l.parts, p)
	}
}

// part makes a part of what one file says.
func (l *loader) part(kind Kind, name string, at Origin, description Value[string], k packageKeys, s Settings, allow []allowKeys) part {
	p := part{settings: s}
	p.Kind, p.Name, p.Origin = kind, name, at
	p.Description = description.Value
	p.Origins = Origins{"description": description.Origin}
	p.Packages = Packages{Add: packagesOf(k.Add), Remove: packagesOf(k.Remove)}
	p.Files, p.Scripts, p.AllowSecrets = []File{}, []Script{}, []AllowedSecret{}
	for _, a := range allow {
		p.AllowSecrets = append(p.AllowSecrets, AllowedSecret{a.Path.Value, secrets.Kind(a.Kind.Value), a.Reason.Value, a.Path.Origin})
	}
	line := map[string]int{}
	for _, a := range p.Packages.Add {
		line[a.Name] = a.Origin.Line
	}
	for _, r := range p.Packages.Remove {
		if added, both := line[r.Name]; both {
			l.add(r.Origin, "leave one of them out", "package %q is added on line %d and removed here", r.Name, added)
		}
	}
	return p
}

func packagesOf(names []Value[string]) []Package {
	packages := make([]Package, len(names))
	for i, n := range names {
		packages[i] = Package{n.Value, n.Origin}
	}
	return packages
}
