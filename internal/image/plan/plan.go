// Package plan says what a build will do before it does it.
//
// [New] turns a definition and its lock into layers, each a plain value: what it stands on, the packages that go in,
// and the ops that follow. Its key is the digest of all of that and of the tools that make it, so a layer that the
// store already has is the layer that would be made. What isn't in the key can't influence the layer.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/media"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/secrets"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

// stepVersion is part of every key. It is raised when the way a layer is made changes without its inputs changing.
// The rules of the scan for secrets are part of that way.
const stepVersion = 4 + secrets.Version

// A Plan is what a build of one image does.
type Plan struct {
	Image  *definition.Image `json:"-"`
	Lock   *lock.Lock        `json:"-"`
	Layers []Layer           `json:"layers"` // the bottom first
	Boot   Boot              `json:"boot"`
	Medium Medium            `json:"medium"`
	Tools  Tools             `json:"-"`
}

// A Layer is one file system of the stack.
type Layer struct {
	Name string       `json:"name"` // base, packages, additions, configuration, respin
	File string       `json:"file"` // on the medium, below /live
	Key  store.Digest `json:"key"`
	// Install and Remove are the packages that change on top of the layer below.
	Install []Package `json:"install,omitempty"`
	Remove  []string  `json:"remove,omitempty"`
	// Ops follow the packages.
	Ops []rootfs.Op `json:"ops,omitempty"`
	// Kernel says that the layer gives the kernel and the initrd that the medium boots.
	Kernel bool `json:"kernel,omitempty"`
	Cached bool `json:"cached"`
	// Why says in a few words why the layer is reused or made; Reasons are all differences from the last time.
	Why     string   `json:"why"`
	Reasons []Reason `json:"reasons,omitempty"`
	Size    int64    `json:"size,omitempty"` // bytes of a cached layer

	recipe Note[Recipe]
	memory
}

// A Package is what of a locked package goes into a layer's key.
type Package struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	SHA256       string `json:"sha256"`
	Wanted       bool   `json:"wanted,omitempty"` // apt marks it as installed by hand
}

// Boot is what firmware starts: shim, GRUB and their modules, taken from packages of the same suite.
type Boot struct {
	Key     store.Digest `json:"key"`
	Install []Package    `json:"install"`
	Cached  bool         `json:"cached"`
	Why     string       `json:"why"`
	Reasons []Reason     `json:"reasons,omitempty"`
	memory
}

// bootFiles is what the boot files are called where layers have names.
const bootFiles = "boot files"

// A Medium is the ISO that the layers are written to.
type Medium struct {
	Key  store.Digest `json:"key"`
	File string       `json:"file"`
	// Reasons are the differences from the last medium of the image that was written, none if it was made from the same.
	Reasons []Reason `json:"reasons,omitempty"`
	media.Content
	memory
}

// Tools are the versions of the programs that make layers, and of those that write media, by name.
type Tools struct{ Layer, Medium map[string]string }

// New plans the build of img from l. plain is the image that a respin is of, or img itself.
func New(img, plain *definition.Image, l *lock.Lock, tools Tools, s *store.Store) (*Plan, error) {
	if err := covers(img, l); err != nil {
		return nil, err
	}
	p := &Plan{Image: img, Lock: l, Tools: tools}
	if err := p.layers(img, plain, tools.Layer); err != nil {
		return nil, err
	}
	for i := range p.Layers {
		p.look(i, s)
	}
	p.boot(tools.Layer, s)
	p.medium(img, tools.Medium, s)
	return p, nil
}

