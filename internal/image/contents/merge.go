package contents

import (
	"io/fs"
	"strings"
)

// A Root is what the layers of a stack show together.
type Root struct {
	// Entries are in the order of a walk.
	Entries []Placed
	// Owner is the package that a path belongs to; a path that isn't there belongs to none.
	Owner map[string]string
	// Installed are the packages by the topmost dpkg status.
	Installed []Installed
	// Licences are those of packages whose copyright files name them.
	Licences map[string][]string
}

// A Placed is an entry with the layer that it comes from: 0 is the bottom.
type Placed struct {
	*Entry
	Layer int
}

// Merge lays layers over each other, the bottom first, as overlayfs does.
func Merge(layers []*Layer) *Root {
	r := &Root{Owner: map[string]string{}, Licences: map[string][]string{}}
	for i, l := range layers {
		r.Entries = over(r.Entries, l.Entries, i)
		if l.Status {
			r.Installed = l.Installed
		}
	}
	r.owners(layers)
	return r
}

// over lays the entries of one layer over those below. Both are in the order of a walk, so one pass suffices.
func over(lower []Placed, upper []Entry, layer int) []Placed {
	merged := make([]Placed, 0, len(lower)+len(upper))
	for i := range upper {
		u := &upper[i]
		for len(lower) > 0 && order(lower[0].Path, u.Path) < 0 {
			merged, lower = append(merged, lower[0]), lower[1:]
		}
		if len(lower) > 0 && lower[0].Path == u.Path {
			lower = lower[1:]
		}
		merges := u.Mode.IsDir() && !u.Opaque // what is in the lower directory stays
		for !merges && len(lower) > 0 && below(lower[0].Path, u.Path) {
			lower = lower[1:]
		}
		if !u.Whiteout {
			merged = append(merged, Placed{u, layer})
		}
	}
	return append(merged, lower...)
}

// owners asks the lists of files that are there in the end.
func (r *Root) owners(layers []*Layer) {
	at := make(map[string]Placed, len(r.Entries))
	links := map[string]string{} // of the root: bin → /usr/bin
	for _, e := range r.Entries {
		if e.Mode.IsDir() {
			continue
		}
		at[e.Path] = e
		if e.Mode&fs.ModeSymlink != 0 && strings.Count(e.Path, "/") == 1 {
			links[e.Path[1:]] = "/" + strings.Trim(e.Target, "/")
		}
	}
	type diverted struct{ to, by string }
	diversions := map[string]diverted{}
	for _, l := range layers {
		if l.Diverted {
			clear(diversions)
			for _, d := range l.Diversions {
				diversions[d.From] = diverted{d.To, d.Package}
			}
		}
	}
	for i, l := range layers {
		for _, p := range l.Packages {
			if at[p.List].Entry == nil || at[p.List].Layer != i {
				continue // removed, or replaced by a later list
			}
			if len(p.Licences) > 0 {
				r.Licences[p.Name] = p.Licences
			}
			for _, f := range p.Files {
				if !strings.HasPrefix(f, "/") {
					continue
				}
				if d, ok := diversions[f]; ok && d.by != p.Name {
					f = d.to
				}
				if at[f].Entry == nil {
					first, rest, _ := strings.Cut(f[1:], "/")
					f = links[first] + "/" + rest // /bin is a link to /usr/bin
				}
				if at[f].Entry != nil {
					r.Owner[f] = p.Name
				}
			}
		}
	}
}
