package lock

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"nhos.org/nhos/internal/ui"
)

// A Diff is what turns one lock into another.
type Diff struct {
	Added   []Change `json:"added"`
	Removed []Change `json:"removed"`
	Changed []Change `json:"changed"`
	// Bytes is by how much more the packages of the second lock are to download.
	Bytes int64 `json:"bytes"`
}

// A Change is what became of one package. Old is nil for one that was added, New for one that was removed.
type Change struct {
	Name         string `json:"name"`
	Architecture string `json:"architecture"`
	Old          *State `json:"old,omitempty"`
	New          *State `json:"new,omitempty"`
}

// A State is what of a package may change from one lock to the next.
type State struct {
	Version   string `json:"version"`
	Size      int64  `json:"size"` // bytes of the .deb
	SHA256    string `json:"sha256"`
	Archive   string `json:"archive"`
	Layer     Layer  `json:"layer"`
	Wanted    bool   `json:"wanted"`
	RemovedIn Layer  `json:"removed_in,omitempty"`
}

func state(p Package) *State {
	return &State{p.Version, p.Size, p.SHA256, p.Archive, p.Layer, p.Wanted, p.RemovedIn}
}

// Compare says what differs between two locks. Where in an archive a package lies isn't part of it.
func Compare(from, to *Lock) Diff {
	d := Diff{Added: []Change{}, Removed: []Change{}, Changed: []Change{}}
	old := slices.Clone(from.Packages)
	var rest []Package
	pair := func(p Package, same func(Package) bool) bool {
		i := slices.IndexFunc(old, func(o Package) bool { return o.Name == p.Name && o.Architecture == p.Architecture && same(o) })
		if i < 0 {
			return false
		}
		if a, b := state(old[i]), state(p); *a != *b {
			d.Changed = append(d.Changed, Change{p.Name, p.Architecture, a, b})
			d.Bytes += b.Size - a.Size
		}
		old = slices.Delete(old, i, i+1)
		return true
	}
	// A package may be in several layers. First those of the same layer belong together, then what is left: it moved.
	for _, p := range to.Packages {
		if !pair(p, func(o Package) bool { return o.Layer == p.Layer }) {
			rest = append(rest, p)
		}
	}
	for _, p := range rest {
		if !pair(p, func(o Package) bool { return (o.Layer == Medium) == (p.Layer == Medium) }) {
			d.Added = append(d.Added, Change{Name: p.Name, Architecture: p.Architecture, New: state(p)})
			d.Bytes += p.Size
		}
	}
	for _, p := range old {
		d.Removed = append(d.Removed, Change{Name: p.Name, Architecture: p.Architecture, Old: state(p)})
		d.Bytes -= p.Size
	}
	slices.SortStableFunc(d.Changed, func(a, b Change) int { return strings.Compare(a.Name, b.Name) })
	return d
}

// Empty says whether the locks are the same.
func (d Diff) Empty() bool { return len(d.Added)+len(d.Removed)+len(d.Changed) == 0 }

// Write shows the difference to a person.
func (d Diff) Write(w io.Writer) error {
	if d.Empty() {
		_, err := fmt.Fprintln(w, "the same packages")
		return err
	}
	table := ui.NewTable(ui.Column{Title: ""}, ui.Column{Title: "package"}, ui.Column{Title: "old"}, ui.Column{Title: "new"},
		ui.Column{Title: "size", Numeric: true}, ui.Column{Title: ""})
	for _, c := range d.Added {
		table.Add("added", c.Name, "", c.New.Version, difference(c.New.Size), "layer "+string(c.New.Layer))
	}
	for _, c := range d.Removed {
		table.Add("removed", c.Name, c.Old.Version, "", difference(-c.Old.Size), "layer "+string(c.Old.Layer))
	}
	for _, c := range d.Changed {
		table.Add("changed", c.Name, c.Old.Version, c.New.Version, difference(c.New.Size-c.Old.Size), c.besides())
	}
	if err := table.Write(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d added, %d removed, %d changed; %s to download\n", len(d.Added), len(d.Removed), len(d.Changed), difference(d.Bytes))
	return err
}

// difference is a size with its sign.
func difference(n int64) string {
	if n > 0 {
		return "+" + ui.Bytes(n)
	}
	return ui.Bytes(n)
}

// besides is what of a package changed besides its version.
func (c Change) besides() string {
	var notes []string
	arrow := func(what, old, now string) {
		if old != now {
			notes = append(notes, what+" "+old+" → "+now)
		}
	}
	arrow("layer", string(c.Old.Layer), string(c.New.Layer))
	arrow("archive", c.Old.Archive, c.New.Archive)
	switch {
	case c.Old.RemovedIn == c.New.RemovedIn:
	case c.New.RemovedIn == "":
		notes = append(notes, "stays in layer "+string(c.Old.RemovedIn))
	default:
		notes = append(notes, "removed in layer "+string(c.New.RemovedIn))
	}
	if c.Old.Wanted != c.New.Wanted {
		notes = append(notes, map[bool]string{true: "now named by a definition", false: "no longer named by a definition"}[c.New.Wanted])
	}
	if c.Old.Version == c.New.Version && c.Old.SHA256 != c.New.SHA256 {
		notes = append(notes, "other bytes under the same version")
	}
	return strings.Join(notes, ", ")
}