func (p *Plan) layers(img, plain *definition.Image, tools map[string]string) error {
	base := Layer{
		Name: "base", File: "10-base.squashfs", Install: packages(p.Lock.In(lock.Base)), Ops: rootfs.CleanUp(),
	}
	p.add(base, struct{ Suite, Exclude, Include any }{img.Base.Suite, img.Base.Exclude, img.Base.Include}, img, tools)

	for _, more := range []struct {
		layer lock.Layer
		file  string
	}{{lock.Packages, "20-packages.squashfs"}, {lock.Additions, "25-additions.squashfs"}} {
		in, gone := p.Lock.In(more.layer), p.Lock.RemovedIn(more.layer)
		if len(in)+len(gone) > 0 {
			p.add(Layer{Name: string(more.layer), File: more.file, Install: packages(in), Remove: names(gone), Ops: rootfs.CleanUp()}, nil, img, tools)
		}
	}

	configuration, err := configure(plain)
	if err != nil {
		return err
	}
	if err := settable(plain, p.Lock, imageLayers()...); err != nil {
		return err
	}
	p.add(Layer{
		Name: "configuration", File: "30-configuration.squashfs", Kernel: true,
		Ops: append(append(configuration, initramfs()...), rootfs.CleanUp()...),
	}, nil, img, tools)

	if img.Respin == "" {
		return nil
	}
	if err := settable(img, p.Lock, append(imageLayers(), lock.Respin)...); err != nil {
		return err
	}
	respun, err := configure(img)
	if err != nil {
		return err
	}
	ops := difference(img, plain, respun, configuration)
	respin := Layer{
		Name: "respin", File: "40-respin.squashfs",
		Install: packages(p.Lock.In(lock.Respin)), Remove: names(p.Lock.RemovedIn(lock.Respin)), Ops: ops,
	}
	if reachesInitramfs(ops) {
		respin.Kernel = true
		respin.Ops = append(respin.Ops, initramfsAgain()...)
	}
	respin.Ops = append(respin.Ops, rootfs.CleanUp()...)
	p.add(respin, nil, img, tools)
	return nil
}

// add appends a layer on top of the others and gives it its key. more is what goes in besides the layer's own fields.
func (p *Plan) add(l Layer, more any, img *definition.Image, tools map[string]string) {
	var parent store.Digest
	if n := len(p.Layers); n > 0 {
		parent = p.Layers[n-1].Key
	}
	recipe := Recipe{stepVersion, parent, img.Compression.Value, tools, l.Install, l.Remove, placeless(l.Ops), l.Kernel, more}
	l.Key = recipe.key()
	l.recipe = Note[Recipe]{Key: l.Key, Recipe: recipe, From: []rootfs.Cause{setting("compression", img.Compression)}}
	if parent == "" {
		l.recipe.From = append(l.recipe.From, baseCauses(img)...)
	}
	l.memory = newMemory(noteNames(img, l.Name)[0], l.recipe)
	p.Layers = append(p.Layers, l)
}

// look finds out whether the store has layer i already, and if not, what differs from the last time that it was made.
func (p *Plan) look(i int, s *store.Store) {
	l := &p.Layers[i]
	action, err := s.Action(l.Key)
	if err != nil {
		below := ""
		if i > 0 {
			below = p.Layers[i-1].Name
		}
		was := recall[Recipe](s, noteNames(p.Image, l.Name)...)
		l.Reasons = since(p.Image, was, l.Key, func(c *comparison) { c.layer(was, &l.recipe, below) })
		l.Why = summary(l.Reasons)
		return
	}
	l.Cached, l.Size = true, action.Outputs[LayerOutput].Size
	l.Why = "the same inputs gave it on " + action.Made.Format("2 January 2006 15:04")
}

// The names of what actions put out.
const (
	LayerOutput  = "layer"
	KernelOutput = "kernel"
	InitrdOutput = "initrd"
	// ContentsOutput lists what is in the layer (package contents).
	ContentsOutput = "contents"
	// TreeOutput has the digests of the layer's blocks, and RootOutput the one that all others follow from (package verity).
	TreeOutput = "tree"
	RootOutput = "root"
)

func (p *Plan) boot(tools map[string]string, s *store.Store) {
	p.Boot.Install = packages(p.Lock.In(lock.Medium))
	recipe := BootRecipe{stepVersion, p.Layers[0].Key, tools, p.Boot.Install, media.BootScript}
	p.Boot.Key = digest(recipe)
	is := Note[BootRecipe]{Key: p.Boot.Key, Recipe: recipe}
	p.Boot.memory = newMemory(noteNames(p.Image, bootFiles)[0], is)
	action, err := s.Action(p.Boot.Key)
	if err != nil {
		was := recall[BootRecipe](s, noteNames(p.Image, bootFiles)...)
		p.Boot.Reasons = since(p.Image, was, p.Boot.Key, func(c *comparison) { c.boot(was, &is, p.Layers[0].Name) })
		p.Boot.Why = summary(p.Boot.Reasons)
		return
	}
	p.Boot.Cached = true
	p.Boot.Why = "the same inputs gave it on " + action.Made.Format("2 January 2006 15:04")
}

