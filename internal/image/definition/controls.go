package definition

import (
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"nhos.org/nhos/internal/manifest"
)

// A Control is one statement about an image that an organisation is asked to show, and how it is shown. Controls are
// read from controls/*.yaml; an image needs none of them to be made.
type Control struct {
	ID        string `json:"id"` // "FW-1"
	Statement string `json:"statement"`
	Frames    Frames `json:"frames"`
	// What shows it: all of it must. Attested stands alone.
	Checks    []Value[string] `json:"checks,omitempty"`    // "firewall/drops-inbound"
	Built     []Value[string] `json:"built,omitempty"`     // words of [BuiltProofs]
	Boots     []Value[string] `json:"boots,omitempty"`     // firmwares
	Scenarios []Value[string] `json:"scenarios,omitempty"` // names
	Attested  string          `json:"attested,omitempty"`  // what a person has to say, and nobody else can
	Origin    Origin          `json:"origin"`
}

// Frames are the published rules that a control answers to.
type Frames struct {
	CyberEssentials []string `json:"cyber_essentials,omitempty"` // themes of its requirements, v3.3
	DSPTCAF         []string `json:"dspt_caf,omitempty"`         // contributing outcomes: "B4.b"
	NCSC            []string `json:"ncsc,omitempty"`             // principles of its guidance on end user devices
	CISDebian13     []string `json:"cis_debian_13,omitempty"`    // numbers of the benchmark v1.0.0
}

// A Waiver is one of a respin, with the line of its last day.
type Waiver struct {
	manifest.Waiver
	Origin Origin `json:"origin"`
}

// BuiltProofs are what a build can show by itself.
var BuiltProofs = []string{"areas", "checksums", "lock", "packages", "provenance", "sbom", "secret-scan", "signature"}

// Controls are those of one definitions folder.
type Controls struct {
	List   []Control
	report *report // has the lines of the files, to show errors in
}

// LoadControls reads controls/*.yaml of a definitions folder, in the order of the files' names. A folder without
// controls gives none. Errors are as those of [Load].
func LoadControls(dir string) (*Controls, error) {
	l, err := newLoader(dir, nil)
	if err != nil {
		return nil, err
	}
	defer l.close()
	list := l.controls()
	return &Controls{list, l.report}, l.err()
}

// Unknown is an error for every check that a control names and that the image, although it has the part which would
// bring it, doesn't: a slip of the pen, by which a control would never be shown. nil is none.
func (c *Controls) Unknown(img *Image) error {
	r := &report{c.report.Fresh()}
	for _, control := range c.List {
		for _, check := range control.Checks {
			name, _, _ := strings.Cut(check.Value, "/")
			i := slices.IndexFunc(img.Parts, func(p Part) bool { return p.Name == name })
			if i < 0 {
				continue
			}
			var known []string
			for _, k := range img.Parts[i].Checks {
				known = append(known, k.ID)
			}
			if !slices.Contains(known, check.Value) {
				r.add(check.Origin, suggest(check.Value, "its checks", known), "%s %s has no check %s", img.Parts[i].Kind, name, quote(check.Value))
			}
		}
	}
	return r.err()
}

// controls reads all files of controls.
func (l *loader) controls() (all []Control) {
	seen := map[string]Origin{}
	for _, e := range l.readDir("controls") {
		file := "controls/" + e.Name()
		if !e.Type().IsRegular() || !strings.HasSuffix(file, ".yaml") {
			l.add(Origin{File: file}, "a file of controls is called NAME.yaml", "is not a file of controls")
			continue
		}
		if n := l.parse(l.root, file); n != nil {
			all = append(all, l.controlsIn(file, n, seen)...)
		}
	}
	return all
}

