package inventory

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"nhos.org/nhos/internal/ui"
)

// Sizes are what takes the room in a root, in bytes, the largest first.
type Sizes struct {
	Total    int64     `json:"total"` // of all regular files
	Parts    []Part    `json:"parts"`
	Packages []Package `json:"packages"`
	// Other is what belongs to no part: files that were made while the image was.
	Other int64 `json:"other"`
}

// Sizes sorts parts and packages by size, and keeps so many packages; 0 keeps all.
func (v *Inventory) Sizes(most int) Sizes {
	s := Sizes{Parts: slices.Clone(v.Parts), Packages: slices.Clone(v.Packages)}
	for _, f := range v.Files {
		s.Total += f.Size
	}
	s.Other = s.Total
	for _, p := range s.Parts {
		s.Other -= p.Size
	}
	slices.SortStableFunc(s.Parts, func(a, b Part) int { return cmp.Compare(b.Size, a.Size) })
	slices.SortStableFunc(s.Packages, func(a, b Package) int { return cmp.Compare(b.Size, a.Size) })
	if most > 0 && len(s.Packages) > most {
		s.Packages = s.Packages[:most]
	}
	return s
}

// Write writes the sizes as tables, for a person.
func (s Sizes) Write(w io.Writer) error {
	parts := ui.NewTable(ui.Column{Title: "part"}, ui.Column{Title: "size", Numeric: true}, ui.Column{Title: "packages", Numeric: true})
	for _, p := range s.Parts {
		parts.Add(p.Name, ui.Bytes(p.Size), fmt.Sprint(p.Packages))
	}
	parts.Add("(made with the image)", ui.Bytes(s.Other), "")
	parts.Add("all", ui.Bytes(s.Total), "")
	packages := ui.NewTable(ui.Column{Title: "package"}, ui.Column{Title: "size", Numeric: true}, ui.Column{Title: "part"})
	for _, p := range s.Packages {
		packages.Add(p.Name, ui.Bytes(p.Size), p.Part)
	}
	if err := parts.Write(w); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return packages.Write(w)
}
