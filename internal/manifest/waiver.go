package manifest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Waiver is an organisation's word that it knows of a control that fails, and bears it until a day.
type Waiver struct {
	Control string `json:"control"`
	Reason  string `json:"reason"`
	By      string `json:"by"`
	Until   string `json:"until"` // the last day that it holds: "2027-03-31"
}

// Holds says whether the waiver still counts on the day of now, in UTC. One whose last day is no day never does.
func (w Waiver) Holds(now time.Time) bool {
	_, err := time.Parse(time.DateOnly, w.Until)
	return err == nil && now.UTC().Format(time.DateOnly) <= w.Until
}

// Borne says whether the check may fail on the day of now: it has waivers, and all of them hold.
func (c Check) Borne(now time.Time) bool {
	return len(c.Waivers) > 0 && !slices.ContainsFunc(c.Waivers, func(w Waiver) bool { return !w.Holds(now) })
}

// BorneUntil is the last day of the waiver that runs out first; "" if there is none.
func (c Check) BorneUntil() (day string) {
	for _, w := range c.Waivers {
		if day == "" || w.Until < day {
			day = w.Until
		}
	}
	return day
}

// BorneBy are the waivers in words, those that say the same in one: "CFG-1, NET-1: REASON (WHO, until DAY)".
func (c Check) BorneBy() (lines []string) {
	var said []Waiver // each with all its controls
	for _, w := range c.Waivers {
		i := slices.IndexFunc(said, func(s Waiver) bool { return s.Reason == w.Reason && s.By == w.By && s.Until == w.Until })
		if i < 0 {
			said = append(said, w)
			continue
		}
		said[i].Control += ", " + w.Control
	}
	for _, w := range said {
		lines = append(lines, fmt.Sprintf("%s: %s (%s, until %s)", w.Control, strings.TrimSuffix(w.Reason, "."), w.By, w.Until))
	}
	return lines
}
