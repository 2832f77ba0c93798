package script

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// An action does a step, and returns what is worth telling about it.
type action func(ctx context.Context, p *Player, s Step) (output string, err error)

// A Player does the steps of scripts on one stage.
type Player struct {
	Stage    Stage
	Slowdown int // 1 with KVM, else [Slowdown]

	pause  time.Duration // between two looks at the screen; for tests
	limits func(Step) time.Duration
}

// An Outcome is what came of a step.
type Outcome struct {
	Step    Step
	Passed  bool
	Skipped string // why the guest couldn't be asked; such a step has neither passed nor failed
	Output  string
	Picture string // file name, of a screenshot
}

// Failed says that the step was done and isn't as it should be.
func (o Outcome) Failed() bool { return !o.Passed && o.Skipped == "" }

// Play does the steps in order, up to the first that fails, and tells of each before and after it. It returns true if
// none failed.
func (p *Player) Play(ctx context.Context, s *Script, begin func(Step), end func(Outcome)) bool {
	for _, step := range s.Steps {
		begin(step)
		o := p.Do(ctx, step)
		end(o)
		if o.Failed() {
			return false
		}
	}
	return true
}

// Do does one step.
func (p *Player) Do(ctx context.Context, s Step) Outcome {
	o := Outcome{Step: s}
	output, err := p.do(ctx, s)
	why, skip := skipped(err)
	switch {
	case skip:
		o.Skipped = why
	case err != nil:
		o.Output = joined(output, err.Error())
	default:
		o.Passed, o.Output = true, output
		if s.Verb == "screenshot" {
			o.Picture, o.Output = output, ""
		}
	}
	return o
}

func (p *Player) do(ctx context.Context, s Step) (string, error) {
	if s.verb.guest {
		// What a boot takes isn't counted against the step.
		if err := p.Stage.Awake(ctx); err != nil {
			return "", err
		}
	}
	limit := p.limit(s)
	if limit > 0 {
		stop := limit
		if s.verb.guest {
			stop += guestMargin * time.Duration(p.Slowdown) // the guest keeps to the limit itself, and then says more
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, stop, fmt.Errorf("not so after %v", limit))
		defer cancel()
	}
	output, err := s.verb.do(ctx, p, s)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Cause(ctx)
	}
	return output, err
}

// guestMargin is how much longer than the guest's own limit its answer may take.
const guestMargin = 15 * time.Second

// limit is how long the step may take on this machine.
func (p *Player) limit(s Step) time.Duration {
	if p.limits != nil {
		return p.limits(s)
	}
	return s.Limit(p.Slowdown)
}

// joined puts what was seen and what was wrong with it into one text.
func joined(seen, wrong string) string {
	if seen == "" {
		return wrong
	}
	return wrong + "\n" + seen
}
