package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"

	"nhos.org/nhos/internal/ui"
)

//go:embed page.html
var layout string

//go:embed page.css
var look string

// A page is report.html as its template sees it. Every string in it is readable; the template escapes them.
type page struct {
	Title   string
	Verdict string
	Passed  bool
	Media   []medium
	Runs    []section
	Style   template.CSS
	Policy  template.HTMLAttr
}

// A medium is what the page says of a file that was booted.
type medium struct{ Facts []fact }

// A fact is a name with its value, and what is less important about it.
type fact struct {
	Name, Value, Aside string
	Code               bool // read letter by letter
}

func html(runs []Run) ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{"state": stateOf}).Parse(layout)
	if err != nil {
		return nil, err
	}
	p := page{
		Title: title(runs), Verdict: headline(runs), Passed: passed(runs) == len(runs),
		Media: media(runs), Style: template.CSS(look), Policy: policy(look),
	}
	for i, run := range runs {
		s := newSection(run, fmt.Sprintf("boot-%d", i+1))
		if len(p.Media) > 1 {
			s.Medium = readable(run.Result.Medium)
		}
		p.Runs = append(p.Runs, s)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
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

// headline is the verdict over all runs in words.
func headline(runs []Run) string {
	switch n, all := passed(runs), len(runs); {
	case all == 1 && n == 1:
		return "The boot passed"
	case all == 1:
		return "The boot failed"
	case n == all:
		return fmt.Sprintf("All %d boots passed", all)
	case n == 0:
		return fmt.Sprintf("None of %d boots passed", all)
	default:
		return fmt.Sprintf("%d of %d boots passed", n, all)
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
