package lock

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/ui"
)

// Resolve asks apt for the packages of img, each layer on top of the one below it, from the indexes that the mirrors
// serve now. dir is kept for the next time; nobody else may use it meanwhile.
//
// A package that the archive doesn't have, or that can't be had together with the others, is an error that names the
// line of the definition that asks for it.
func Resolve(ctx context.Context, img *definition.Image, mirrors Mirrors, dir string) (*Lock, error) {
	apt, err := newAptWorld(ctx, dir, img.Base, mirrors)
	if err != nil {
		return nil, err
	}
	if err := apt.update(ctx); err != nil {
		return nil, fmt.Errorf("fetching the package indexes of %s: %w", img.Base.Suite, err)
	}
	return choose(ctx, img, mirrors, apt)
}

// ResolveAgain is [Resolve] from the indexes that an earlier call fetched into dir.
func ResolveAgain(ctx context.Context, img *definition.Image, mirrors Mirrors, dir string) (*Lock, error) {
	apt, err := newAptWorld(ctx, dir, img.Base, mirrors)
	if err != nil {
		return nil, err
	}
	return choose(ctx, img, mirrors, apt)
}

func choose(ctx context.Context, img *definition.Image, mirrors Mirrors, apt *aptWorld) (*Lock, error) {
	steps := []step{
		{Base, img.BasePackages(), nil},
		{Medium, img.Base.Medium, nil},
		{Packages, img.FeaturePackages(), img.ImageRemoved()},
		{Additions, img.OwnPackages(), nil},
		{Respin, img.RespinPackages(), img.RespinRemoved()},
	}
	if len(steps[3].add) > 0 {
		steps[3].remove = img.ImageRemoved() // what the image does without must not come back with what it adds
	}
	steps = slices.DeleteFunc(steps, func(s step) bool { return len(s.add)+len(s.remove) == 0 })
	r := resolver{img: img, apt: apt, mirrors: mirrors, lock: &Lock{}, named: map[string]bool{}}
	done, err := r.recall(steps)
	if err != nil {
		return nil, err
	}
	for i := done; i < len(steps); i++ {
		s := steps[i]
		if err := r.layer(ctx, s); err != nil {
			return nil, fmt.Errorf("choosing the packages of layer %s: %w", s.layer, err)
		}
		r.lock.sort()
		if err := r.remember(steps[:i+1]); err != nil {
			return nil, err
		}
	}
	return r.lock, nil
}

// A step is what one layer asks for.
type step struct {
	layer       Layer
	add, remove []definition.Package
}

// names are what apt is asked to install.
func (s step) names() []string {
	names := packageNames(s.add)
	if s.layer == Base {
		return append([]string{"?essential"}, names...)
	}
	return names
}

// A resolver builds a lock from the bottom to the top.
type resolver struct {
	img     *definition.Image
	apt     *aptWorld
	mirrors Mirrors
	all     map[string]Package // by ID; read when it is needed
	lock    *Lock
	// named are the packages that the layers so far ask for, also where a layer below has them anyway.
	named map[string]bool
}

// installed are the packages that the layers so far leave in place.
func (r *resolver) installed() []Package {
	var in []Package
	for _, p := range r.lock.Packages {
		if p.Layer != Medium && p.RemovedIn == "" {
			in = append(in, p)
		}
	}
	return in
}

// layer adds what a step asks for to the lock.
func (r *resolver) layer(ctx context.Context, asked step) error {
	layer, add, remove := asked.layer, asked.add, asked.remove
	if r.all == nil {
		var err error
		if r.all, err = r.apt.candidates(ctx, r.mirrors); err != nil {
			return err
		}
	}
	if err := r.unknown(append(slices.Clone(add), remove...)); err != nil {
		return err
	}
	if err := r.apt.writeStatus(r.installed()); err != nil {
		return err
	}
	names := asked.names()
	s, err := r.apt.solve(ctx, names, packageNames(remove))
	if err != nil {
		return r.explain(err, add)
	}
	for _, id := range s.install {
		p, ok := r.all[id]
		if !ok {
			return fmt.Errorf("apt chose %s, which no index lists", id)
		}
		p.Layer, p.Wanted = layer, slices.ContainsFunc(names, func(name string) bool { return r.answers(p, name) })
		r.lock.Packages = append(r.lock.Packages, p)
	}
	if err := r.takeAway(ctx, layer, s.remove, add, remove); err != nil {
		return err
	}
	for _, name := range names {
		r.named[name] = true
	}
	return nil
}