// controlsIn are those of one file; seen are the ids of those before it.
func (l *loader) controlsIn(file string, n ast.Node, seen map[string]Origin) (all []Control) {
	var keys []controlKeys
	l.decode(file, n, &keys)
	for _, k := range keys {
		if first, again := seen[k.ID.Value]; again {
			l.add(k.ID.Origin, "give one of them another id", "control %q is already in %v", k.ID.Value, first)
			continue
		}
		seen[k.ID.Value] = k.ID.Origin
		all = append(all, l.control(k))
	}
	return all
}

// control makes a control of its keys, and reports if nothing shows it, or a person as well as a machine.
func (l *loader) control(k controlKeys) Control {
	machine := len(k.Checks) + len(k.Built) + len(k.Boots) + len(k.Scenarios)
	switch attested := k.Attested.Value != ""; {
	case attested && machine > 0:
		l.add(k.Attested.Origin, "make what a person attests a control of its own", "control %q is shown by a person and by a machine", k.ID.Value)
	case !attested && machine == 0:
		l.add(k.At, "give it checks, built, boots, scenarios or attested", "nothing shows control %q", k.ID.Value)
	}
	f := k.Frames
	return Control{
		ID: k.ID.Value, Statement: oneLine(k.Statement.Value), Attested: oneLine(k.Attested.Value), Origin: k.ID.Origin,
		Frames: Frames{plainValues(f.CyberEssentials), plainValues(f.DSPTCAF), plainValues(f.NCSC), plainValues(f.CISDebian13)},
		Checks: k.Checks, Built: k.Built, Boots: k.Boots, Scenarios: k.Scenarios,
	}
}

// waive gives the image the respin's waivers, and each check those that bear its failing.
func (l *loader) waive(img *Image) {
	if len(l.keys.respin.Waivers) == 0 {
		return // and no need of controls
	}
	controls := l.controls()
	img.Waivers = l.waivers(controls)
	for _, p := range img.Parts {
		for i, c := range p.Checks {
			p.Checks[i].Waivers = bearing(c.ID, controls, img.Waivers)
		}
	}
}

// bearing are the waivers of all controls that name a check; none if one of those controls isn't waived, or if none
// names it.
func bearing(check string, controls []Control, waivers []Waiver) (all []manifest.Waiver) {
	names := map[string]bool{}
	for _, c := range controls {
		if slices.ContainsFunc(c.Checks, func(v Value[string]) bool { return v.Value == check }) {
			names[c.ID] = true
		}
	}
	for _, w := range waivers {
		if names[w.Control] {
			all = append(all, w.Waiver)
			delete(names, w.Control)
		}
	}
	if len(names) > 0 {
		return nil
	}
	return all
}

// waivers makes the respin's waivers of their keys. Only what is waived is looked at, not the day: definitions that
// were good yesterday are good today.
func (l *loader) waivers(controls []Control) (all []Waiver) {
	var known []string
	for _, c := range controls {
		known = append(known, c.ID)
	}
	line := map[string]int{}
	for _, k := range l.keys.respin.Waivers {
		first, again := line[k.Control.Value]
		switch {
		case k.Control.Value == "": // reported already
			continue
		case again:
			l.add(k.Control.Origin, "leave one of them out", "control %q is already waived on line %d", k.Control.Value, first)
		case !slices.Contains(known, k.Control.Value):
			l.add(k.Control.Origin, suggest(k.Control.Value, "controls", known), "unknown control %s", quote(k.Control.Value))
		}
		line[k.Control.Value] = k.Control.Origin.Line
		if _, err := time.Parse(time.DateOnly, k.Until.Value); err != nil && k.Until.Value != "" {
			l.add(k.Until.Origin, "year, month and day, for example 2027-03-31", "%s is not a day", quote(k.Until.Value))
		}
		all = append(all, Waiver{manifest.Waiver{Control: k.Control.Value, Reason: oneLine(k.Reason.Value), By: oneLine(k.By.Value), Until: k.Until.Value}, k.Until.Origin})
	}
	return all
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func plainValues(values []Value[string]) (plain []string) {
	for _, v := range values {
		plain = append(plain, v.Value)
	}
	return plain
}
