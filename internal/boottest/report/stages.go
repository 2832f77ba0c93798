package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/ui"
)

// A stage is a part of a boot, from where the one before ended.
type stage struct {
	Name  string
	Class string // of its colour
	Digit string // that names it in the chart, so that no colour alone does
	Lasts time.Duration
	until time.Duration // since power-on
	boot  bool          // part of the boot, not of the test
}

// stages divides the time of a run among firmware, loader, kernel, initrd, userspace, desktop and checks. Of a run
// that ended early the last stage is the one in which it did.
func stages(r scenario.Result) (done []stage, ended string) {
	at := func(names ...string) time.Duration {
		var latest time.Duration
		for _, e := range r.Timeline {
			if slices.Contains(names, e.What) {
				latest = max(latest, e.At)
			}
		}
		return latest
	}
	menu, kernel, initrd := at(scenario.MenuShown), at(scenario.KernelStarts), at(scenario.InitrdStarts)
	up := at(scenario.Systemd)
	userspace := cmp.Or(at(scenario.BootFinished), at(scenario.Graphical, scenario.MultiUser))
	graphical := r.Manifest != nil && r.Manifest.Graphical
	if graphical {
		userspace = cmp.Or(at(scenario.Graphical), userspace)
	}
	first, kernelName := "Firmware", "Kernel"
	if menu == 0 && kernel > 0 {
		first = "Firmware and boot menu"
	}
	if initrd == 0 && up > 0 {
		kernelName = "Kernel and initrd"
	}
	all := []stage{
		{Name: first, Class: "s1", until: cmp.Or(menu, kernel), boot: true},
		{Name: "Boot menu and loading", Class: "s2", until: kernel, boot: true},
		{Name: kernelName, Class: "s3", until: cmp.Or(initrd, up), boot: true},
		{Name: "Initrd", Class: "s4", until: up, boot: true},
		{Name: "Userspace", Class: "s5", until: userspace, boot: true},
		{Name: "Desktop", Class: "s6", until: at(scenario.DesktopDrawn), boot: true},
		{Name: "Checks", Class: "s7", until: at(scenario.ChecksDone)},
	}
	if !graphical {
		all = slices.Delete(all, 5, 6)
	}
	before, reached := time.Duration(0), -1
	for i, s := range all {
		if s.until == 0 || s.until <= before {
			if s.until > 0 {
				reached = i
			}
			continue
		}
		s.Lasts, before, reached = s.until-before, s.until, i
		done = append(done, s)
	}
	if reached+1 < len(all) && r.Duration > before {
		open := all[reached+1]
		open.Class, open.Lasts, open.until, open.boot = "open", r.Duration-before, r.Duration, false
		done, ended = append(done, open), open.Name
	}
	for i := range done {
		done[i].Digit = fmt.Sprint(i + 1)
	}
	return done, ended
}

// bootTime is how long a run took from power-on to the end of its boot, or 0 when it didn't come so far.
func bootTime(r scenario.Result) time.Duration {
	done, ended := stages(r)
	if ended != "" && ended != "Checks" {
		return 0
	}
	var lasts time.Duration
	for _, s := range done {
		if s.boot {
			lasts = s.until
		}
	}
	return lasts
}

// A bar is one run of the chart of boot times. Places are parts of the width, so that the drawing is as wide as the
// page lets it be and its text stays text.
type bar struct {
	ID, Title, Medium string
	Total             string // until the boot was over
	Before            string // how an earlier build's boot compares, in words
	BeforeWidth       string
	Segments          []segment
	Ended             string // the stage in which it ended, if it wasn't the last
}

// A segment is a stage in a bar.
type segment struct {
	stage
	X, Width, Middle string // "12.5%"
	Wide             bool   // there is room for its digit
	Time             string
}

// A tick is a line of the scale.
type tick struct{ X, Label, Anchor string }

// A chart is the bars of all runs on one scale.
type chart struct {
	Bars  []bar
	Ticks []tick
}

// newChart lays the runs out; earlier are boots of earlier builds, by the name of the run.
func newChart(runs []Run, sections []section, earlier map[string]scenario.Result) chart {
	var longest time.Duration
	for _, run := range runs {
		if done, _ := stages(run.Result); len(done) > 0 {
			longest = max(longest, done[len(done)-1].until)
		}
		longest = max(longest, bootTime(earlier[run.Result.Name]))
	}
	if longest == 0 {
		return chart{}
	}
	c, end := scale(longest)
	place := func(at time.Duration) string { return percent(at.Seconds(), end.Seconds()) }
	for i, run := range runs {
		s := sections[i]
		b := bar{ID: s.ID, Title: s.Title, Medium: s.Medium}
		var done []stage
		done, b.Ended = stages(run.Result)
		if t := bootTime(run.Result); t > 0 {
			b.Total = ui.Duration(t)
			if was := bootTime(earlier[run.Result.Name]); was > 0 {
				b.Before, b.BeforeWidth = fmt.Sprintf("%s before (%s)", ui.Duration(was), signedTime(t-was)), place(was)
			}
		}
		for _, s := range done {
			from := s.until - s.Lasts
			b.Segments = append(b.Segments, segment{
				stage: s, X: place(from), Width: place(s.Lasts), Middle: place(from + s.Lasts/2),
				Wide: s.Lasts*30 > end, Time: ui.Duration(s.Lasts),
			})
		}
		c.Bars = append(c.Bars, b)
	}
	return c
}

// spacings are the distances of ticks that people count in.
var spacings = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour,
}

const mostTicks = 6

// scale makes the ticks for times up to last, and says where the scale ends.
func scale(last time.Duration) (c chart, end time.Duration) {
	spacing := spacings[len(spacings)-1]
	for _, s := range spacings {
		if last <= s*mostTicks {
			spacing = s
			break
		}
	}
	spacing *= max(1, (last+spacing*mostTicks-1)/(spacing*mostTicks)) // days of booting are drawn too
	end = (last + spacing - 1) / spacing * spacing
	for at := time.Duration(0); at <= end; at += spacing {
		anchor := "middle"
		switch at {
		case 0:
			anchor = "start"
		case end:
			anchor = "end"
		}
		label := fmt.Sprintf("%.0f s", at.Seconds())
		if end > 10*time.Minute {
			label = fmt.Sprintf("%.0f min", at.Minutes())
		}
		c.Ticks = append(c.Ticks, tick{percent(at.Seconds(), end.Seconds()), label, anchor})
	}
	return c, end
}

func percent(part, whole float64) string {
	if whole <= 0 {
		return "0%"
	}
	return fmt.Sprintf("%.2f%%", 100*min(max(0, part/whole), 1))
}

// signedTime writes a difference: "+1.2 s", "−0.4 s".
func signedTime(d time.Duration) string {
	switch {
	case d.Round(time.Second/10) == 0:
		return "the same"
	case d < 0:
		return "−" + ui.Duration(-d)
	default:
		return "+" + ui.Duration(d)
	}
}
