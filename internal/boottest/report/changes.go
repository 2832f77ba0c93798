package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/inventory"
	"nhos.org/nhos/internal/ui"
)

const (
	mostFiles = 200 // that are listed of those that differ
	mostOpen  = 40  // packages that are listed unfolded
)

// changes is how a medium differs from the one before.
type changes struct {
	Same     bool // the very same bytes
	Facts    []fact
	Boots    []difference
	Packages []difference
	Fold     bool   // there are many
	Summary  string // of the packages
	Parts    []difference
	Files    []fileChange
	Counts   string // of the files
	Cut      string // how many differ and aren't listed
}

// A difference is of one thing: what it was and is, and by how much that differs. What came or went has just one.
type difference struct {
	ID                string // of the run on this page
	Sign, Word        string // for a package: was it added, removed, changed
	Name, Before, Now string
	By                string
}

type fileChange struct{ Sign, Word, Path, Aside string }

// The ways in which something differs: a sign, and the word for those who can't see it.
var (
	added   = [2]string{"+", "added"}
	removed = [2]string{"−", "removed"}
	changed = [2]string{"±", "changed"}
)

func newChanges(b *Build, now, before *inventory.Inventory, runs []Run, sections []section) *changes {
	c := &changes{Boots: bootChanges(runs, sections, earlierBoots(b))}
	if was := b.Previous; was != nil {
		c.Same = was.SHA256 == b.SHA256
		c.Facts = append(
			c.Facts, fact{Name: "Before", Value: short(was.SHA256), Code: true, Aside: readable(was.ISO)},
			fact{Name: "Medium", Value: sizes(was.Size, b.Size)},
		)
	}
	if now != nil && before != nil {
		c.packages(now, before)
		c.parts(now, before)
		c.files(now, before)
		c.Facts = append(c.Facts, fact{Name: "Packages", Value: c.Summary}, fact{Name: "Files", Value: c.Counts})
	}
	if len(c.Facts)+len(c.Boots) == 0 {
		return nil
	}
	return c
}

// earlierBoots are the boots of earlier builds by name.
func earlierBoots(b *Build) map[string]scenario.Result {
	all := map[string]scenario.Result{}
	if b != nil {
		for _, run := range b.Boots {
			if run.Result.SHA256 != b.SHA256 {
				all[run.Result.Name] = run.Result
			}
		}
	}
	return all
}

func bootChanges(runs []Run, sections []section, earlier map[string]scenario.Result) []difference {
	var all []difference
	for i, run := range runs {
		now, was := bootTime(run.Result), bootTime(earlier[run.Result.Name])
		if now > 0 && was > 0 {
			all = append(all, difference{
				ID: sections[i].ID, Name: sections[i].Title, Before: ui.Duration(was), Now: ui.Duration(now), By: signedTime(now - was),
			})
		}
	}
	return all
}

func (c *changes) packages(now, before *inventory.Inventory) {
	was, left := map[string]inventory.Package{}, map[string]bool{}
	for _, p := range before.Packages {
		was[p.Name], left[p.Name] = p, true
	}
	var counts [3]int
	add := func(i int, way [2]string, name, from, to string, size int64) {
		counts[i]++
		c.Packages = append(c.Packages, difference{
			Sign: way[0], Word: way[1], Name: readable(name), Before: readable(from), Now: readable(to), By: signedBytes(size),
		})
	}
	for _, p := range now.Packages {
		old, known := was[p.Name]
		delete(left, p.Name)
		switch {
		case !known:
			add(1, added, p.Name, "", p.Version, p.Size)
		case old.Version != p.Version || old.Architecture != p.Architecture:
			add(0, changed, p.Name, old.Version, p.Version, p.Size-old.Size)
		}
	}
	for name := range left {
		add(2, removed, name, was[name].Version, "", -was[name].Size)
	}
	slices.SortFunc(c.Packages, func(a, b difference) int { return cmp.Compare(a.Name, b.Name) })
	c.Fold = len(c.Packages) > mostOpen
	c.Summary = summary(counts)
}

