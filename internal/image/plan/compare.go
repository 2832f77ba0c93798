package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/manifest"
)

// A comparison gathers the reasons for which a thing isn't what it was.
type comparison struct {
	img     *definition.Image // for the places of packages
	reasons []Reason
}

func (c *comparison) add(r Reason) {
	if !slices.Contains(c.reasons, r) {
		c.reasons = append(c.reasons, r)
	}
}

// layer compares the recipe of a layer with that of the last time. below names the layer that it stands on.
func (c *comparison) layer(was, is *Note[Recipe], below string) {
	c.causes(was.From, is.From)
	c.ops(was.Recipe.Ops, is.Recipe.Ops)
	c.packages(was.Recipe.Install, is.Recipe.Install)
	c.removed(was.Recipe.Remove, is.Recipe.Remove)
	c.maps(Tool, was.Recipe.Tools, is.Recipe.Tools)
	c.step(was.Recipe.Step, is.Recipe.Step)
	if was.Recipe.Kernel != is.Recipe.Kernel {
		c.add(Reason{Kind: Step, Name: "where the initrd is made", Change: Changed})
	}
	if was.Recipe.Parent != is.Recipe.Parent {
		c.add(Reason{Kind: Below, Name: below, Change: Changed})
	}
	c.rest()
}

// boot compares the recipe of the boot files with that of the last time.
func (c *comparison) boot(was, is *Note[BootRecipe], base string) {
	c.packages(was.Recipe.Install, is.Recipe.Install)
	c.maps(Tool, was.Recipe.Tools, is.Recipe.Tools)
	c.step(was.Recipe.Step, is.Recipe.Step)
	if was.Recipe.Script != is.Recipe.Script {
		c.add(Reason{Kind: Step, Name: "how the boot files are put together", Change: Changed})
	}
	if was.Recipe.Base != is.Recipe.Base {
		c.add(Reason{Kind: Below, Name: base, Change: Changed})
	}
	c.rest()
}

// medium compares the recipe of a medium with that of the last time.
func (c *comparison) medium(was, is *Note[MediumRecipe]) {
	c.causes(was.From, is.From)
	c.checks(was.Recipe, is.Recipe)
	c.maps(Tool, was.Recipe.Tools, is.Recipe.Tools)
	c.step(was.Recipe.Step, is.Recipe.Step)
	if len(c.reasons) == 0 && was.Recipe.Menu != is.Recipe.Menu {
		c.add(Reason{Kind: Step, Name: "the boot menu", Change: Changed})
	}
	if !slices.Equal(was.Recipe.Allowed, is.Recipe.Allowed) {
		c.add(Reason{Kind: Step, Name: "what may pass the scan for secrets", Change: Changed})
	}
	for i, name := range is.Layers {
		at := slices.Index(was.Layers, name)
		switch {
		case at < 0 || at >= len(was.Recipe.Layers):
			c.add(Reason{Kind: Below, Name: name, Change: Added})
		case was.Recipe.Layers[at] != is.Recipe.Layers[i]:
			c.add(Reason{Kind: Below, Name: name, Change: Changed})
		}
	}
	for _, name := range was.Layers {
		if !slices.Contains(is.Layers, name) {
			c.add(Reason{Kind: Below, Name: name, Change: Gone})
		}
	}
	if was.Recipe.Boot != is.Recipe.Boot {
		c.add(Reason{Kind: Below, Name: bootFiles, Change: Changed})
	}
	c.rest()
}

// rest is for recipes that differ in a way that nothing above knows of: a miss always has a reason.
func (c *comparison) rest() {
	if len(c.reasons) == 0 {
		c.add(Reason{Kind: Step, Name: "the recipe", Change: Changed})
	}
}

func (c *comparison) step(was, is int) {
	if was != is {
		c.add(Reason{Kind: Step, Name: fmt.Sprintf("version %d → %d of how layers and media are made", was, is)})
	}
}

// maps compares values by name.
func (c *comparison) maps(kind Kind, was, is map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(merged(was, is))) {
		if was[name] != is[name] {
			c.add(Reason{Kind: kind, Name: name, Change: Changed, Old: was[name], New: is[name]})
		}
	}
}

