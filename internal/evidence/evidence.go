// Package evidence says of a medium which controls hold, and by what that is shown.
//
// A control (controls/*.yaml, docs/evidence.md) is a statement that an organisation is asked to show, with the checks,
// the facts of the build, the boots or the person that show it. [Read] gathers, for one image or respin,
//
//	the controls and the waivers        from the definitions
//	lock, SBOM, provenance, signature   from what the build left beside the medium
//	what each check came to             from the boots of this very medium
//
// and judges each control: it holds, fails, is waived, is not shown, or is for a person to attest. [Write] makes a page
// and a table of that. The rules err to one side: what nobody has seen is "not shown" and never "holds", a check
// passes when it passed in every boot that ran it, and a boot of another medium, by its SHA-256, isn't counted at all.
//
// The package stands outside the wings: it is where what was defined, what was built and what was seen come together.
package evidence

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/signature"
	"nhos.org/nhos/internal/ui"
)

// A Result is what a control came to.
type Result string

// The results, the worst first.
const (
	Fails    Result = "fails"
	Waived   Result = "waived" // it fails, and the organisation bears it for a time
	NotShown Result = "not shown"
	Attest   Result = "to be attested"
	Holds    Result = "holds"
)

// Results are all of them in the order of the page.
var Results = []Result{Fails, Waived, NotShown, Attest, Holds}

// A Pack is the evidence about one medium.
type Pack struct {
	Image   string `json:"image"`
	Respin  string `json:"respin,omitempty"`
	Product string `json:"product"`
	// Organisation is what the respin says of itself; "" for an image, which is nobody's.
	Organisation string `json:"organisation,omitempty"`
	ODSCode      string `json:"ods_code,omitempty"`

	Medium string    `json:"medium"` // file name
	SHA256 string    `json:"sha256"` // of the medium
	Size   int64     `json:"size"`   // bytes
	Judged time.Time `json:"judged"` // when the results were put together: waivers end by this day

	Controls []Control `json:"controls"` // in the order of the definitions
	Boots    []Boot    `json:"boots"`    // that were counted
	// LeftOut are boots in the folder that are of another medium, and count for nothing here.
	LeftOut []string `json:"left_out,omitempty"`
	// Notes are what a reader has to know besides.
	Notes []string `json:"notes,omitempty"`

	build *report.Build
}

// A Control is one with what it came to.
type Control struct {
	ID        string             `json:"id"`
	Statement string             `json:"statement"`
	Frames    definition.Frames  `json:"frames"`
	Result    Result             `json:"result"`
	Why       []string           `json:"why,omitempty"` // of a result that isn't Holds
	Proofs    []Proof            `json:"proofs,omitempty"`
	Attested  string             `json:"attested,omitempty"`
	Waiver    *definition.Waiver `json:"waiver,omitempty"` // of the respin, also one that isn't needed or has run out
	// Touched are changes of the respin to what the control rests on.
	Touched []string `json:"touched,omitempty"`
}

// A Proof is one thing that was looked at.
type Proof struct {
	Kind  string   `json:"kind"` // check, built, boot, scenario
	Name  string   `json:"name"` // "firewall/drops-inbound", "sbom", "secureboot"
	Said  string   `json:"said"` // the check's claim, or what was found
	State State    `json:"state"`
	Boots []string `json:"boots,omitempty"` // names of boots that it was looked at in
	// FailedIn are those of Boots in which it wasn't so.
	FailedIn []string `json:"failed_in,omitempty"`
}

// A State is what came of a proof.
type State string

// The states.
const (
	Good    State = "good"
	Bad     State = "bad"
	Missing State = "missing"
)

// A Boot is one that was counted.
type Boot struct {
	Name        string    `json:"name"` // "secureboot-usb"
	Way         string    `json:"way"`
	Scenario    string    `json:"scenario,omitempty"`
	Verdict     string    `json:"verdict"`
	Started     time.Time `json:"started"`
	QEMU        string    `json:"qemu"`
	Firmware    string    `json:"firmware"`
	Accelerator string    `json:"accelerator"`
}

// A Request says what evidence is wanted of.
type Request struct {
	Definitions string               // folder
	ID          string               // of an image or a respin
	Dir         string               // what a build and its tests left
	Key         *signature.PublicKey // that the medium is to be signed by; nil leaves that unshown
	Now         time.Time
}

// Read gathers and judges. A control that can't be judged, because it names a check that its part of the definition
// doesn't have, is an error with file and line; so is a folder in which nothing was built.
func Read(r Request) (*Pack, error) {
	img, err := definition.Load(r.Definitions, r.ID)
	if err != nil {
		return nil, err
	}
	controls, err := definition.LoadControls(r.Definitions)
	if err != nil {
		return nil, err
	}
	if len(controls.List) == 0 {
		return nil, ui.Hint(fmt.Errorf("%s has no controls", r.Definitions), "docs/evidence.md says how controls/*.yaml are written")
	}
	if err := controls.Unknown(img); err != nil {
		return nil, err
	}
	of := img
	if img.Respin != "" {
		if of, err = definition.Load(r.Definitions, img.Name); err != nil {
			return nil, err
		}
	}
	build, err := report.ReadBuild(r.Dir)
	if err == nil && build == nil {
		err = ui.Hint(fmt.Errorf("nothing is built of %s in %s", r.ID, r.Dir), "nhos build "+r.ID+" makes it, nhos test "+r.ID+" tests it")
	}
	if err == nil && build.ID != r.ID {
		err = fmt.Errorf("what was built in %s is %s, not %s", r.Dir, build.ID, r.ID)
	}
	if err != nil {
		return nil, err
	}
	var runs []report.Run // none is no error: nothing that boots show is shown then
	boots := filepath.Join(r.Dir, report.BootsDir)
	if kept, _ := filepath.Glob(filepath.Join(boots, "*", report.ResultName)); len(kept) > 0 {
		if runs, err = report.Load(boots); err != nil {
			return nil, err
		}
	}
	j := judge{definitions: r.Definitions, img: img, of: of, now: r.Now, built: newBuilt(build, img, r.Key)}
	p := &Pack{
		Image: img.Name, Respin: img.Respin, Product: img.Product.Value, ODSCode: img.ODSCode.Value,
		Medium: build.ISO, SHA256: build.SHA256, Size: build.Size, Judged: r.Now.UTC(), build: build,
	}
	if img.Respin != "" {
		own := img.Parts[len(img.Parts)-1]
		p.Organisation = own.Description
		for _, s := range own.Scripts {
			p.Notes = append(p.Notes, "The respin runs a script of its own, "+s.Name+". What it changes is seen by checks alone.")
		}
	}
	if changed := j.built.changed(); len(changed) > 0 {
		p.Notes = append(p.Notes, "Of the definitions, these have changed since the medium was built: "+strings.Join(changed, ", ")+".")
	}
	p.count(runs, &j)
	for _, c := range controls.List {
		p.Controls = append(p.Controls, j.control(c))
	}
	return p, nil
}

