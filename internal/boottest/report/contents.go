package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"nhos.org/nhos/internal/inventory"
	"nhos.org/nhos/internal/ui"
)

// Bounds of the lists of packages.
const (
	biggestShown  = 15
	biggestFolded = 60 // more of them
)

// contents is what a medium holds, in sizes.
type contents struct {
	Facts    []fact
	Parts    []share
	Tiles    []tile
	Packages []share // the biggest
	More     []share // the next
	Rest     string  // what isn't listed, in words
}

// A share is a row of a bar chart.
type share struct {
	Name, Aside, Value, Percent string
	Width                       string // of the longest bar
}

func newContents(v *inventory.Inventory) *contents {
	if v == nil || len(v.Packages) == 0 {
		return nil
	}
	c := &contents{}
	var inPackages, inParts, compressed int64
	for _, p := range v.Packages {
		inPackages += p.Size
	}
	for _, p := range v.Parts {
		inParts += p.Size
	}
	for _, l := range v.Layers {
		compressed += l.Size
	}
	c.Facts = append(c.Facts, fact{Name: "Packages", Value: thousands(int64(len(v.Packages))), Aside: ui.Bytes(inPackages)})
	if len(v.Files) > 0 {
		c.Facts = append(c.Facts, fact{Name: "Files", Value: thousands(int64(len(v.Files)))})
	}
	for _, l := range v.Layers {
		aside := fmt.Sprintf("%s entries", thousands(l.Files))
		c.Facts = append(c.Facts, fact{Name: "Layer " + readable(l.Name), Value: ui.Bytes(l.Size) + " compressed", Aside: aside})
	}

	parts := slices.Clone(v.Parts)
	slices.SortStableFunc(parts, func(a, b inventory.Part) int { return cmp.Compare(b.Size, a.Size) })
	for _, p := range parts {
		c.Parts = append(c.Parts, share{
			Name: readable(p.Name), Aside: counted(p.Packages, "package"), Value: ui.Bytes(p.Size),
			Percent: wholePercent(p.Size, inParts), Width: percent(float64(p.Size), float64(parts[0].Size)),
		})
	}
	c.Tiles = tiles(parts)

	packages := slices.Clone(v.Packages)
	slices.SortStableFunc(packages, func(a, b inventory.Package) int { return cmp.Compare(b.Size, a.Size) })
	for i, p := range packages {
		if i == biggestShown+biggestFolded {
			var left int64
			for _, p := range packages[i:] {
				left += p.Size
			}
			c.Rest = fmt.Sprintf("%s more take %s.", counted(len(packages)-i, "package"), ui.Bytes(left))
			break
		}
		row := share{
			Name: readable(p.Name), Aside: strings.TrimSpace(readable(p.Version) + " · " + readable(p.Part)), Value: ui.Bytes(p.Size),
			Percent: wholePercent(p.Size, inPackages), Width: percent(float64(p.Size), float64(packages[0].Size)),
		}
		if i < biggestShown {
			c.Packages = append(c.Packages, row)
		} else {
			c.More = append(c.More, row)
		}
	}
	return c
}

func wholePercent(part, whole int64) string {
	if whole <= 0 {
		return ""
	}
	switch share := 100 * float64(part) / float64(whole); {
	case share < 1:
		return "<1%"
	default:
		return fmt.Sprintf("%.0f%%", share)
	}
}

// counted is "1 package", "2 packages".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return thousands(int64(n)) + " " + what
}
