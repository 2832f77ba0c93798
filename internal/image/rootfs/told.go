package rootfs

import (
	"bufio"
	"encoding/json"
	"io"
	"time"
)

// A Timing is when an op ran.
type Timing struct {
	Begun time.Time     `json:"begun"`
	Took  time.Duration `json:"took_ns"`
}

// A word is one line that the process of a step says to the one that started it: an op has ended, or the step failed.
type word struct {
	Ended   int      `json:"ended"` // the op's index
	Timing  *Timing  `json:"timing,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
}

// wordMost bounds a line: a failure carries 4 kB of output and an op, whose command line may name a thousand packages.
const wordMost = 1 << 20

// listen passes on what the process of a step says, until it says no more, and returns the failure if there was one.
// What makes no sense is left out: the process's end says that something went wrong.
func listen(r io.Reader, step Step) *Failure {
	var failure *Failure
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, wordMost)
	for lines.Scan() {
		var w word
		if json.Unmarshal(lines.Bytes(), &w) != nil {
			continue
		}
		if w.Failure != nil {
			failure = w.Failure
			failure.Index = max(-1, min(failure.Index, len(step.Ops)-1))
		}
		if w.Timing != nil && w.Ended >= 0 && w.Ended < len(step.Ops) && step.Ended != nil {
			step.Ended(step.Ops[w.Ended], *w.Timing)
		}
	}
	// A line that was too long ends the scan; the process mustn't wait for a reader.
	_, _ = io.Copy(io.Discard, r)
	return failure
}
