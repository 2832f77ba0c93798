package evidence

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nhos.org/nhos/internal/image/definition"
)

// root is the folder of this repository's own definitions.
const root = "../.."

// secures are the features that are there to secure the desktop or to keep it quiet.
var secures = []string{
	"firewall", "accounts", "screen-lock", "removable-media", "usb-guard", "confinement", "updates", "time-and-logs", "hardening", "quiet",
}

// TestEveryCheckThatSecuresIsOfAControl sees to it that a respin can't lose one of them without the pack saying so, and
// that a waiver has a control to name.
func TestEveryCheckThatSecuresIsOfAControl(t *testing.T) {
	controls, err := definition.LoadControls(root)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, c := range controls.List {
		for _, k := range c.Checks {
			named[k.Value] = true
		}
	}
	img, err := definition.Load(root, "desktop")
	if err != nil {
		t.Fatal(err)
	}
	for _, feature := range secures {
		i := slices.IndexFunc(img.Parts, func(p definition.Part) bool { return p.Name == feature })
		if i < 0 || len(img.Parts[i].Checks) == 0 {
			t.Errorf("the desktop has no feature %s with checks", feature)
			continue
		}
		for _, c := range img.Parts[i].Checks {
			if !named[c.ID] {
				t.Errorf("no control names check %s", c.ID)
			}
		}
	}
}

// TestRepositoryNames holds the names of checks, controls and scenarios in controls/ and docs/hazards.md against those
// that this repository has. It is stricter than "nhos evidence", which lets controls of an organisation's folder name
// checks of features that no image there has taken up.
func TestRepositoryNames(t *testing.T) {
	checks := map[string]bool{}
	images, respins, err := definition.List(root)
	if err != nil {
		t.Fatal(err)
	}
	controls, err := definition.LoadControls(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range append(images, respins...) {
		img, err := definition.Load(root, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := controls.Unknown(img); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		for _, p := range img.Parts {
			for _, c := range p.Checks {
				checks[c.ID] = true
			}
		}
	}
	known := map[string]bool{}
	held := func(where, check string) {
		if !checks[check] {
			t.Errorf("%s: no check %s", where, check)
		}
	}
	for _, c := range controls.List {
		known[c.ID] = true
		for _, k := range c.Checks {
			held(k.Origin.String(), k.Value)
		}
		for _, s := range c.Scenarios {
			of, _ := filepath.Glob(filepath.Join(root, "features/*/scenarios", s.Value+".yaml"))
			if _, err := os.Stat(filepath.Join(root, "scenarios", s.Value+".yaml")); err != nil && len(of) == 0 {
				t.Errorf("%v: no scenario %s", s.Origin, s.Value)
			}
		}
	}
	hazards, err := os.ReadFile(filepath.Join(root, "docs/hazards.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`([a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*)`").FindAllStringSubmatch(string(hazards), -1) {
		held("docs/hazards.md", m[1])
	}
	for _, page := range []string{"docs/hazards.md", "docs/desktop.md", "docs/evidence.md"} {
		named := controlsIn(t, page)
		for id := range named {
			if !known[id] {
				t.Errorf("%s: no control %s", page, id)
			}
		}
		if len(named) < 10 {
			t.Errorf("%s names %d controls", page, len(named))
		}
	}
	// What a person has to attest, and what is asked of the desktop, is listed for those who deploy it.
	toSign, asked := controlsIn(t, "docs/desktop.md"), controlsIn(t, "docs/evidence.md")
	for _, c := range controls.List {
		if c.Attested != "" && !toSign[c.ID] {
			t.Errorf("docs/desktop.md doesn't say that %s is to be attested", c.ID)
		}
		if c.Attested == "" && !asked[c.ID] && !outside[c.ID] {
			t.Errorf("docs/evidence.md doesn't list %s", c.ID)
		}
	}
}

// outside are controls that show more than is asked of the desktop in docs/evidence.md.
var outside = map[string]bool{"RMT-1": true, "CFG-6": true, "PRN-1": true, "PROV-1": true}

// controlsIn are the controls that a page names.
func controlsIn(t *testing.T, page string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, id := range regexp.MustCompile(`\b[A-Z][A-Z0-9]+-[0-9]+\b`).FindAllString(string(text), -1) {
		if !strings.HasPrefix(id, "DCB") && id != "SHA-256" && id != "UTF-8" {
			named[id] = true
		}
	}
	return named
}

// Every hazard says all that an entry of a hazard log has to.
func TestHazardsAreWhole(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/hazards.md"))
	if err != nil {
		t.Fatal(err)
	}
	entries := strings.Split(string(page), "\n## ")[1:]
	if len(entries) < 8 {
		t.Errorf("%d hazards", len(entries))
	}
	for _, e := range entries {
		for _, part := range []string{"Cause", "Effect", "Controls", "Checks", "Left"} {
			if !strings.Contains(e, "- **"+part+".** ") {
				t.Errorf("%.40q has no %s", e, part)
			}
		}
	}
}

func TestTableIsNoProgram(t *testing.T) {
	p := &Pack{Product: "=HYPERLINK(1)", Organisation: "@x", Controls: []Control{{ID: "A-1", Result: Holds, Statement: "a \"b\", c\n\x1b[2Jd"}}}
	text, err := p.table()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, want := range map[string]string{"product": "'=HYPERLINK(1)", "organisation": "'@x", "statement": "a \"b\", c\nd"} {
		if got := rows[1][slices.Index(rows[0], i)]; got != want {
			t.Errorf("%s is %q", i, got)
		}
	}
}
