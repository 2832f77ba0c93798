package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/script"
	"nhos.org/nhos/internal/boottest/vm"
)

// playing is the part of an observer that a script is played by.
type playing struct {
	context  context.Context // of the machine: it outlives each step
	network  network         // of the player's goroutine
	calls    chan func()     // what the player's goroutine asks the observer's to do
	played   chan struct{}   // closed when the script has come to its end; nil without one
	isPlayed bool
	giveUp   context.CancelCauseFunc // ends the step that is being done
	muted    chan struct{}           // closed when it is known that the guest never answers
	isMute   func()
	steps    []Step // of the player's goroutine, until played is closed
}

// ExpectNamed is the step that wants the guest to have talked to nothing but what its definition names.
const ExpectNamed = "expect only named destinations"

// play starts to play the script. When something fails or at its end, a person is asked what to do next, if there is
// one to be asked.
func (o *observer) play(ctx context.Context, opts Options, a vm.Accelerator) {
	o.context, o.played, o.isMute = ctx, make(chan struct{}), sync.OnceFunc(func() { close(o.muted) })
	o.network = network{state: opts.Script.Machine.Network}
	if o.network.state == script.NetworkRecorded {
		o.network.state = script.NetworkOn
	}
	if o.network.state == script.NetworkSlow {
		o.network.rate, o.network.delay = script.SlowRate, script.SlowDelay
	}
	p := &script.Player{Stage: stage{o}, Slowdown: 1}
	if a.Name != vm.KVM {
		p.Slowdown = script.Slowdown
	}
	steps, giveUp := context.WithCancelCause(ctx)
	o.giveUp = giveUp
	go func() {
		defer close(o.played)
		defer giveUp(nil)
		passed := o.playAll(steps, p, opts.Script)
		if opts.Prompt != nil && ctx.Err() == nil {
			o.phase.Hush()
			prompt{opts.Prompt, p, filepath.Dir(opts.Script.File), o.config.VNC}.ask(ctx, passed)
		}
		o.fetchJournal(ctx, p.Slowdown)
	}()
}

// playAll plays the script up to its end or the first step that fails.
func (o *observer) playAll(ctx context.Context, p *script.Player, s *script.Script) bool {
	if err := o.network.set(ctx, o.machine); err != nil {
		o.steps = append(o.steps, Step{What: "network " + string(o.network.state), Output: err.Error()})
		return false
	}
	return p.Play(
		ctx, s,
		func(step script.Step) {
			o.steps = append(o.steps, Step{Line: step.Line, What: step.String(), At: o.at()})
			o.progress.Note(fmt.Sprintf("%4.0fs %s:%d: %s", o.at().Seconds(), filepath.Base(s.File), step.Line, step))
		},
		func(outcome script.Outcome) {
			step := &o.steps[len(o.steps)-1]
			step.Duration = o.at() - step.At
			step.Passed, step.Skipped = outcome.Passed, outcome.Skipped
			step.Output, step.Picture = bounded(outcome.Output), outcome.Picture
			if outcome.Failed() {
				step.Picture = o.keepFailure(*step)
			}
			if outcome.Skipped != "" {
				o.progress.Note("      skipped: " + outcome.Skipped)
			}
		},
	)
}

// A network is the state of the machine's cable, which outlives a power cut.
type network struct {
	state script.Network
	rate  int64
	delay time.Duration
}

// set brings a machine's network into this state; "" is that of a machine without one.
func (n network) set(ctx context.Context, m *vm.VM) error {
	if n.state == "" {
		return nil
	}
	if err := m.SetLink(ctx, n.state != script.NetworkOff); err != nil || n.state == script.NetworkOff {
		return err
	}
	return m.SetNetworkSpeed(ctx, n.rate, n.delay)
}

// keepFailure takes a picture of the screen after a step that failed, if there is one to be taken.
func (o *observer) keepFailure(step Step) (file string) {
	_ = stage{o}.call(o.context, func() {
		l, err := o.glance(o.context)
		if o.machine == nil || err != nil || o.album.keep(l, false, fmt.Sprintf("line %d failed: %s", step.Line, step.What)) != nil {
			return
		}
		file = o.album.pictures[len(o.album.pictures)-1].File
	})
	return file
}

// fetchJournal asks a guest that answers for its journal. One that can't give it any more has its serial log.
func (o *observer) fetchJournal(ctx context.Context, slowdown int) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(slowdown)*30*time.Second)
	defer cancel()
	awake := false
	err := stage{o}.call(ctx, func() { awake = o.machine != nil && o.watch.facts != nil && !o.watch.over })
	if err != nil || !awake {
		return
	}
	a, err := o.guest.Ask(ctx, guest.Request{Kind: guest.AskJournal})
	if err == nil && !a.Passed {
		err = errors.New(a.Output)
	}
	if err != nil {
		_ = stage{o}.call(o.context, func() {
			o.watch.notes = append(o.watch.notes, "the journal isn't there: "+err.Error())
		})
	}
}

// bounded keeps the beginning of what a step said.
func bounded(s string) string {
	const most = 16 << 10
	if len(s) > most {
		return s[:most] + fmt.Sprintf("\n[%d more bytes]", len(s)-most)
	}
	return s
}

// playedReasons are the verdict of a script in words: the step that failed, and what the watch saw besides.
func (r *Result) playedReasons(s *script.Script, w *watch) {
	reasons := w.reasons
	for _, step := range r.Steps {
		if step.Passed || step.Skipped != "" {
			continue
		}
		if len(reasons) > 0 { // it is why the step failed
			reasons = reasons[1:]
		}
		where := fmt.Sprintf("%s:%d", filepath.Base(s.File), step.Line)
		reason := fmt.Sprintf("%s: %s: %s", where, step.What, cmp.Or(firstLine(step.Output), "it failed"))
		reasons = append([]string{reason}, reasons...)
	}
	r.Reasons = reasons
}
