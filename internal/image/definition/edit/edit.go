// Package edit changes definition files for programs, and leaves everything else in them as a person wrote it.
//
// A change is made to the text at the place of the value: comments, blank lines, order, quotes and indentation around it
// stay byte for byte. New text takes after what is there: a list in brackets grows in brackets, a value in quotes keeps
// its quotes, keys go where docs/definitions.md has them.
//
// Two things guard the file. After every change of the text it is read again and held against what the change should
// have made of the old one; if they differ, the change is refused. And every image and respin that the file belongs to
// is loaded with the new text first; if one doesn't load, nothing is written and the error shows the line that it would
// have had. Files are replaced whole or not at all, keep mode and owner, and one change waits for another.
//
// All changes can be made twice: the second time nothing is left to do.
package edit

import (
	"fmt"
	"slices"
	"strings"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/ui"
)

// A Result says what a change made of a file.
type Result struct {
	File    string   `json:"file"`    // below the definitions folder
	Changes []Change `json:"changes"` // none if there was nothing to do
	// Images are the images and respins that the file belongs to.
	Images []string `json:"images"`
	// Notes are for a person: what may not have been meant.
	Notes []string `json:"notes,omitempty"`
}

// A Change is one value or one entry of a list that came, went or became another.
type Change struct {
	Key  string  `json:"key"`
	Line int     `json:"line"` // where it is now, or was
	Old  *string `json:"old"`  // nil: it wasn't there
	New  *string `json:"new"`  // nil: it is gone
}

// String says where the change is and what it is, to be put after the name of the file.
func (c Change) String() string {
	at := fmt.Sprintf(":%d: %s: ", c.Line, c.Key)
	switch {
	case c.Old != nil && c.New != nil:
		return at + fmt.Sprintf("%q, was %q", *c.New, *c.Old)
	case c.New != nil:
		return at + fmt.Sprintf("%q added", *c.New)
	case c.Old != nil:
		return at + fmt.Sprintf("%q taken out", *c.Old)
	}
	return at + "taken out"
}

// Set gives a key its value; a list may have several, and has just these then.
func Set(dir string, t definition.Target, path string, values []string) (Result, error) {
	key, err := definition.FindKey(t.Kind, path)
	if err != nil {
		return Result{}, ui.Usage(err)
	}
	switch {
	case key.Form == definition.FormEntries:
		return Result{}, ui.Usage(ui.Hint(fmt.Errorf("%q is a list of keys and values", path), "change "+t.File()+" with an editor"))
	case key.Form != definition.FormList && len(values) != 1:
		return Result{}, ui.Usage(fmt.Errorf("%q takes one value, not %d", path, len(values)))
	case len(values) == 0:
		return Result{}, ui.Usage(ui.Hint(fmt.Errorf("no value for %q", path), "nhos unset takes a key away"))
	}
	return change(dir, t, func(x *text) (*text, []Change, error) {
		if key.Form == definition.FormList {
			return x.setList(key.Path, values)
		}
		return x.set(key.Path, values[0])
	})
}

// Unset takes a key away, so that the value of an earlier file or the default counts.
func Unset(dir string, t definition.Target, path string) (Result, error) {
	key, err := definition.FindKey(t.Kind, path)
	if err != nil {
		return Result{}, ui.Usage(err)
	}
	return change(dir, t, func(x *text) (*text, []Change, error) { return x.unset(key.Path) })
}

// AddFeatures appends features to an image's list.
func AddFeatures(dir string, t definition.Target, names []string) (Result, error) {
	if err := hasFeatures(t); err != nil {
		return Result{}, err
	}
	return change(dir, t, func(x *text) (*text, []Change, error) { return x.include("features", names) })
}

// RemoveFeatures takes features out of an image's list.
func RemoveFeatures(dir string, t definition.Target, names []string) (Result, error) {
	if err := hasFeatures(t); err != nil {
		return Result{}, err
	}
	return change(dir, t, func(x *text) (*text, []Change, error) {
		for _, name := range names { // a slip must not look like a feature that is gone already
			_, err := definition.FindTarget(dir, definition.Target{Kind: definition.KindFeature, Name: name}.String())
			if err != nil && !slices.Contains(x.entries("features"), name) {
				return nil, nil, err
			}
		}
		return x.exclude("features", names)
	})
}

func hasFeatures(t definition.Target) error {
	if t.Kind == definition.KindImage {
		return nil
	}
	return ui.Usage(ui.Hint(fmt.Errorf("a %s has no features: only images take them up", t.Kind), "name an image"))
}

func segments(path string) []string { return strings.Split(path, ".") }
