package plan

import (
	"fmt"
	"strings"
)

// A Reason is one difference between what a plan makes and what was made the last time.
type Reason struct {
	Kind   Kind   `json:"kind"`
	Name   string `json:"name,omitempty"` // of the package, setting, tool, check; the path of a file
	Change Change `json:"change,omitempty"`
	// Part says which side of the thing changed, when it isn't all of it: "mode", "owner", "waivers".
	Part string `json:"part,omitempty"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	// Origin is the place in the definitions: FILE or FILE:LINE:COLUMN.
	Origin string `json:"origin,omitempty"`

	folder bool // that came or went, and may just be there for what is in it
}

// Kind says what sort of thing differs.
type Kind string

// The kinds of reasons.
const (
	First    Kind = "first"   // nothing was made before
	Lost     Kind = "lost"    // the same was made before, and the store doesn't have it any more
	Packaged Kind = "package" // Old and New are versions
	Removal  Kind = "removal" // of a package of a layer below
	Setting  Kind = "setting"
	File     Kind = "file"
	Script   Kind = "script"
	Order    Kind = "order" // the same files and scripts, one after another in another order
	Check    Kind = "check"
	Tool     Kind = "tool"  // a program of this machine; Old and New are versions
	Step     Kind = "step"  // nhos itself does it in another way
	Below    Kind = "layer" // a layer that this one stands on, or that the medium holds, changed
)

// A Change is what became of a thing.
type Change string

// The changes.
const (
	Added   Change = "added"
	Changed Change = "changed"
	Gone    Change = "gone"
)

// String is the reason as a person reads it, on one line.
func (r Reason) String() string {
	text := r.what()
	if r.Origin != "" && r.Origin != r.Name {
		text += " (" + r.Origin + ")"
	}
	return text
}

func (r Reason) what() string {
	switch r.Kind {
	case First:
		return "no earlier build is known to compare it with"
	case Lost:
		return "the same was made before, but the store doesn't have it any more"
	case Packaged:
		return "package " + r.Name + " " + r.versions()
	case Removal:
		return "package " + r.Name + map[Change]string{Added: " is now removed", Gone: " is no longer removed"}[r.Change]
	case Setting:
		switch r.Change {
		case Added:
			return "setting " + r.Name + ": " + value(r.New) + " added"
		case Gone:
			return "setting " + r.Name + ": " + value(r.Old) + " gone"
		}
		return "setting " + r.Name + ": " + value(r.Old) + " → " + value(r.New)
	case File:
		if r.Part != "" {
			return fmt.Sprintf("file %s: %s %s → %s", r.Name, r.Part, r.Old, r.New)
		}
		return "file " + r.Name + " " + string(r.Change)
	case Script, Check:
		if r.Part != "" {
			return fmt.Sprintf("check %s: its %s changed", r.Name, r.Part)
		}
		return string(r.Kind) + " " + r.Name + " " + string(r.Change)
	case Order:
		return r.Name + " comes at another place in the order"
	case Tool:
		return fmt.Sprintf("tool %s: %s → %s", r.Name, value(r.Old), value(r.New))
	case Below:
		return "layer " + r.Name + " " + string(r.Change)
	default:
		return "nhos itself: " + strings.TrimSpace(r.Name+" "+string(r.Change))
	}
}

// versions says what became of a package.
func (r Reason) versions() string {
	switch {
	case r.Change == Added:
		return r.New + " added"
	case r.Change == Gone:
		return r.Old + " gone"
	case r.Part != "":
		return r.New + ": " + r.Part
	default:
		return r.Old + " → " + r.New
	}
}

// value is a setting's value as a person reads it.
func value(s string) string {
	const most = 60
	if s == "" {
		return `""`
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// summary is the first of the reasons, and how many more there are.
func summary(reasons []Reason) string {
	switch n := len(reasons); n {
	case 0:
		return ""
	case 1:
		return reasons[0].String()
	default:
		return fmt.Sprintf("%s, and %d more", reasons[0].what(), n-1)
	}
}