// answers says whether p is what a definition means by name: the package itself, or one that provides it where no
// package is called so.
func (r *resolver) answers(p Package, name string) bool {
	if p.Name == name {
		return true
	}
	return p.provides(name) && len(r.providers(name)) > 0
}

// providers are the names of the packages that provide name, sorted; none if a package has the name itself.
func (r *resolver) providers(name string) []string {
	var names []string
	for _, p := range r.all {
		if p.Name == name {
			return nil
		}
		if p.provides(name) {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// takeAway notes the packages that a layer removes. One that another definition asks for goes only if it is named.
func (r *resolver) takeAway(ctx context.Context, layer Layer, gone []string, add, remove []definition.Package) error {
	for _, name := range gone {
		for i := range r.lock.Packages {
			p := &r.lock.Packages[i]
			if p.Name != name || p.Layer == Medium || p.Layer == layer || p.RemovedIn != "" {
				continue
			}
			named := slices.ContainsFunc(remove, func(a definition.Package) bool { return a.Name == name })
			if (p.Wanted || r.named[name]) && !named {
				message := fmt.Sprintf("package %q would have to go as well, and another definition asks for it", name)
				return ui.Hint(r.img.ErrorAt(r.culprit(ctx, name, add, remove), message), fmt.Sprintf("add %q to remove: if that is what you want", name))
			}
			p.RemovedIn = layer
		}
	}
	return nil
}

// culprit finds the line of a layer's definitions that takes away a package which it doesn't name. Where only several
// lines together do, it is the first one.
func (r *resolver) culprit(ctx context.Context, gone string, add, remove []definition.Package) definition.Origin {
	for i, asked := range slices.Concat(remove, add) {
		var s solution
		var err error
		if i < len(remove) {
			s, err = r.apt.solve(ctx, nil, []string{asked.Name})
		} else {
			s, err = r.apt.solve(ctx, []string{asked.Name}, nil)
		}
		if err == nil && slices.Contains(s.remove, gone) {
			return asked.Origin
		}
	}
	return slices.Concat(remove, add)[0].Origin
}

// unknown finds the packages that no index lists.
func (r *resolver) unknown(wanted []definition.Package) error {
	names := map[string]bool{}
	for _, p := range r.all {
		names[p.Name] = true
		for _, provided := range p.provided() {
			names[provided] = true
		}
	}
	var errs []error
	for _, w := range wanted {
		if names[w.Name] {
			continue
		}
		err := r.img.ErrorAt(w.Origin, fmt.Sprintf("no package %q in %s %s", w.Name, r.img.Base.Distribution, r.img.Base.Suite))
		errs = append(errs, ui.Hint(err, nearest(w.Name, names)))
	}
	return errors.Join(errs...)
}

// nearest is the hint for a package name that nobody knows.
func nearest(name string, names map[string]bool) string {
	if best := ui.Nearest(name, slices.Collect(maps.Keys(names))); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "apt-cache search WORD finds packages by what they are for"
}

// explain points apt's refusal to the definition's lines that ask for the packages it names.
func (r *resolver) explain(err error, add []definition.Package) error {
	var failed *aptError
	if !errors.As(err, &failed) {
		return err
	}
	var errs []error
	_, unmet, found := strings.Cut(failed.out, "The following packages have unmet dependencies:\n")
	if !found {
		for _, p := range add {
			if providers := r.providers(p.Name); len(providers) > 1 && strings.Contains(failed.err, "'"+p.Name+"'") {
				err := r.img.ErrorAt(p.Origin, fmt.Sprintf("several packages are a %q", p.Name))
				errs = append(errs, ui.Hint(err, "name one of "+strings.Join(providers, ", ")))
			}
		}
		if len(errs) == 0 {
			return err
		}
		return errors.Join(errs...)
	}
	for line := range strings.Lines(unmet) {
		name, why, ok := strings.Cut(strings.TrimSpace(line), " : ")
		i := slices.IndexFunc(add, func(p definition.Package) bool { return p.Name == name })
		if ok && i >= 0 {
			errs = append(errs, r.img.ErrorAt(add[i].Origin, fmt.Sprintf("package %q can't be installed with the others: %s", name, why)))
		}
	}
	if len(errs) == 0 {
		return fmt.Errorf("%w: %s", err, strings.Join(strings.Fields(unmet), " "))
	}
	return errors.Join(errs...)
}

func packageNames(packages []definition.Package) []string {
	var names []string
	for _, p := range packages {
		names = append(names, p.Name)
	}
	return names
}
