package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/screen"
	"nhos.org/nhos/internal/manifest"
)

// guestChecks takes over what the guest found. What it should have checked and didn't is a failed check, so that a
// claim of the medium is never silently left out.
//
// A script may have them run several times, or never. A check that ever failed has failed.
func (r *Result) guestChecks(w *watch) {
	told := map[string]int{}
	for _, c := range w.checks {
		i, again := told[c.ID]
		switch found := r.found(c); {
		case !again:
			told[c.ID] = len(r.Checks)
			r.Checks = append(r.Checks, found)
		case r.Checks[i].Passed:
			r.Checks[i] = found
		}
	}
	if r.Manifest == nil || w.script && !w.checked {
		return
	}
	for _, c := range r.Manifest.Checks {
		if _, run := told[c.ID]; !run {
			r.Checks = append(r.Checks, Check{Check: c, Output: notRun})
		}
	}
}

// found is what the guest found of a check. Its waivers are those of the medium, whatever the guest says.
func (r *Result) found(c guest.Check) Check {
	c.Waivers = nil
	if r.Manifest != nil {
		for _, own := range r.Manifest.Checks {
			if own.ID == c.ID {
				c.Waivers = own.Waivers
			}
		}
	}
	return Check{Check: c.Check, Passed: c.Passed, Tries: c.Tries, Duration: c.Duration, Output: c.Output}
}

const notRun = "it was never run"

// own is a check of the test itself.
func own(id, claim string) Check {
	return Check{Check: manifest.Check{ID: id, Claim: claim, Feature: "test"}, Tries: 1}
}

func (r *Result) shown(a *album) Check {
	c := own("screen/shown", "the screen shows something at the end of the boot")
	graphical := r.Manifest != nil && r.Manifest.Graphical
	if graphical {
		c.Claim = "the screen shows graphics at the end of the boot"
	}
	switch img := a.last.img; {
	case img == nil:
		c.Output = "there is no picture of the screen"
	case screen.Blank(img):
		c.Output = "the screen is blank"
	case graphical && !screen.Graphical(img):
		c.Output = "the screen shows a text console"
	default:
		c.Passed = true
		c.Output = fmt.Sprintf("%d×%d pixels", img.Rect.Dx(), img.Rect.Dy())
	}
	return c
}

func (r *Result) menuNamesProduct(texts []string) Check {
	c := own("screen/menu-names-product", fmt.Sprintf("the boot menu names %q", r.Manifest.Product))
	for _, text := range texts {
		if screen.Shows(text, r.Manifest.Product) {
			c.Passed, c.Output = true, text
			return c
		}
	}
	c.Output = "this was read before the kernel started:\n" + strings.Join(texts, "\n\n")
	if len(texts) == 0 {
		c.Output = "no screen stood still before the kernel started"
	}
	return c
}

func (r *Result) unchanged(ctx context.Context, o Options) (Check, error) {
	c := own("medium/unchanged", "the boot leaves the medium as it was")
	begin := time.Now()
	sum, _, err := digest(ctx, o.Medium, o.Progress)
	c.Duration = time.Since(begin)
	c.Passed, c.Output = sum == r.SHA256, "sha256 "+sum
	if !c.Passed {
		c.Output += ", before " + r.SHA256
	}
	return c, err
}

func (r *Result) secureBootOn() Check {
	c := own("guest/secure-boot-on", "the guest runs with Secure Boot on")
	c.Passed = r.Guest.SecureBoot
	c.Output = fmt.Sprintf("firmware %s, Secure Boot %t", r.Guest.Firmware, r.Guest.SecureBoot)
	return c
}

// entryStarted holds the entry of the menu that was to be started against the command line that the kernel got.
func entryStarted(entry, arguments string) Check {
	c := own("guest/entry-started", fmt.Sprintf("the guest was started by the entry %q of the boot menu", entry))
	c.Passed, c.Output = true, arguments
	for name, argument := range manifest.EntryArguments {
		if slices.Contains(strings.Fields(arguments), argument) != (name == entry) {
			c.Passed = false
		}
	}
	return c
}

// judge adds failed checks to the reasons and gives the verdict, as it is on the day of now: a check that fails and
// is borne until then or longer is waived. What was never run is not: nobody knows that it is what is borne.
func (r *Result) judge(now time.Time) {
	missing := 0
	for i := range r.Checks {
		c := &r.Checks[i]
		switch {
		case c.Passed:
		case c.Output == notRun:
			missing++
		case c.Borne(now):
			c.Waived = true
		default:
			reason := fmt.Sprintf("check %s failed: %s (asserted: %s)", c.ID, firstLine(c.Output), c.Claim)
			if day := c.BorneUntil(); day != "" {
				reason += "; its waiver ran out on " + day
			}
			r.Reasons = append(r.Reasons, reason)
		}
	}
	if missing > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf("checks of the medium that were never run: %d", missing))
	}
	r.Verdict = Passed
	if len(r.Reasons) > 0 {
		r.Verdict = Failed
	}
}

func firstLine(text string) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if line == "" {
		return "it said nothing"
	}
	if more {
		line += " …"
	}
	return line
}
