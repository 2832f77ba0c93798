package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/ui"
)

//go:embed page.html run.html build.html
var layout embed.FS

//go:embed page.css
var look string

// A page is report.html as its template sees it. Every string in it is readable; the template escapes them.
type page struct {
	Title    string
	Verdict  string
	Passed   bool
	Failures []failure
	Waived   []waived
	Hero     *picture
	Media    []medium
	Matrix   matrix
	Chart    chart
	Changes  *changes
	Contents *contents
	Evidence []link
	Trouble  []string // what the page is without, and why
	Runs     []section
	Style    template.CSS
	Policy   template.HTMLAttr
}

// A failure is the weightiest reason of a failed run, and how many more it has.
type failure struct {
	ID, Title, Reason string
	More              int
}

// A medium is what the page says of a file that was booted.
type medium struct{ Facts []fact }

// A fact is a name with its value, and what is less important about it.
type fact struct {
	Name, Value, Aside string
	Code               bool // read letter by letter
}

func html(dir string, build *Build, runs []Run) ([]byte, error) {
	t, err := template.New("page.html").Funcs(template.FuncMap{"state": stateOf}).ParseFS(layout, "*.html")
	if err != nil {
		return nil, err
	}
	p := page{
		Title: title(runs), Verdict: headline(runs), Passed: passed(runs) == len(runs), Waived: allWaived(runs),
		Media: media(runs), Style: template.CSS(look), Policy: policy(look),
	}
	links := linker{dir}
	for i, run := range runs {
		s := newSection(run, sectionID(i), links)
		if len(p.Media) > 1 {
			s.Medium = readable(run.Result.Medium) + " " + short(run.Result.SHA256)
		}
		if !s.Passed {
			p.Failures = append(p.Failures, failure{s.ID, s.Title, s.Reasons[0], len(s.Reasons) - 1})
		}
		p.Runs = append(p.Runs, s)
	}
	if !build.of(runs) {
		build = nil // a medium from elsewhere that happens to be called the same
	}
	p.Hero = hero(p.Runs)
	p.Matrix = newMatrix(runs, p.Runs)
	p.Chart = newChart(runs, p.Runs, earlierBoots(build))
	p.Evidence = append(links.build(build), link{Href: JUnitName, Name: JUnitName, What: "the verdicts for a CI system (JUnit)"})
	if build != nil {
		now, err := build.holds()
		before, errBefore := build.Previous.holds()
		for _, err := range []error{err, errBefore} {
			if err != nil {
				p.Trouble = append(p.Trouble, readable(err.Error()))
			}
		}
		p.Contents = newContents(now)
		p.Changes = newChanges(build, now, before, runs, p.Runs)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// hero is the picture that shows at once how it ended: the last of the first run that failed, or of the first of all.
func hero(sections []section) *picture {
	var shown *picture
	for _, s := range sections {
		if n := len(s.Pictures); n > 0 && (shown == nil || !s.Passed) {
			shown = &s.Pictures[n-1]
			if !s.Passed {
				break
			}
		}
	}
	return shown
}

// policy forbids the page everything but its own style and pictures that it carries within.
func policy(style string) template.HTMLAttr {
	digest := sha256.Sum256([]byte(style))
	return template.HTMLAttr(fmt.Sprintf(
		`http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'"`,
		base64.StdEncoding.EncodeToString(digest[:])))
}

// title names what was tested.
func title(runs []Run) string {
	name := subject(runs[0])
	for _, run := range runs {
		if subject(run) != name {
			return "Boot tests of several media"
		}
	}
	return "Boot test of " + name
}

// subject is the product of a medium, or its file's name when it names no product.
func subject(run Run) string {
	if m := run.Result.Manifest; m != nil && readable(m.Product) != "" {
		return readable(m.Product)
	}
	return readable(run.Result.Medium)
}

// headline is the verdict over all runs in words, with how many checks were waived for it.
func headline(runs []Run) string {
	return verdict(runs) + scenario.AlsoWaived(len(allWaived(runs)))
}

func verdict(runs []Run) string {
	switch n, all := passed(runs), len(runs); {
	case all == 1 && n == 1:
		return "The boot passed"
	case all == 1:
		return "The boot failed"
	case n == all:
		return fmt.Sprintf("All %d boots passed", all)
	case n == 0:
		return fmt.Sprintf("All %d boots failed", all)
	default:
		return fmt.Sprintf("%d of %d boots failed", all-n, all)
	}
}

func passed(runs []Run) int {
	n := 0
	for _, run := range runs {
		if run.passed() {
			n++
		}
	}
	return n
}

// media are the facts of every medium of the runs. Runs of the same medium stand together.
func media(runs []Run) []medium {
	same := func(a, b Run) bool {
		return a.Result.SHA256 == b.Result.SHA256 && a.Result.Medium == b.Result.Medium
	}
	var all []medium
	for i, run := range runs {
		if i > 0 && same(runs[i-1], run) {
			continue
		}
		r := run.Result
		var facts []fact
		if m := r.Manifest; m != nil {
			facts = append(facts, fact{Name: "Product", Value: readable(m.Product)}, fact{Name: "Image", Value: readable(m.Image)})
			if m.Respin != "" {
				facts = append(facts, fact{Name: "Respin", Value: readable(m.Respin)})
			}
		} else {
			facts = append(facts, fact{Name: "Product", Value: "unknown", Aside: "this medium wasn’t built by NHoS and carries no checks of its own"})
		}
		facts = append(facts,
			fact{Name: "Medium", Value: readable(r.Medium), Code: true},
			fact{Name: "Size", Value: ui.Bytes(r.Size) + " (" + thousands(r.Size) + " bytes)"},
			fact{Name: "SHA-256", Value: readable(r.SHA256), Code: true},
		)
		of := slices.DeleteFunc(slices.Clone(runs), func(other Run) bool { return !same(run, other) })
		facts = append(facts, fact{Name: "Tested", Value: tested(of)})
		all = append(all, medium{facts})
	}
	return all
}

// tested says when the first of the runs began.
func tested(runs []Run) string {
	start := runs[0].Result.Started
	for _, run := range runs {
		if run.Result.Started.Before(start) {
			start = run.Result.Started
		}
	}
	if start.IsZero() {
		return "unknown"
	}
	return start.UTC().Format("2 January 2006, 15:04 UTC")
}

// thousands writes n in groups of three.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
