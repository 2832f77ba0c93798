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
const stepVersion = 1 + secrets.Version

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
	Name string       `json:"name"` // base, packages, configuration, respin
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
	// Why says in a few words why the layer is reused or made.
	Why  string `json:"why"`
	Size int64  `json:"size,omitempty"` // bytes of a cached layer
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
}

// A Medium is the ISO that the layers are written to.
type Medium struct {
	Key  store.Digest `json:"key"`
	File string       `json:"file"`
	media.Content
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
		p.Layers[i].look(s)
	}
	p.boot(tools.Layer, s)
	p.medium(img, tools.Medium)
	return p, nil
}

func (p *Plan) layers(img, plain *definition.Image, tools map[string]string) error {
	base := Layer{
		Name: "base", File: "10-base.squashfs", Install: packages(p.Lock.In(lock.Base)), Ops: rootfs.CleanUp(),
	}
	p.add(base, struct{ Suite, Exclude, Include any }{img.Base.Suite, img.Base.Exclude, img.Base.Include}, img, tools)

	if in := p.Lock.In(lock.Packages); len(in)+len(p.Lock.RemovedIn(lock.Packages)) > 0 {
		p.add(Layer{
			Name: "packages", File: "20-packages.squashfs", Install: packages(in), Remove: names(p.Lock.RemovedIn(lock.Packages)),
			Ops: rootfs.CleanUp(),
		}, nil, img, tools)
	}

	configuration, err := configure(plain)
	if err != nil {
		return err
	}
	if err := settable(plain, p.Lock, lock.Base, lock.Packages); err != nil {
		return err
	}
	p.add(Layer{
		Name: "configuration", File: "30-configuration.squashfs", Kernel: true,
		Ops: append(append(configuration, initramfs()...), rootfs.CleanUp()...),
	}, nil, img, tools)

	if img.Respin == "" {
		return nil
	}
	if err := settable(img, p.Lock, lock.Base, lock.Packages, lock.Respin); err != nil {
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
	l.Key = digest(struct {
		Step                 int
		Parent               store.Digest
		Compression          string
		Tools                map[string]string
		Install, Remove, Ops any
		Kernel               bool
		More                 any
	}{stepVersion, parent, img.Compression.Value, tools, l.Install, l.Remove, keyed(l.Ops), l.Kernel, more})
	p.Layers = append(p.Layers, l)
}

// look finds out whether the store has the layer already.
func (l *Layer) look(s *store.Store) {
	action, err := s.Action(l.Key)
	if err != nil {
		l.Why = "nothing made from the same inputs is in the store"
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
)

func (p *Plan) boot(tools map[string]string, s *store.Store) {
	p.Boot.Install = packages(p.Lock.In(lock.Medium))
	p.Boot.Key = digest(struct {
		Step    int
		Base    store.Digest
		Tools   map[string]string
		Install []Package
		Script  string
	}{stepVersion, p.Layers[0].Key, tools, p.Boot.Install, media.BootScript})
	action, err := s.Action(p.Boot.Key)
	if err != nil {
		p.Boot.Why = "nothing made from the same inputs is in the store"
		return
	}
	p.Boot.Cached = true
	p.Boot.Why = "the same inputs gave it on " + action.Made.Format("2 January 2006 15:04")
}

func (p *Plan) medium(img *definition.Image, tools map[string]string) {
	c := media.Content{
		Image: img.Name, Respin: img.Respin, Product: img.Product.Value, Graphical: img.Settings.Graphical.Value,
		Distribution: img.Base.Distribution, Suite: img.Base.Suite, Architecture: img.Base.Architecture,
		MenuTimeout: img.Settings.MenuTimeout.Value, Environment: environment(img),
	}
	for _, a := range img.Settings.KernelArguments {
		c.KernelArguments = append(c.KernelArguments, a.Value)
	}
	// What may pass the scan for secrets changes no layer, but whether the medium may be made of them.
	var allowed []string
	for _, part := range img.Parts {
		c.Checks = append(c.Checks, part.Checks...)
		for _, a := range part.AllowSecrets {
			allowed = append(allowed, a.Path+" "+string(a.Kind))
		}
	}
	var keys []store.Digest
	for _, l := range p.Layers {
		keys = append(keys, l.Key)
	}
	p.Medium = Medium{
		File:    fileName(img),
		Content: c,
		Key: digest(struct {
			Step    int
			Layers  []store.Digest
			Boot    store.Digest
			Content media.Content
			Menu    string
			Tools   map[string]string
			Allowed []string
		}{stepVersion, keys, p.Boot.Key, c, media.Menu(c), tools, allowed}),
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
		{img.ImagePackages(), []lock.Layer{lock.Base, lock.Packages}},
		{img.RespinPackages(), []lock.Layer{lock.Base, lock.Packages, lock.Respin}},
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

// keyed are ops without the places on this machine that their bytes come from.
func keyed(ops []rootfs.Op) []rootfs.Op {
	var k []rootfs.Op
	for _, op := range ops {
		op.Source, op.Why = "", ""
		k = append(k, op)
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
