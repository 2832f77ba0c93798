package evidence

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/boottest/script"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/manifest"
)

// A judge holds controls against what is known of one medium.
type judge struct {
	definitions string            // folder
	img, of     *definition.Image // of is the respin's image, or img itself
	runs        []report.Run      // of this medium alone
	built       built
	now         time.Time
}

// control judges one control.
func (j *judge) control(c definition.Control) Control {
	out := Control{ID: c.ID, Statement: c.Statement, Frames: c.Frames, Attested: c.Attested}
	for i, w := range j.img.Waivers {
		if w.Control == c.ID {
			out.Waiver = &j.img.Waivers[i]
		}
	}
	if c.Attested != "" {
		out.Result = Attest
		return out
	}
	for _, v := range c.Checks {
		out.add(j.check(v.Value))
	}
	for _, v := range c.Built {
		out.add(j.built.proof(v.Value))
	}
	for _, v := range c.Boots {
		out.add(j.boot(v.Value))
	}
	for _, v := range c.Scenarios {
		out.add(j.scenario(v.Value))
	}
	out.Touched = j.touched(c)
	out.judge(j.now)
	return out
}

// add adds a proof, with what is to be said where it shows nothing.
func (c *Control) add(p Proof, why string) {
	c.Proofs = append(c.Proofs, p)
	if why != "" {
		c.Why = addOnce(c.Why, why)
	}
}

// judge makes the result of the proofs: one that is bad outweighs all, then one that is missing.
func (c *Control) judge(now time.Time) {
	has := func(s State) bool { return slices.ContainsFunc(c.Proofs, func(p Proof) bool { return p.State == s }) }
	switch {
	case has(Bad) && c.Waiver != nil && c.Waiver.Holds(now):
		c.Result = Waived
	case has(Bad):
		c.Result = Fails
		if c.Waiver != nil {
			c.Why = append(c.Why, fmt.Sprintf("its waiver ran out on %s (%v)", c.Waiver.Until, c.Waiver.Origin))
		}
	case has(Missing):
		c.Result = NotShown
	default:
		c.Result = Holds
	}
}

// check looks a check up in every boot. It is good when every boot that ran it passed it.
func (j *judge) check(id string) (Proof, string) {
	p := Proof{Kind: "check", Name: id, State: Missing, Said: claim(j.of, id)}
	var failed []string
	carried := false // the medium brings the check
	for _, run := range j.runs {
		if m := run.Result.Manifest; m != nil {
			carried = carried || slices.ContainsFunc(m.Checks, func(c manifest.Check) bool { return c.ID == id })
		}
		for _, c := range run.Result.Checks {
			if c.ID != id || !c.Passed && c.Tries == 0 {
				continue
			}
			carried = true
			boot := run.Result.Name
			p.Said, p.Boots = c.Claim, append(p.Boots, boot)
			if !c.Passed {
				failed = append(failed, boot)
			}
		}
	}
	switch {
	case len(failed) > 0:
		p.State, p.FailedIn = Bad, failed
		return p, fmt.Sprintf("check %s failed in %s", id, strings.Join(failed, ", "))
	case len(p.Boots) > 0:
		p.State = Good
		return p, ""
	case carried:
		return p, "no boot ran check " + id
	case p.Said == "":
		part, _, _ := strings.Cut(id, "/")
		return p, fmt.Sprintf("image %s has no feature %s", j.of.Name, part)
	case len(j.runs) == 0:
		return p, "no boot of this medium is kept"
	case j.img.Respin != "":
		p.State = Bad
		return p, fmt.Sprintf("weakened: image %s has check %s, and respin %s is without it", j.of.Name, id, j.img.Respin)
	}
	return p, "check " + id + " is newer than this medium"
}

// claim is what a check of the definition asserts; "" if there is no such check.
func claim(img *definition.Image, id string) string {
	for _, part := range img.Parts {
		for _, c := range part.Checks {
			if c.ID == id {
				return c.Claim
			}
		}
	}
	return ""
}

// boot looks for boots under a firmware in which the guest answered. What else failed in them doesn't matter here.
func (j *judge) boot(firmware string) (Proof, string) {
	names := map[string]string{"bios": "BIOS", "uefi": "UEFI", "secureboot": "UEFI with Secure Boot on"}
	p := Proof{Kind: "boot", Name: firmware, State: Missing, Said: "The medium boots under " + names[firmware]}
	bad := ""
	for _, run := range j.runs {
		r := run.Result
		if r.Firmware != firmware || r.Scenario != "" {
			continue
		}
		p.Boots = append(p.Boots, r.Name)
		switch {
		case r.Guest == nil:
			bad = "the guest of boot " + r.Name + " never answered"
		case firmware == "secureboot" && !r.Guest.SecureBoot:
			bad = "the guest of boot " + r.Name + " says that Secure Boot is off"
		}
	}
	switch {
	case bad != "":
		p.State = Bad
	case len(p.Boots) > 0:
		p.State = Good
	default:
		bad = "no boot under " + names[firmware] + " of this medium is kept"
	}
	return p, bad
}

// scenario looks for runs of a scenario.
func (j *judge) scenario(name string) (Proof, string) {
	p := Proof{Kind: "scenario", Name: name, State: Missing, Said: j.about(name)}
	why := "scenario " + name + " wasn't played on this medium"
	for _, run := range j.runs {
		r := run.Result
		if r.Scenario != name {
			continue
		}
		p.Boots = append(p.Boots, r.Name)
		if r.Verdict != scenario.Passed {
			p.FailedIn = append(p.FailedIn, r.Name)
			p.State, why = Bad, "scenario "+name+" failed in "+strings.Join(p.FailedIn, ", ")
		} else if p.State == Missing {
			p.State, why = Good, ""
		}
	}
	return p, why
}

// about is what a scenario says that it shows.
func (j *judge) about(name string) string {
	if path, err := script.Find(j.definitions, name); err == nil {
		if s, err := script.Read(path); err == nil && s.About != "" {
			return s.About
		}
	}
	return "Scenario " + name + " plays to its end" // its file may be gone, or newer than this program
}
