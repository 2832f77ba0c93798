package report

import (
	"fmt"

	"nhos.org/nhos/internal/ui"
)

// A step is a line of a scenario's script.
type step struct {
	Line             int
	What, At, Lasted string
	State            string
	Skipped, Output  string
	Picture          *picture // of the screen after a step that failed, or that took one
	Missing          string   // name of the picture that can't be read
}

const isSkipped = "skipped"

func steps(run Run, id string) []step {
	var all []step
	for i, s := range run.Result.Steps {
		one := step{
			Line: s.Line, What: readable(s.What), At: ui.Duration(s.At), Lasted: ui.Duration(s.Duration),
			State: stateOf(s.Passed), Skipped: readable(s.Skipped), Output: readable(s.Output),
		}
		if one.Skipped != "" {
			one.State = isSkipped
		}
		if s.Picture != "" {
			shot, err := run.picture(s.Picture)
			if err != nil {
				one.Missing = readable(s.Picture)
			} else {
				one.Picture = &picture{
					shot: shot, ID: fmt.Sprintf("%s-step-%d", id, i+1), Strip: id + "-script", At: one.At,
					Caption: one.What, Alt: fmt.Sprintf("The screen after line %d: %s", s.Line, one.What), Number: 1, Of: 1,
				}
			}
		}
		all = append(all, one)
	}
	return all
}
