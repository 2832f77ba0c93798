// Package bench measures the Identity Agent: how soon a person is asked after a card was inserted, how soon a program has
// the ticket, and whether anything grows over days of use.
//
// Two kinds of parts are used. Run sets up a stage: real pcscd, OpenSC, pinentry's protocol, the agent's own programs, and a
// Spine over TLS. What pcscd makes slow is repeated thousands of times by Soak: the agent with a card process that is
// played.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/identity/stage"
)

// Options are how much is measured; 0 leaves a part out.
type Options struct {
	Insertions int // with pcscd, until a person is asked
	Callers    int // that ask for the ticket at the same time
	Calls      int // of one caller alone, and of all callers together
	RealCycles int // insert, sign in, pull, by pcscd and OpenSC
	Cycles     int // the same with a card process that is played
	Progress   io.Writer
}

// Row is one figure.
type Row struct {
	Figure string  `json:"figure"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit,omitempty"`
	Most   float64 `json:"most,omitempty"` // wanted; 0 wants nothing
	// Below says that Most itself is too much.
	Below bool `json:"below,omitempty"`
	// Limited says that Most is meant, also where it is 0.
	Limited bool `json:"limited"`
}

// Met says whether the figure is as wanted.
func (r Row) Met() bool { return !r.Limited || r.Value < r.Most || (!r.Below && r.Value == r.Most) }

// Figures are what was measured.
type Figures []Row

// Table is Markdown.
func (f Figures) Table() string {
	var b strings.Builder
	b.WriteString("| | measured | wanted | |\n|---|---|---|---|\n")
	for _, r := range f {
		wanted, met := "", ""
		if r.Limited {
			sign := "≤"
			if r.Below {
				sign = "<"
			}
			wanted, met = strings.TrimSpace(fmt.Sprintf("%s %g %s", sign, r.Most, r.Unit)), "met"
			if !r.Met() {
				met = "**not met**"
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.Figure, strings.TrimSpace(number(r.Value)+" "+r.Unit), wanted, met)
	}
	return b.String()
}

func number(v float64) string {
	if v == float64(int64(v)) {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// JSON is the same for programs.
func (f Figures) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(f, "", "  ")
	return append(text, '\n'), err
}

// Run measures what o asks for. It needs root, as the stage does.
func Run(ctx context.Context, o Options) (f Figures, err error) {
	if o.Insertions > 0 || o.Calls > 0 || o.RealCycles > 0 {
		if f, err = onStage(ctx, o); err != nil {
			return f, err
		}
	}
	if o.Cycles > 0 {
		fmt.Fprintf(o.Progress, "%d cycles with a played card process\n", o.Cycles)
		g, err := Soak(ctx, o.Cycles)
		if err != nil {
			return f, err
		}
		f = append(f, g.rows(fmt.Sprintf("%d cycles, card process played: ", o.Cycles))...)
	}
	return f, nil
}

// onStage measures with real parts.
func onStage(ctx context.Context, o Options) (f Figures, err error) {
	fmt.Fprintln(o.Progress, "setting up pcscd, a card, a Spine and the agent")
	s, err := stage.Start(ctx, stage.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	p, err := newPerson(ctx, s)
	if err != nil {
		return nil, err
	}
	defer p.close()
	for _, part := range []func(context.Context, *person, Options) (Figures, error){insertions, tickets, realCycles} {
		rows, err := part(ctx, p, o)
		if err != nil {
			return f, fmt.Errorf("%w\nthe agent's log:\n%s", err, s.Log())
		}
		f = append(f, rows...)
	}
	return f, nil
}

// quantile is the value of sorted durations below which q of them are.
func quantile(of []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