func (p *Plan) medium(img *definition.Image, tools map[string]string, s *store.Store) {
	c := media.Content{
		Image: img.Name, Respin: img.Respin, Product: img.Product.Value, Graphical: img.Settings.Graphical.Value,
		Distribution: img.Base.Distribution, Suite: img.Base.Suite, Architecture: img.Base.Architecture,
		MenuTimeout: img.Settings.MenuTimeout.Value, Environment: environment(img),
	}
	delete(c.Environment, sourceVariable)
	for _, a := range img.Settings.KernelArguments {
		c.KernelArguments = append(c.KernelArguments, a.Value)
	}
	for _, d := range img.Settings.Destinations {
		c.Destinations = append(c.Destinations, d.Value)
	}
	// What may pass the scan for secrets changes no layer, but whether the medium may be made of them.
	var allowed []string
	for _, part := range img.Parts {
		c.Checks = append(c.Checks, part.Checks...)
		for _, a := range part.AllowSecrets {
			allowed = append(allowed, a.Path+" "+string(a.Kind))
		}
	}
	is := Note[MediumRecipe]{From: mediumCauses(img)}
	var keys []store.Digest
	for _, l := range p.Layers {
		keys, is.Layers = append(keys, l.Key), append(is.Layers, l.Name)
	}
	is.Recipe = MediumRecipe{stepVersion, keys, p.Boot.Key, c, media.Menu(c, nil), tools, allowed} // the roots follow from the layers
	is.Key = digest(is.Recipe)
	p.Medium = Medium{File: fileName(img), Content: c, Key: is.Key, memory: newMemory(noteNames(img, "medium")[0], is)}
	if was := recall[MediumRecipe](s, noteNames(img, "medium")[0]); was == nil || was.Key != is.Key {
		p.Medium.Reasons = since(img, was, is.Key, func(c *comparison) { c.medium(was, &is) })
	}
}

// fileName is the medium's name: the product's in lower case and the architecture.
func fileName(img *definition.Image) string {
	var b strings.Builder
	for _, c := range strings.ToLower(img.Product.Value) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-")
	if name == "" {
		name = img.ID() // a product's name in another script
	}
	return name + "-" + img.Base.Architecture + ".iso"
}

// covers says whether the lock holds what the definition asks for. A lock that was made from the same definition does.
func covers(img *definition.Image, l *lock.Lock) error {
	wanted := []struct {
		packages []definition.Package
		in       []lock.Layer
	}{
		{img.BasePackages(), []lock.Layer{lock.Base}},
		{img.Base.Medium, []lock.Layer{lock.Base, lock.Medium}},
		{img.ImagePackages(), imageLayers()},
		{img.RespinPackages(), append(imageLayers(), lock.Respin)},
	}
	for _, w := range wanted {
		for _, p := range w.packages {
			if !l.Provides(p.Name, w.in...) {
				return ui.Hint(
					img.ErrorAt(p.Origin, fmt.Sprintf("package %q is not in the lock", p.Name)),
					"the definition has changed since the lock was made: nhos lock "+img.ID()+" makes a new one")
			}
		}
	}
	return nil
}

// imageLayers are the layers that an image without a respin has its packages in.
func imageLayers() []lock.Layer { return []lock.Layer{lock.Base, lock.Packages, lock.Additions} }

func packages(locked []lock.Package) []Package {
	var in []Package
	for _, p := range locked {
		in = append(in, Package{p.Name, p.Version, p.Architecture, p.SHA256, p.Wanted})
	}
	return in
}

func names(locked []lock.Package) []string {
	var in []string
	for _, p := range locked {
		in = append(in, p.Name)
	}
	return in
}

// keyed are ops without the places on this machine that their bytes come from, and without what explains them.
func keyed(ops []rootfs.Op) []rootfs.Op {
	var k []rootfs.Op
	for _, op := range ops {
		op.Source, op.Why, op.From = "", "", nil
		k = append(k, op)
	}
	return k
}

// placeless are ops without the places on this machine that their bytes come from.
func placeless(ops []rootfs.Op) []rootfs.Op {
	k := slices.Clone(ops)
	for i := range k {
		k[i].Source = ""
	}
	return k
}

// digest is the SHA-256 of v's JSON, in which maps are sorted by key.
func digest(v any) store.Digest {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // every v is made of strings, numbers, slices and maps of strings
	}
	sum := sha256.Sum256(text)
	return store.Digest(hex.EncodeToString(sum[:]))
}
