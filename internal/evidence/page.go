package evidence

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/ui"
)

// The files that [Pack.Write] makes.
const (
	PageName  = "evidence.html"
	TableName = "evidence.csv"
)

//go:embed page.html
var layout embed.FS

//go:embed page.css
var look string

// Write writes the page, the table or both ("html", "csv", "both") into dir, each whole or not at all, and returns
// their names.
func (p *Pack) Write(dir, format string) ([]string, error) {
	var names []string
	for _, f := range []struct {
		format, name string
		make         func() ([]byte, error)
	}{{"html", PageName, func() ([]byte, error) { return p.page(dir) }}, {"csv", TableName, p.table}} {
		if format != f.format && format != "both" {
			continue
		}
		text, err := f.make()
		if err == nil {
			err = renameio.WriteFile(filepath.Join(dir, f.name), text, 0o644)
		}
		if err != nil {
			return names, fmt.Errorf("writing %s: %w", f.name, err)
		}
		names = append(names, f.name)
	}
	return names, nil
}

// page is the pack as one HTML file without scripts, in the style of the report beside it.
func (p *Pack) page(dir string) ([]byte, error) {
	t, err := template.New("page.html").Funcs(template.FuncMap{
		"r": report.Readable, "class": class, "date": func(t time.Time) string { return t.Format("2 January 2006") },
		"when": when, "bytes": ui.Bytes, "words": words, "title": title,
	}).ParseFS(layout, "page.html")
	if err != nil {
		return nil, err
	}
	style := report.Look() + look
	headline, colour := p.headline()
	var b bytes.Buffer
	err = t.Execute(&b, struct {
		*Pack
		Groups   []group
		Frames   []frame
		Headline string
		Colour   string
		Files    []report.Link
		Style    template.CSS
		Policy   template.HTMLAttr
	}{p, p.groups(), p.frames(), headline, colour, p.build.Links(dir), template.CSS(style), report.Policy(style)})
	return b.Bytes(), err
}

// A group is the controls of one result.
type group struct {
	Result   Result
	About    string
	Controls []Control
}

func (p *Pack) groups() (all []group) {
	about := map[Result]string{
		Fails:    "What was looked at isn’t so, and no waiver counts.",
		Waived:   "These fail. The organisation knows it and bears it until the day that it names.",
		NotShown: "Nothing speaks against these, but nobody has seen that they hold on this medium.",
		Attest:   "No machine can show these. A person of the organisation has to say so.",
		Holds:    "All that is to show these was looked at on this medium, and is so.",
	}
	for _, r := range Results {
		if of := p.Of(r); len(of) > 0 {
			all = append(all, group{r, about[r], of})
		}
	}
	return all
}

// Anchor is where the group is on the page.
func (g group) Anchor() string { return strings.ReplaceAll(string(g.Result), " ", "-") }

// A frame is one published set of rules with the controls that answer to its parts.
type frame struct {
	Name  string
	Parts []part
}

type part struct {
	Name     string
	Controls []Control
}

func (p *Pack) frames() []frame {
	all := []frame{{Name: "Cyber Essentials, requirements v3.3"}, {Name: "DSPT, CAF-aligned: contributing outcomes"}, {Name: "NCSC, principles for end user devices"}, {Name: "CIS Debian 13 Benchmark v1.0.0, by number"}}
	for _, c := range p.Controls {
		for i, parts := range [][]string{c.Frames.CyberEssentials, c.Frames.DSPTCAF, c.Frames.NCSC, c.Frames.CISDebian13} {
			for _, name := range parts {
				all[i].add(name, c)
			}
		}
	}
	return all
}

// add puts a control to its part of the frame, in order of the parts' names.
func (f *frame) add(name string, c Control) {
	at := 0
	for ; at < len(f.Parts) && f.Parts[at].Name < name; at++ {
	}
	if at == len(f.Parts) || f.Parts[at].Name != name {
		f.Parts = append(f.Parts[:at], append([]part{{Name: name}}, f.Parts[at:]...)...)
	}
	f.Parts[at].Controls = append(f.Parts[at].Controls, c)
}

// headline is the verdict in words, and its colour. Only a pack in which a machine could ask nothing more is green.
func (p *Pack) headline() (text, colour string) {
	failed, waived, open := len(p.Of(Fails)), len(p.Of(Waived)), len(p.Of(NotShown))
	switch {
	case failed == 1:
		return "1 control fails", class(Fails)
	case failed > 1:
		return fmt.Sprintf("%d controls fail", failed), class(Fails)
	case len(p.Boots) == 0:
		return fmt.Sprintf("Not tested: %d not shown", open), class(NotShown)
	case open > 0:
		text, colour = fmt.Sprintf("No control fails, %d not shown", open), class(NotShown)
	default:
		text, colour = "Every control that a machine can show holds", class(Holds)
	}
	if waived > 0 {
		return fmt.Sprintf("%d waived, %d not shown", waived, open), class(Waived)
	}
	return text, colour
}

// class is how the house's style calls a result or a state.
func class(of any) string {
	switch of {
	case Holds, Good, "passed":
		return "passed"
	case Fails, Bad, "failed":
		return "failed"
	case Waived:
		return "waived"
	}
	return "notrun"
}

// words are a proof's state for a reader.
func words(s State) string {
	return map[State]string{Good: "Seen", Bad: "Not so", Missing: "Not seen"}[s]
}

func title(r Result) string {
	return map[Result]string{Fails: "Fails", Waived: "Waived", NotShown: "Not shown", Attest: "To be attested", Holds: "Holds"}[r]
}

func when(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}