func (c *changes) parts(now, before *inventory.Inventory) {
	was := map[string]int64{}
	for _, p := range before.Parts {
		was[p.Name] = p.Size
	}
	add := func(name string, from, to int64) {
		if from != to {
			c.Parts = append(c.Parts, difference{Name: readable(name), Before: ui.Bytes(from), Now: ui.Bytes(to), By: signedBytes(to - from)})
		}
	}
	for _, p := range now.Parts {
		add(p.Name, was[p.Name], p.Size)
		delete(was, p.Name)
	}
	for _, p := range before.Parts {
		if size, left := was[p.Name]; left {
			add(p.Name, size, 0)
		}
	}
}

// files lists what differs: files that no package owns first, as nothing else tells of them, then by how much.
func (c *changes) files(now, before *inventory.Inventory) {
	type ranked struct {
		fileChange
		owned bool
		by    int64
	}
	var all []ranked
	var counts [3]int
	add := func(i int, way [2]string, f inventory.File, size int64, what string) {
		counts[i]++
		owner := cmp.Or(readable(f.Package), "of no package")
		aside := strings.TrimPrefix(strings.Join([]string{what, owner}, " · "), " · ")
		all = append(all, ranked{fileChange{way[0], way[1], readable(f.Path), aside}, f.Package != "", max(size, -size)})
	}
	i, j := 0, 0 // both are sorted by path
	for i < len(now.Files) || j < len(before.Files) {
		switch {
		case j == len(before.Files) || i < len(now.Files) && now.Files[i].Path < before.Files[j].Path:
			add(1, added, now.Files[i], now.Files[i].Size, ui.Bytes(now.Files[i].Size))
			i++
		case i == len(now.Files) || before.Files[j].Path < now.Files[i].Path:
			add(2, removed, before.Files[j], before.Files[j].Size, ui.Bytes(before.Files[j].Size))
			j++
		default:
			if what := fileDifference(before.Files[j], now.Files[i]); what != "" {
				add(0, changed, now.Files[i], now.Files[i].Size-before.Files[j].Size, what)
			}
			i, j = i+1, j+1
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		if a.owned != b.owned {
			if b.owned {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.by, a.by)
	})
	if cut := len(all) - mostFiles; cut > 0 {
		c.Cut = thousands(int64(cut))
	}
	for _, d := range all[:min(len(all), mostFiles)] {
		c.Files = append(c.Files, d.fileChange)
	}
	c.Counts = summary(counts)
}

// fileDifference says how a file differs, or "".
func fileDifference(a, b inventory.File) string {
	var how []string
	if a.Mode != b.Mode {
		how = append(how, fmt.Sprintf("%v → %v", a.Mode, b.Mode))
	}
	if a.Target != b.Target {
		how = append(how, "points to "+readable(b.Target))
	}
	if a.SHA256 != b.SHA256 {
		word := "other content"
		if a.Size != b.Size {
			word += ", " + signedBytes(b.Size-a.Size)
		}
		how = append(how, word)
	}
	return strings.Join(how, ", ")
}

// summary says how many were changed, added and removed.
func summary(counts [3]int) string {
	if counts == [3]int{} {
		return "none differs"
	}
	return fmt.Sprintf("%s changed, %s added, %s removed", thousands(int64(counts[0])), thousands(int64(counts[1])), thousands(int64(counts[2])))
}

func sizes(was, now int64) string {
	return fmt.Sprintf("%s → %s (%s)", ui.Bytes(was), ui.Bytes(now), signedBytes(now-was))
}

// signedBytes writes a difference: "+1.20 MB", "−4 B".
func signedBytes(n int64) string {
	switch {
	case n == 0:
		return "the same"
	case n < 0:
		return "−" + ui.Bytes(-n)
	default:
		return "+" + ui.Bytes(n)
	}
}

// short is the beginning of a digest, which people compare.
func short(digest string) string {
	digest = readable(digest)
	return digest[:min(12, len(digest))]
}
