package trace

import (
	"nhos.org/nhos/internal/ui"
)

// Progress is next with a span for each phase.
func (t *Trace) Progress(next ui.Progress) ui.Progress {
	if t == nil {
		return next
	}
	return progress{next, t}
}

// Of is the span of a phase that [Trace.Progress] began, nil for any other.
func Of(p ui.Phase) *Span {
	if traced, ok := p.(phase); ok {
		return traced.span
	}
	return nil
}

type progress struct {
	ui.Progress
	trace *Trace
}

func (p progress) Begin(name string, total int64) ui.Phase {
	return phase{p.Progress.Begin(name, total), p.trace.Begin("phases", name)}
}

type phase struct {
	ui.Phase
	span *Span
}

func (p phase) Done(outcome string) {
	p.span.End(map[string]string{"outcome": outcome})
	p.Phase.Done(outcome)
}

func (p phase) Fail(err error) {
	p.span.End(map[string]string{"error": err.Error()})
	p.Phase.Fail(err)
}
