package plan

import (
	"fmt"
	"io"

	"nhos.org/nhos/internal/ui"
)

// Write shows the plan to a person: the layers from the bottom to the top, and what the medium is made of.
func (p *Plan) Write(w io.Writer) error {
	table := ui.NewTable(
		ui.Column{Title: "layer"}, ui.Column{Title: "key"}, ui.Column{Title: "packages", Numeric: true},
		ui.Column{Title: "size", Numeric: true}, ui.Column{Title: ""}, ui.Column{Title: "why"})
	for _, l := range p.Layers {
		size := ""
		if l.Cached {
			size = ui.Bytes(l.Size)
		}
		change := fmt.Sprintf("+%d", len(l.Install))
		if len(l.Remove) > 0 {
			change += fmt.Sprintf(" -%d", len(l.Remove))
		}
		table.Add(l.Name, l.Key.Short(), change, size, word(l.Cached), l.Why)
	}
	table.Add("boot files", p.Boot.Key.Short(), fmt.Sprintf("+%d", len(p.Boot.Install)), "", word(p.Boot.Cached), p.Boot.Why)
	if err := table.Write(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nmedium %s, key %s\n", p.Medium.File, p.Medium.Key.Short())
	return err
}

func word(cached bool) string {
	if cached {
		return "hit"
	}
	return "miss"
}
