package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"nhos.org/nhos/internal/boottest/scenario"
)

// A step is an event on the timeline: a bar from the event before, and a point where it happened. Places are parts of
// the width, so that the drawing is as wide as the page lets it be and its text stays text.
type step struct {
	At, What        string
	From, To, Width string // "12.5%"
}

// A tick is a line of the scale.
type tick struct{ X, Label, Anchor string }

// spacings are the distances of ticks that people count in.
var spacings = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour,
}

const mostTicks = 6

// timeline lays events out on a scale that ends on a tick.
func timeline(events []scenario.Event) ([]step, []tick) {
	if len(events) == 0 {
		return nil, nil
	}
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b scenario.Event) int { return cmp.Compare(a.At, b.At) })
	last := max(events[len(events)-1].At, time.Second)
	spacing := spacings[len(spacings)-1]
	for _, s := range spacings {
		if last <= s*mostTicks {
			spacing = s
			break
		}
	}
	spacing *= max(1, (last+spacing*mostTicks-1)/(spacing*mostTicks)) // days of booting are drawn too
	end := (last + spacing - 1) / spacing * spacing

	place := func(at time.Duration) string {
		return fmt.Sprintf("%.2f%%", 100*float64(max(0, at))/float64(end))
	}
	var steps []step
	before := time.Duration(0)
	for _, e := range events {
		at := max(0, e.At)
		steps = append(steps, step{
			At: fmt.Sprintf("%.1f s", at.Seconds()), What: readable(e.What),
			From: place(before), To: place(at), Width: place(at - before),
		})
		before = at
	}
	var ticks []tick
	for at := time.Duration(0); at <= end; at += spacing {
		anchor := "middle"
		switch at {
		case 0:
			anchor = "start"
		case end:
			anchor = "end"
		}
		ticks = append(ticks, tick{place(at), scale(at, end), anchor})
	}
	return steps, ticks
}

// scale labels a tick in the unit that suits the whole.
func scale(at, end time.Duration) string {
	if end <= 10*time.Minute {
		return fmt.Sprintf("%.0f s", at.Seconds())
	}
	return fmt.Sprintf("%.0f min", at.Minutes())
}
