package boottest

import (
	"fmt"
	"io"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/ui"
)

// Summary writes a line for each run, and one below it for each check that was waived, for a person.
func Summary(w io.Writer, runs []report.Run) error {
	for _, run := range runs {
		r := run.Result
		waived := r.Waived()
		came := string(r.Verdict) + " in " + ui.Duration(r.Duration)
		if r.Reused {
			came = "reused, passed on " + r.Started.Local().Format("2006-01-02 15:04")
		}
		lines := fmt.Sprintf("%-15s %s%s\n", r.Name, came, scenario.AlsoWaived(len(waived)))
		for _, c := range waived {
			for _, by := range c.BorneBy() {
				lines += fmt.Sprintf("%-15s waived: %s, for %s\n", "", report.Readable(c.ID), report.Readable(by))
			}
		}
		if _, err := io.WriteString(w, lines); err != nil {
			return err
		}
	}
	return nil
}
