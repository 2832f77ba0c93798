package manifest

import (
	"slices"
	"testing"
	"time"
)

func TestWaiverHoldsToTheEndOfItsDay(t *testing.T) {
	w := Waiver{Until: "2027-03-31"}
	last := time.Date(2027, 3, 31, 23, 59, 0, 0, time.UTC)
	if !w.Holds(last.AddDate(0, -1, 0)) || !w.Holds(last) || w.Holds(last.Add(time.Minute)) {
		t.Error("the last day isn't the last day")
	}
	// Where it is the next day already, it still is the last one in UTC.
	if !w.Holds(last.In(time.FixedZone("", 3600))) {
		t.Error("the day is that of a time zone")
	}
	for _, never := range []string{"", "soon", "2027-02-30", "9999-99-99"} {
		if (Waiver{Until: never}).Holds(last) {
			t.Errorf("%q is a day", never)
		}
	}
}

// A check is borne while all its waivers hold, which is until the first of them runs out.
func TestCheckIsBorneByAllItsWaivers(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2027, 3, d, 12, 0, 0, 0, time.UTC) }
	if (Check{}).Borne(day(1)) {
		t.Error("a check without waivers is borne")
	}
	c := Check{Waivers: []Waiver{
		{"A-1", "We know.", "Head of IT", "2027-03-20"},
		{"B-1", "We know.", "Head of IT", "2027-03-10"},
		{"C-1", "We know.", "Head of IT", "2027-03-20"},
	}}
	if !c.Borne(day(10)) || c.Borne(day(11)) || c.BorneUntil() != "2027-03-10" {
		t.Errorf("borne until %s", c.BorneUntil())
	}
	want := []string{"A-1, C-1: We know (Head of IT, until 2027-03-20)", "B-1: We know (Head of IT, until 2027-03-10)"}
	if got := c.BorneBy(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
