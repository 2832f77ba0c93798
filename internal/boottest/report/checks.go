package report

import (
	"cmp"
	"fmt"
	"slices"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/manifest"
	"nhos.org/nhos/internal/ui"
)

// A group is the checks of one feature, the failed ones first. Groups with a failed check come first, too.
type group struct {
	Feature string
	Count   string // "5 of 6"
	Waived  string // ", 1 waived"
	State   string // the worst of its checks'
	Checks  []check
}

// A check is one of the table.
type check struct {
	ID, Claim, State string
	Ran              bool
	How, What        string // what was asked: "This was run:", "lpstat -r"
	Output           string
	Lasted           string
	Tries            int
	// Waivers bear its failing (manifest.Check.BorneBy), or bore it until they ran out.
	Waivers []string
	Lapsed  string // the day on which the first of them ran out
}

// The states of a check, which are classes in the page's style.
const (
	isPassed = "passed"
	isFailed = "failed"
	isWaived = "waived" // it failed, which is borne
	notRun   = "notrun"
)

func stateOf(passed bool) string {
	if passed {
		return isPassed
	}
	return isFailed
}

// groups returns every check of the result, and those of the medium that the result doesn't know as not run.
func groups(r scenario.Result) []group {
	var all []group
	place := map[string]int{}
	add := func(feature string, c check) {
		feature = cmp.Or(readable(feature), "of no feature")
		i, known := place[feature]
		if !known {
			i = len(all)
			place[feature] = i
			all = append(all, group{Feature: feature})
		}
		all[i].Checks = append(all[i].Checks, c)
	}
	for _, c := range r.Checks {
		add(c.Feature, newCheck(c))
	}
	for _, c := range unknown(r) {
		add(c.Feature, newCheck(scenario.Check{Check: c}))
	}
	worse := func(a, b string) int { return badness[b] - badness[a] }
	for i := range all {
		g := &all[i]
		slices.SortStableFunc(g.Checks, func(a, b check) int { return worse(a.State, b.State) })
		g.Count, g.Waived, g.State = count(all[i:i+1]), alsoWaived(all[i:i+1]), g.Checks[0].State
	}
	slices.SortStableFunc(all, func(a, b group) int { return worse(a.State, b.State) })
	return all
}

var badness = map[string]int{isFailed: 3, notRun: 2, isWaived: 1, isPassed: 0}

func newCheck(c scenario.Check) check {
	out := check{ID: readable(c.ID), Claim: cmp.Or(readable(c.Claim), readable(c.ID)), State: stateOf(c.Passed), Ran: ran(c)}
	if !out.Ran {
		out.State = notRun
		return out
	}
	switch {
	case isBorne(c):
		out.State, out.Waivers = isWaived, readableAll(c.BorneBy())
	case !c.Passed:
		out.Lapsed, out.Waivers = readable(c.BorneUntil()), readableAll(c.BorneBy())
	}
	out.How, out.What = asked(c.Check)
	out.Output, out.Lasted, out.Tries = readable(c.Output), ui.Duration(c.Duration), c.Tries
	return out
}

// ran reports whether the check was tried at all.
func ran(c scenario.Check) bool { return c.Passed || c.Tries > 0 }

// isBorne reports whether the check failed and was waived.
func isBorne(c scenario.Check) bool { return c.Waived && ran(c) && !c.Passed }

// asked says what the check looks at.
func asked(c manifest.Check) (how, what string) {
	switch {
	case c.Run != "":
		return "Command:", readable(c.Run)
	case c.Unit != "":
		return "Unit that must be active:", readable(c.Unit)
	case c.Process != "":
		return "Process that must run:", readable(c.Process)
	case c.File != "":
		return "File that must exist:", readable(c.File)
	default:
		return "", ""
	}
}

// unknown returns the checks of the medium that the result has nothing on.
func unknown(r scenario.Result) []manifest.Check {
	if r.Manifest == nil {
		return nil
	}
	known := map[string]bool{}
	for _, c := range r.Checks {
		known[c.ID] = true
	}
	var left []manifest.Check
	for _, c := range r.Manifest.Checks {
		if !known[c.ID] {
			left = append(left, c)
		}
	}
	return left
}

// count says how many checks of the groups passed.
func count(all []group) string {
	passed, of := tally(all, isPassed)
	return fmt.Sprintf("%d of %d", passed, of)
}

// alsoWaived says how many were waived, if any.
func alsoWaived(all []group) string {
	n, _ := tally(all, isWaived)
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d waived", n)
}

// tally counts the checks of the groups that are in a state, and all.
func tally(all []group, state string) (n, of int) {
	for _, g := range all {
		of += len(g.Checks)
		for _, c := range g.Checks {
			if c.State == state {
				n++
			}
		}
	}
	return n, of
}

// A waived is a check of a medium that failed and was borne, in one boot of it or in several.
type waived struct {
	ID, Claim string
	Boot      string // id of the first of them on the page
	Waivers   []string
}

// allWaived are those of all runs, each once for each medium; in the order of the page.
func allWaived(runs []Run) (all []waived) {
	known := map[string]bool{}
	for i, run := range runs {
		for _, c := range run.Result.Checks {
			if key := run.Result.SHA256 + " " + c.ID; isBorne(c) && !known[key] {
				known[key] = true
				one := newCheck(c)
				all = append(all, waived{one.ID, one.Claim, sectionID(i), one.Waivers})
			}
		}
	}
	return all
}

// sectionID is the id of the i-th run on the page.
func sectionID(i int) string { return fmt.Sprintf("boot-%d", i+1) }