func merged[V any](a, b map[string]V) map[string]V {
	all := map[string]V{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// causes compares settings. One that stands several times on a side is a list: what is in it comes and goes.
func (c *comparison) causes(was, is []rootfs.Cause) {
	old, now := byName(was), byName(is)
	for _, name := range slices.Sorted(maps.Keys(merged(old, now))) {
		a, b := old[name], now[name]
		if len(a) == 1 && len(b) == 1 {
			if a[0].Value != b[0].Value {
				c.add(Reason{Kind: Setting, Name: name, Change: Changed, Old: a[0].Value, New: b[0].Value, Origin: b[0].Origin})
			}
			continue
		}
		for _, v := range lacking(b, a) {
			c.add(Reason{Kind: Setting, Name: name, Change: Added, New: v.Value, Origin: v.Origin})
		}
		for _, v := range lacking(a, b) {
			c.add(Reason{Kind: Setting, Name: name, Change: Gone, Old: v.Value, Origin: v.Origin})
		}
	}
}

func byName(causes []rootfs.Cause) map[string][]rootfs.Cause {
	m := map[string][]rootfs.Cause{}
	for _, v := range causes {
		if v.Name != "" && !slices.ContainsFunc(m[v.Name], func(o rootfs.Cause) bool { return o.Value == v.Value }) {
			m[v.Name] = append(m[v.Name], v)
		}
	}
	return m
}

// lacking are those of a whose value b doesn't have.
func lacking(a, b []rootfs.Cause) []rootfs.Cause {
	return slices.DeleteFunc(slices.Clone(a), func(v rootfs.Cause) bool {
		return slices.ContainsFunc(b, func(o rootfs.Cause) bool { return o.Value == v.Value })
	})
}

// packages compares what is installed.
func (c *comparison) packages(was, is []Package) {
	old := map[string]Package{}
	for _, p := range was {
		old[p.Name+":"+p.Architecture] = p
	}
	for _, p := range is {
		id := p.Name + ":" + p.Architecture
		o, there := old[id]
		delete(old, id)
		r := Reason{Kind: Packaged, Name: p.Name, Change: Changed, Old: o.Version, New: p.Version}
		switch {
		case !there:
			r.Change, r.Origin = Added, c.added(p.Name)
		case o.Version != p.Version:
		case o.SHA256 != p.SHA256:
			r.Part = "other bytes under the same version"
		case o.Wanted != p.Wanted && p.Wanted:
			r.Part, r.Origin = "now named by a definition", c.added(p.Name)
		case o.Wanted != p.Wanted:
			r.Part = "no longer named by a definition"
		default:
			continue
		}
		c.add(r)
	}
	for _, p := range was {
		if _, gone := old[p.Name+":"+p.Architecture]; gone {
			c.add(Reason{Kind: Packaged, Name: p.Name, Change: Gone, Old: p.Version})
		}
	}
}

// added is the line that asks for a package, "" for one that only others need.
func (c *comparison) added(name string) string {
	return place(append(slices.Clone(c.img.WantedPackages()), c.img.Base.Medium...), name)
}

func (c *comparison) removed(was, is []string) {
	for _, name := range is {
		if !slices.Contains(was, name) {
			c.add(Reason{Kind: Removal, Name: name, Change: Added, Origin: place(append(c.img.ImageRemoved(), c.img.RespinRemoved()...), name)})
		}
	}
	for _, name := range was {
		if !slices.Contains(is, name) {
			c.add(Reason{Kind: Removal, Name: name, Change: Gone})
		}
	}
}

func place(packages []definition.Package, name string) string {
	for _, p := range packages {
		if p.Name == name && p.Origin != (definition.Origin{}) {
			return p.Origin.String()
		}
	}
	return ""
}

func (c *comparison) checks(was, is MediumRecipe) {
	old := map[string]manifest.Check{}
	for _, check := range was.Content.Checks {
		old[check.ID] = check
	}
	for _, check := range is.Content.Checks {
		before, there := old[check.ID]
		delete(old, check.ID)
		sameWaivers := slices.Equal(before.Waivers, check.Waivers)
		before.Waivers = check.Waivers
		switch {
		case !there:
			c.add(Reason{Kind: Check, Name: check.ID, Change: Added, Origin: c.stated(check.ID)})
		case digest(before) != digest(check):
			c.add(Reason{Kind: Check, Name: check.ID, Change: Changed, Origin: c.stated(check.ID)})
		case !sameWaivers:
			c.add(Reason{Kind: Check, Name: check.ID, Change: Changed, Part: "waivers", Origin: c.waived(check)})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(old)) {
		c.add(Reason{Kind: Check, Name: id, Change: Gone})
	}
}

// waived is where the first waiver of a check is in the definitions.
func (c *comparison) waived(check manifest.Check) string {
	for _, w := range c.img.Waivers {
		if slices.Contains(check.Waivers, w.Waiver) {
			return w.Origin.String()
		}
	}
	return ""
}

// stated is where a check FEATURE/NAME is in the definitions.
func (c *comparison) stated(id string) string {
	_, name, _ := strings.Cut(id, "/")
	for _, part := range c.img.Parts {
		for _, check := range part.Checks {
			if o, known := part.Origins["checks["+name+"]"]; check.ID == id && known {
				return o.String()
			}
		}
	}
	return ""
}
