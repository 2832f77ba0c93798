package edit

import (
	"fmt"
	"slices"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/ui"
)

const (
	added   = "packages.add"
	removed = "packages.remove"
)

// AddPackages sees to it that packages are wanted. It takes them back from the file's packages: remove:, or appends them
// to its packages: add:. An image or a respin that has a package already, from its features or its base, stays as it is;
// a feature or a base brings what it needs itself.
func AddPackages(dir string, t definition.Target, names []string) (Result, error) {
	return change(dir, t, func(x *text) (*text, []Change, error) {
		x, changes, err := x.exclude(removed, names)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range names {
			if t.Kind == definition.KindImage || t.Kind == definition.KindRespin {
				has, err := x.has(dir, name)
				if err != nil {
					return nil, nil, err
				}
				if has {
					continue
				}
			}
			next, more, err := x.include(added, []string{name})
			if err != nil {
				return nil, nil, err
			}
			x, changes = next, append(changes, more...)
		}
		return x, changes, nil
	})
}

// RemovePackages sees to it that packages aren't wanted. It takes them out of the file's packages: add:, and puts those
// that a file before it adds into its packages: remove:. With keepOut, all of them go there, so that they don't come in
// because another package needs or recommends them either.
func RemovePackages(dir string, t definition.Target, names []string, keepOut bool) (Result, error) {
	if keepOut && t.Kind == definition.KindBase {
		return Result{}, ui.Usage(ui.Hint(fmt.Errorf("a base can't keep packages out"), "there is nothing before it; an image can"))
	}
	var notes []string
	r, err := change(dir, t, func(x *text) (*text, []Change, error) {
		was := x
		x, changes, err := x.exclude(added, names)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range names {
			elsewhere := false
			if !keepOut && t.Kind != definition.KindBase {
				if elsewhere, err = x.elsewhere(dir, name); err != nil {
					return nil, nil, err
				}
			}
			if !elsewhere && !keepOut {
				if !slices.Contains(was.entries(added), name) && !slices.Contains(was.entries(removed), name) {
					notes = append(notes, x.notAdded(dir, name))
				}
				continue
			}
			next, more, err := x.include(removed, []string{name})
			if err != nil {
				return nil, nil, err
			}
			x, changes = next, append(changes, more...)
		}
		return x, changes, nil
	})
	r.Notes = notes
	return r, err
}

// notAdded is a note about a package that is to go and that no file adds.
func (x *text) notAdded(dir, name string) string {
	known := x.entries(added)
	if users, err := x.users(dir); err == nil && len(users) > 0 && x.target.Kind != definition.KindBase {
		for _, p := range users[0].WantedPackages() {
			known = append(known, p.Name)
		}
	}
	note := fmt.Sprintf("no file adds %q", name)
	if near := ui.Nearest(name, known); near != "" {
		return note + fmt.Sprintf(": did you mean %q?", near)
	}
	if x.target.Kind != definition.KindBase {
		note += "; --keep-out keeps it out if another package brings it in"
	}
	return note
}

// users loads what the file belongs to, as it is now.
func (x *text) users(dir string) ([]*definition.Image, error) {
	users, err := definition.LoadUsers(dir, x.target, definition.Texts{x.target.File(): []byte(x.String())})
	if err != nil {
		return nil, fmt.Errorf("nothing is written: %w", err)
	}
	return users, nil
}

// has says whether an image or a respin has a package.
func (x *text) has(dir, name string) (bool, error) {
	users, err := x.users(dir)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(users[0].WantedPackages(), func(p definition.Package) bool { return p.Name == name }), nil
}

// elsewhere says whether a file that this one can remove from adds a package, which this one itself doesn't: one of the
// same level or of those before it, in any image that it belongs to.
func (x *text) elsewhere(dir, name string) (bool, error) {
	users, err := x.users(dir)
	if err != nil {
		return false, err
	}
	levels := definition.Kinds()
	levels = levels[:slices.Index(levels, x.target.Kind)+1]
	for _, img := range users {
		for _, part := range img.Parts {
			if slices.Contains(levels, part.Kind) &&
				slices.ContainsFunc(part.Packages.Add, func(p definition.Package) bool { return p.Name == name }) {
				return true, nil
			}
		}
	}
	return false, nil
}
