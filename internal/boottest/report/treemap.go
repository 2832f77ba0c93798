package report

import (
	"cmp"
	"slices"
	"strings"

	"nhos.org/nhos/internal/inventory"
	"nhos.org/nhos/internal/ui"
)

// A tile is a part of the definition in the treemap: its area is its share. Places are parts of the drawing.
type tile struct {
	X, Y, Width, Height string
	Name, Value, Kind   string
	Named, Valued       bool // there is room for its name, and for its size
}

const (
	mapShape    = 2.2   // width of the treemap by its height, about
	smallestOwn = 0.006 // share of the whole below which parts share a tile
)

// A rectangle is a place in a drawing that is mapShape wide and 1 high.
type rectangle struct{ x, y, w, h float64 }

// tiles lays parts out as a squarified treemap (Bruls, Huizing, van Wijk 2000): the biggest first, in rows along the
// shorter side of what is left, each row as long as that makes its tiles squarer.
func tiles(parts []inventory.Part) []tile {
	whole, small, rest := 0.0, 0, int64(0)
	for _, p := range parts {
		whole += float64(max(0, p.Size))
	}
	var left []inventory.Part
	for _, p := range parts {
		if float64(p.Size) >= smallestOwn*whole && p.Size > 0 {
			left = append(left, p)
			continue
		}
		small, rest = small+1, rest+max(0, p.Size)
	}
	if rest > 0 {
		left = append(left, inventory.Part{Name: counted(small, "small part"), Size: rest})
	}
	slices.SortStableFunc(left, func(a, b inventory.Part) int { return cmp.Compare(b.Size, a.Size) })

	var all []tile
	for box := (rectangle{0, 0, mapShape, 1}); len(left) > 0; {
		side := min(box.w, box.h)
		area := func(p inventory.Part) float64 { return float64(p.Size) / whole * mapShape }
		row, sum := 1, area(left[0])
		for ; row < len(left); row++ {
			longer := sum + area(left[row])
			if worst(area(left[0]), area(left[row]), longer, side) > worst(area(left[0]), area(left[row-1]), sum, side) {
				break
			}
			sum = longer
		}
		depth, along := sum/side, 0.0
		for _, p := range left[:row] {
			length := area(p) / depth
			at := rectangle{box.x + along, box.y, length, depth}
			if box.w >= box.h {
				at = rectangle{box.x, box.y + along, depth, length}
			}
			all = append(all, newTile(p, at))
			along += length
		}
		if box.w >= box.h {
			box.x, box.w = box.x+depth, box.w-depth
		} else {
			box.y, box.h = box.y+depth, box.h-depth
		}
		left = left[row:]
	}
	return all
}

// worst is how far from a square the tiles of a row come, whose areas are between most and least and together sum.
func worst(most, least, sum, side float64) float64 {
	return max(side*side*most/(sum*sum), sum*sum/(side*side*least))
}

func newTile(p inventory.Part, at rectangle) tile {
	kind, _, _ := strings.Cut(p.Name, " ")
	if !slices.Contains([]string{"base", "feature", "image", "respin"}, kind) {
		kind = "other"
	}
	return tile{
		X: percent(at.x, mapShape), Y: percent(at.y, 1), Width: percent(at.w, mapShape), Height: percent(at.h, 1),
		Name: readable(p.Name), Value: ui.Bytes(p.Size), Kind: kind,
		Named: at.w > 0.22 && at.h > 0.1, Valued: at.h > 0.2,
	}
}
