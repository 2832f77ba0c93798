package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/screen"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/ui"
)

const (
	// A boot menu stands for a few seconds, so the screen is looked at often until the kernel starts.
	earlyGlance = 500 * time.Millisecond
	lateGlance  = 2 * time.Second
)

// An observer lets a machine run and tells its watch what it sees.
type observer struct {
	config   vm.Config
	watch    *watch
	album    *album
	progress ui.Progress
	phase    ui.Phase
	graphics bool // the medium ends its boot in graphics mode
	entry    int  // of the boot menu that is to be started; 0 is left to the menu

	machine *vm.VM // nil while it is off
	boots   int    // how often it was switched on
	started time.Time
	stop    context.CancelFunc
	ended   chan struct{}       // closed when all is told of the present machine
	guest   *guest.Conversation // of a script
	seen    chan sight

	recording *recording // nil unless the network is recorded

	told    int  // events of the watch that the progress has had
	judged  int  // checks of the watch that it has had if they failed
	isRead  bool // the text of the present screen is known
	pressed bool

	playing
}

// run returns when the watch has seen enough. The error is about the test, not about the guest.
func (o *observer) run(ctx context.Context) error {
	glance := time.NewTimer(0)
	defer glance.Stop()
	for !o.over() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s := <-o.seen:
			if err := o.take(ctx, s); err != nil {
				return err
			}
		case call := <-o.calls:
			call()
		case <-o.played:
			o.isPlayed = true
		case <-glance.C:
			began := time.Now()
			if err := o.look(ctx); err != nil {
				return o.orGone(ctx, err)
			}
			pause := lateGlance
			if o.early() {
				pause = earlyGlance
			}
			// A glance costs the guest time: under load it is taken less often.
			glance.Reset(max(pause, 3*time.Since(began)))
		}
		o.tell()
	}
	return o.lastLook(ctx)
}

// over reports whether all is seen: of a script, when it has come to its end.
func (o *observer) over() bool {
	if !o.watch.script {
		return o.watch.over
	}
	if o.watch.over {
		o.giveUp(errors.New(strings.Join(o.watch.reasons, "; ")))
	}
	if o.watch.mute {
		o.isMute()
	}
	return o.isPlayed
}

// take gives the watch what the machine showed.
func (o *observer) take(ctx context.Context, s sight) error {
	switch {
	case s.boot != o.boots || o.machine == nil:
	case s.line != "":
		o.watch.line(o.at(), s.line)
	case s.message != nil:
		o.watch.message(o.at(), *s.message)
	case s.event != nil:
		if err := o.stopped(ctx, *s.event); err != nil {
			return err
		}
		o.watch.machine(s.event.At.Sub(o.started), *s.event)
	default:
		return o.gone(ctx)
	}
	return nil
}

func (o *observer) early() bool { return !o.watch.kernel && o.watch.facts == nil }

// look takes a glance at the screen and at the machine, and lets the watch decide.
func (o *observer) look(ctx context.Context) error {
	if o.machine == nil {
		return nil
	}
	l, err := o.glance(ctx)
	if err != nil {
		return err
	}
	changed, err := o.album.see(l, o.early())
	if err != nil {
		return err
	}
	read, err := o.machine.ReadBytes(ctx)
	if err != nil {
		return err
	}
	o.watch.disk(l.at, read)
	if changed {
		o.isRead = false
	}
	s := scene{changed: o.album.changed, blank: screen.Blank(l.img)}
	s.wanted = !s.blank && (!o.graphics || screen.Graphical(l.img))
	if o.watch.facts == nil && !o.isRead && !s.blank && l.at-max(o.watch.sign, s.changed) > o.watch.limits.read {
		if err := o.readScreen(ctx, l); err != nil {
			return err
		}
	}
	s.read = o.isRead
	if o.entry > 0 && o.early() && !o.pressed && !s.blank {
		// Reading the screen takes longer than a menu waits. Any key holds it, and this one stays at its top.
		if err := o.machine.SendKey(ctx, "up"); err != nil {
			return err
		}
		if err := o.choose(ctx, l); err != nil {
			return err
		}
	}
	o.watch.tick(l.at, s)
	return nil
}

// choose starts the wanted entry when the screen shows the menu.
func (o *observer) choose(ctx context.Context, l look) error {
	text, err := screen.Text(ctx, l.png)
	if err != nil || !menu.MatchString(text) {
		return err
	}
	o.pressed = true
	o.watch.event(l.at, "entry of the boot menu chosen")
	// The menu goes before it has stood still for long enough to become a picture by itself.
	if err := o.album.keep(l, true, ""); err != nil {
		return err
	}
	for range o.entry {
		if err := o.machine.SendKey(ctx, "down"); err != nil {
			return err
		}
	}
	return o.machine.SendKey(ctx, "ret")
}

// readScreen reads a screen that stands still: it may show how the boot died, or a menu that waits for somebody.
func (o *observer) readScreen(ctx context.Context, l look) error {
	text, err := screen.Text(ctx, l.png)
	if err != nil {
		return err
	}
	o.isRead = true
	o.watch.text(l.at, text)
	if o.watch.over || o.watch.script || o.pressed || !o.early() || !menu.MatchString(text) {
		return nil
	}
	o.pressed = true
	o.watch.notes = append(o.watch.notes, "the boot menu waited, so Enter was pressed")
	o.watch.event(l.at, "Enter pressed")
	o.watch.alive(l.at, "key that was pressed")
	return o.machine.SendKey(ctx, "ret")
}

func (o *observer) glance(ctx context.Context) (look, error) {
	at := o.at()
	b, err := o.machine.Screenshot(ctx)
	if err != nil {
		return look{}, err
	}
	img, err := screen.Decode(b)
	return look{at: at, png: b, img: img}, err
}

// lastLook makes sure that the last picture shows the end. A machine that can't be looked at any more keeps the one
// from before.
func (o *observer) lastLook(ctx context.Context) error {
	if o.machine != nil {
		if l, err := o.glance(ctx); err == nil {
			o.album.last = l
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return o.album.finish("the end")
}

// orGone explains an error of a conversation with a machine that is no more.
func (o *observer) orGone(ctx context.Context, err error) error {
	if status, _ := o.machine.Status(ctx); status != "" {
		return err
	}
	return o.gone(ctx)
}

// gone is the error of a QEMU that ended by itself: guests don't make it do that.
func (o *observer) gone(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	o.machine.Kill()
	return fmt.Errorf("QEMU ended in the middle of the test: %w", o.machine.Wait())
}

// stopped is the error of a machine that QEMU stopped because it can't run it: that says nothing about the medium.
func (o *observer) stopped(ctx context.Context, e vm.Event) error {
	if e.Name != "STOP" {
		return nil
	}
	status, err := o.machine.Status(ctx)
	if err != nil || status != "internal-error" {
		return nil // a machine that is gone shows itself by its other signs
	}
	return ui.Hint(errors.New("QEMU stopped the machine with an internal error"), "try the accelerator tcg")
}

// tell shows new events, checks that have failed and the one that goes on to the person who waits.
func (o *observer) tell() {
	for ; o.told < len(o.watch.events); o.told++ {
		e := o.watch.events[o.told]
		o.progress.Note(fmt.Sprintf("%4.0fs %s", e.At.Seconds(), e.What))
	}
	for ; o.judged < len(o.watch.checks); o.judged++ {
		if c := o.watch.checks[o.judged]; !c.Passed {
			o.progress.Note(fmt.Sprintf("%4.0fs check %s failed: %s", o.at().Seconds(), c.ID, firstLine(c.Output)))
		}
	}
	o.phase.At(o.watch.checking())
}
