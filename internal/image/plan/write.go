package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"

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
	if _, err := fmt.Fprintf(w, "\nmedium %s, key %s\n", p.Medium.File, p.Medium.Key.Short()); err != nil {
		return err
	}
	return p.writeReasons(w)
}

// screenful is about how many reasons are shown in all.
const screenful = 20

// writeReasons shows what differs from the last time, where the table hasn't said all of it.
func (p *Plan) writeReasons(w io.Writer) error {
	type group struct {
		name    string
		reasons []Reason
	}
	var groups []group
	for _, l := range p.Layers {
		groups = append(groups, group{"layer " + l.Name, l.Reasons})
	}
	groups = append(groups, group{bootFiles, p.Boot.Reasons}, group{"medium", p.Medium.Reasons})
	groups = slices.DeleteFunc(groups, func(g group) bool {
		told := len(g.reasons) == 1 && g.name != "medium" // in the table
		return len(g.reasons) == 0 || told || g.reasons[0].Kind == First
	})
	var b strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&b, "\nwhat differs from the last %s:\n", g.name)
		most := max(3, screenful/len(groups))
		if len(g.reasons) == most+1 {
			most++ // one line more says more than that there is one
		}
		for _, r := range g.reasons[:min(most, len(g.reasons))] {
			fmt.Fprintf(&b, "  %s\n", r)
		}
		if more := len(g.reasons) - most; more > 0 {
			fmt.Fprintf(&b, "  and %d more; --json has them all\n", more)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func word(cached bool) string {
	if cached {
		return "hit"
	}
	return "miss"
}