// count takes the runs that are of the medium, and names the others.
func (p *Pack) count(runs []report.Run, j *judge) {
	for _, run := range runs {
		r := run.Result
		name := filepath.Base(run.Dir)
		if r.SHA256 != p.SHA256 {
			p.LeftOut = append(p.LeftOut, name)
			continue
		}
		j.runs = append(j.runs, run)
		p.Boots = append(p.Boots, Boot{
			Name: name, Way: run.Way(), Scenario: r.Scenario, Verdict: string(r.Verdict), Started: r.Started.UTC(),
			QEMU: r.QEMU, Firmware: r.Firmware, Accelerator: r.Accelerator.Name,
		})
		if r.Verdict != scenario.Passed {
			// It may have failed by what no control names.
			p.Notes = append(p.Notes, fmt.Sprintf("Boot %s failed: %s.", name, cmp.Or(strings.Join(r.Reasons, "; "), "its report says why")))
		}
		for _, c := range r.Waived() { // which no control may name any more
			p.Notes = append(p.Notes, fmt.Sprintf("In boot %s, check %s failed and was waived when it was made.", name, c.ID))
		}
	}
}

// Of are the controls with that result.
func (p *Pack) Of(r Result) []Control {
	return slices.DeleteFunc(slices.Clone(p.Controls), func(c Control) bool { return c.Result != r })
}

// Verdict is the error for controls that fail without a waiver that counts; nil if none does.
func (p *Pack) Verdict() error {
	failed := p.Of(Fails)
	if len(failed) == 0 {
		return nil
	}
	names := ""
	for i, c := range failed {
		if i > 0 {
			names += ", "
		}
		names += c.ID
		if c.Waiver != nil {
			names += fmt.Sprintf(" (its waiver ran out: %v)", c.Waiver.Origin)
		}
	}
	err := fmt.Errorf("%d of %d controls fail: %s", len(failed), len(p.Controls), names)
	return ui.Verdict(ui.Hint(err, "mend it, or have the organisation bear it for a time: waivers: in its respin (docs/evidence.md)"))
}

// Summary writes what each control came to, for a person.
func (p *Pack) Summary(w io.Writer) error {
	t := ui.NewTable(ui.Column{Title: "control"}, ui.Column{Title: "result"}, ui.Column{Title: "why"})
	for _, r := range Results {
		for _, c := range p.Of(r) {
			why := ""
			switch n := len(c.Why); {
			case r == Waived:
				why = "until " + c.Waiver.Until + ": " + c.Waiver.Reason
			case n == 1:
				why = c.Why[0]
			case n > 1:
				why = fmt.Sprintf("%s, and %d more", c.Why[0], n-1)
			}
			t.Add(c.ID, string(c.Result), why)
		}
	}
	if err := t.Write(w); err != nil {
		return err
	}
	var lines []string
	for _, name := range p.LeftOut {
		lines = append(lines, fmt.Sprintf("left out: boot %s is of another medium", name))
	}
	if len(p.Boots) == 0 {
		lines = append(lines, fmt.Sprintf("no boot of this medium is kept: nhos test %s boots it", cmp.Or(p.Respin, p.Image)))
	}
	lines = append(lines, p.tally(), fmt.Sprintf("%s, sha256 %s", p.Medium, p.SHA256))
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// tally counts the controls of each result: "39 controls: fails 4, not shown 1, ...".
func (p *Pack) tally() string {
	var all []string
	for _, r := range Results {
		if n := len(p.Of(r)); n > 0 {
			all = append(all, fmt.Sprintf("%s %d", r, n))
		}
	}
	return fmt.Sprintf("%d controls: %s", len(p.Controls), strings.Join(all, ", "))
}

// Tested says how many boots were counted, and from when they are.
func (p *Pack) Tested() string {
	if len(p.Boots) == 0 {
		return "not yet: no boot of this medium is kept"
	}
	first := slices.MinFunc(p.Boots, func(a, b Boot) int { return a.Started.Compare(b.Started) }).Started
	last := slices.MaxFunc(p.Boots, func(a, b Boot) int { return a.Started.Compare(b.Started) }).Started
	const day = "2 January 2006"
	text := fmt.Sprintf("%d boots, ", len(p.Boots))
	if len(p.Boots) == 1 {
		text = "1 boot, "
	}
	if first.Format(day) != last.Format(day) {
		text += first.Format(day) + " to "
	}
	return text + last.Format(day)
}
