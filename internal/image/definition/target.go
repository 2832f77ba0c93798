package definition

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"nhos.org/nhos/internal/ui"
)

// A Target is one definition file, by what it defines.
type Target struct {
	Kind Kind
	Name string
}

// File is its path below the definitions folder, with slashes.
func (t Target) File() string { return fileOf(t.Kind, t.Name) }

// String gives the target as [FindTarget] takes it.
func (t Target) String() string { return string(t.Kind) + "/" + t.Name }

// Check is an error if the name can't be that of a definition.
func (t Target) Check() error {
	if message, hint := syntaxes["name"].fault(t.Name); message != "" {
		return ui.Hint(errors.New(message), hint)
	}
	return nil
}

// FindTarget finds the definition file that a person means: an image or a respin by its name alone, others as
// "feature/NAME" and "base/NAME". "image/NAME" and "respin/NAME" are understood too.
func FindTarget(dir, what string) (Target, error) {
	root, err := openRoot(dir)
	if err != nil {
		return Target{}, err
	}
	defer func() { _ = root.Close() }()
	word, name, ok := strings.Cut(what, "/")
	if !ok {
		for _, kind := range []Kind{KindImage, KindRespin} {
			if isName(what) && exists(root, fileOf(kind, what)) {
				return Target{kind, what}, nil
			}
		}
		return Target{}, unknown(dir, what)
	}
	kind := Kind(word)
	if !slices.Contains(Kinds(), kind) {
		return Target{}, ui.Hint(fmt.Errorf("no kind of definition is called %s", quote(word)),
			"an image or a respin goes by its name alone, others as feature/NAME or base/NAME")
	}
	if !isName(name) || !exists(root, fileOf(kind, name)) {
		known, err := names(root, kind)
		if err != nil {
			return Target{}, err
		}
		return Target{}, ui.Hint(fmt.Errorf("no %s is called %s", kind, quote(name)), suggest(name, folders[kind], known))
	}
	return Target{kind, name}, nil
}

// Names returns the names of all definitions of a kind, sorted.
func Names(dir string, kind Kind) ([]string, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	return names(root, kind)
}

// LoadUsers loads every image and every respin that t's file belongs to, with some files replaced. The error is that of
// the first one that doesn't load. A file that belongs to none is held against the rules alone.
func LoadUsers(dir string, t Target, with Texts) ([]*Image, error) {
	images, respins, err := List(dir)
	if err != nil {
		return nil, err
	}
	if t.Kind == KindImage || t.Kind == KindRespin { // which may not be there yet
		images = append([]string{t.Name}, slices.DeleteFunc(images, func(id string) bool { return id == t.Name })...)
		respins = slices.DeleteFunc(respins, func(id string) bool { return id == t.Name })
	}
	var users []*Image
	for _, id := range append(images, respins...) {
		img, uses, err := loadUser(dir, id, t, with)
		switch {
		case !uses && id != t.Name:
		case err != nil:
			return nil, err
		default:
			users = append(users, img)
		}
	}
	if len(users) > 0 {
		return users, nil
	}
	l, err := newLoader(dir, with)
	if err != nil {
		return nil, err
	}
	defer l.close()
	switch name := (Value[string]{Value: t.Name}); t.Kind {
	case KindBase:
		l.base(name)
	case KindFeature:
		l.feature(name)
	}
	_, err = l.result()
	return nil, err
}

// loadUser loads one image or respin, and says whether t's file belongs to it.
func loadUser(dir, id string, t Target, with Texts) (img *Image, uses bool, err error) {
	l, err := newLoader(dir, with)
	if err != nil {
		return nil, true, err
	}
	defer l.close()
	img, err = l.load(id)
	return img, slices.Contains(l.Files(), t.File()), err
}
