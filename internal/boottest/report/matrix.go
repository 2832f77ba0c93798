package report

import (
	"cmp"
	"fmt"
	"slices"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/ui"
)

// A matrix shows several runs at a glance: a column for each firmware, a row for everything else that tells runs
// apart. Columns are few, so that it fits on a phone.
type matrix struct {
	Firmwares []string
	Rows      []matrixRow
}

type matrixRow struct {
	run          scenario.Result // the first of it
	Title, Aside string
	Cells        [][]cell // for each firmware the runs of it; none is a combination that wasn't booted
}

// A cell is one run in the matrix.
type cell struct{ ID, State, Title, Count, Waived, Lasted string }

func newMatrix(runs []Run, sections []section) matrix {
	var m matrix
	memory := different(runs, func(r scenario.Result) int { return r.Memory })
	for i, run := range runs {
		r, s := run.Result, sections[i]
		firmware := shortFirmware(r.Firmware)
		if !slices.Contains(m.Firmwares, firmware) {
			m.Firmwares = append(m.Firmwares, firmware)
		}
		title := "As a " + mediumName(r.As)
		for _, more := range []struct{ what, value string }{{"menu entry ", r.Entry}, {"scenario ", r.Scenario}} {
			if more.value != "" {
				title += ", " + more.what + readable(more.value)
			}
		}
		if memory {
			title += fmt.Sprintf(", %d MiB", r.Memory)
		}
		at := slices.IndexFunc(m.Rows, func(row matrixRow) bool { return row.Title == title && row.Aside == s.Medium })
		if at < 0 {
			at = len(m.Rows)
			m.Rows = append(m.Rows, matrixRow{run: r, Title: title, Aside: s.Medium})
		}
		row := &m.Rows[at]
		column := slices.Index(m.Firmwares, firmware)
		for len(row.Cells) <= column {
			row.Cells = append(row.Cells, nil)
		}
		row.Cells[column] = append(row.Cells[column], cell{s.ID, stateOf(s.Passed), s.Title, s.Count, s.Waived, ui.Duration(r.Duration)})
	}
	for i := range m.Rows {
		for len(m.Rows[i].Cells) < len(m.Firmwares) {
			m.Rows[i].Cells = append(m.Rows[i].Cells, nil)
		}
	}
	slices.SortStableFunc(m.Rows, func(a, b matrixRow) int {
		x, y := a.run, b.run
		return cmp.Or(
			cmp.Compare(a.Aside, b.Aside), cmp.Compare(x.Scenario, y.Scenario), cmp.Compare(x.Entry, y.Entry),
			cmp.Compare(y.Memory, x.Memory), cmp.Compare(x.As, y.As),
		)
	})
	return m
}

// different reports whether the runs differ in something.
func different[T cmp.Ordered](runs []Run, of func(scenario.Result) T) bool {
	return slices.ContainsFunc(runs, func(r Run) bool { return of(r.Result) != of(runs[0].Result) })
}
