package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"nhos.org/nhos/internal/ui"
)

// Summary says in how many files and where A and B differ: "3 files of live/30-configuration.squashfs, 2 of the medium".
func (r *Report) Summary() string {
	var places []string
	files := map[string]map[string]bool{}
	for _, d := range r.Differences {
		if files[d.In] == nil {
			files[d.In] = map[string]bool{}
			places = append(places, d.In)
		}
		files[d.In][d.Path] = true
	}
	var said []string
	for _, in := range slices.Backward(places) { // a layer says more than the medium that it is on
		said = append(said, fmt.Sprintf("%d in %s", len(files[in]), placeName(in)))
	}
	return strings.Join(said, ", ")
}

func placeName(in string) string {
	switch in {
	case "":
		return "what lies beside the medium"
	case onMedium:
		return "the medium itself"
	default:
		return in
	}
}

// Write lists the differences for a person, at most so many.
func (r *Report) Write(w io.Writer, most int) error {
	if r.Identical {
		_, err := fmt.Fprintln(w, "identical")
		return err
	}
	t := ui.NewTable(ui.Column{Title: "where"}, ui.Column{Title: "file"}, ui.Column{Title: "what"}, ui.Column{Title: "A"}, ui.Column{Title: "B"})
	shown := r.Differences[:min(len(r.Differences), max(0, most))]
	for _, d := range shown {
		in := d.In
		if in == "" {
			in = "beside it"
		}
		t.Add(in, d.Path, string(d.What), clip(d.A), clip(d.B))
	}
	if err := t.Write(w); err != nil {
		return err
	}
	if rest := len(r.Differences) - len(shown); rest > 0 {
		_, err := fmt.Fprintf(w, "and %d more (--most or --json lists them)\n", rest)
		return err
	}
	return nil
}
