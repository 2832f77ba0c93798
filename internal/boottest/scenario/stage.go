package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/script"
	"nhos.org/nhos/internal/boottest/vm"
)

// A stage is what a script sees of an observer: it does the steps on the machine, in a goroutine of its own. What
// belongs to the observer's goroutine (the watch, the album, the power) it asks that one to do.
type stage struct{ o *observer }

var _ script.Stage = stage{}

// call has the observer do something between two of its looks.
func (s stage) call(ctx context.Context, do func()) error {
	done := make(chan struct{})
	select {
	case s.o.calls <- func() { do(); close(done) }:
		<-done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// poll asks again until the answer is yes.
func (s stage) poll(ctx context.Context, is func() bool) error {
	for {
		yes := false
		if err := s.call(ctx, func() { yes = is() }); yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

const muteGuest = "this guest doesn't answer"

var errOff = errors.New("the machine is off")

// vm is the machine, if it is on. Only the stage switches it off, so it stays until then.
func (s stage) vm() (*vm.VM, error) {
	if s.o.machine == nil {
		return nil, errOff
	}
	return s.o.machine, nil
}

// on does something to the machine, if it is on.
func (s stage) on(do func(*vm.VM) error) error {
	m, err := s.vm()
	if err != nil {
		return err
	}
	return do(m)
}

func (s stage) Awake(ctx context.Context) error {
	if _, err := s.vm(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-s.o.muted:
			cancel(&script.Skip{Why: muteGuest})
		case <-ctx.Done():
		}
	}()
	_, err := s.o.guest.Hello(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s.o.watch.foreign && errors.Is(err, guest.ErrNoGuest):
		return &script.Skip{Why: muteGuest}
	}
	return err
}

func (s stage) Ask(ctx context.Context, q script.Question) (script.Answer, error) {
	r := guest.Request{Kind: q.Kind, Within: q.Within, Absent: q.Absent, Until: q.Until, AsUser: q.AsUser, Open: q.Program}
	switch q.Kind {
	case guest.AskRun:
		r.Run = q.What
	case guest.AskUnit:
		r.Unit = q.What
	case guest.AskProcess:
		r.Process = q.What
	case guest.AskFile:
		r.File = q.What
	case guest.AskPort:
		r.Port, _ = strconv.Atoi(q.What)
	case guest.AskChecks:
		if err := s.call(ctx, func() { s.o.watch.checked = true }); err != nil {
			return script.Answer{}, err
		}
	}
	a, err := s.o.guest.Ask(ctx, r)
	if err == nil && a.Unable != "" {
		return script.Answer{}, &script.Skip{Why: a.Unable}
	}
	return script.Answer{Passed: a.Passed, Output: a.Output, Status: a.Status}, err
}

func (s stage) Screen(ctx context.Context) ([]byte, error) {
	m, err := s.vm()
	if err != nil {
		return nil, err
	}
	return m.Screenshot(ctx)
}

func (s stage) Keep(ctx context.Context, png []byte, name string) (file string, err error) {
	if callErr := s.call(ctx, func() { file, err = s.o.album.shot(s.o.at(), png, name) }); callErr != nil {
		return "", callErr
	}
	return file, err
}

func (s stage) Serial(ctx context.Context, words string) (line string, err error) {
	next := 0
	err = s.poll(ctx, func() bool {
		lines := s.o.watch.serials
		if next > len(lines) { // the machine has started anew
			next = 0
		}
		for ; next < len(lines); next++ {
			if strings.Contains(lines[next], words) {
				line = lines[next]
				return true
			}
		}
		return false
	})
	return line, err
}

func (s stage) Type(ctx context.Context, text string) error {
	return s.on(func(m *vm.VM) error { return m.Type(ctx, text) })
}

func (s stage) Press(ctx context.Context, keys []string) error {
	return s.on(func(m *vm.VM) error { return m.SendKey(ctx, keys...) })
}

func (s stage) Move(ctx context.Context, x, y float64) error {
	return s.on(func(m *vm.VM) error { return m.Move(ctx, x, y) })
}

func (s stage) Click(ctx context.Context, button string, times int) error {
	return s.on(func(m *vm.VM) error { return m.Click(ctx, button, times) })
}

func (s stage) Plug(ctx context.Context, d script.Device) error {
	device := vm.Device{ID: d.Name, Kind: vm.DeviceKind(strings.ReplaceAll(d.Kind, " ", "-")), File: d.File}
	if d.Size > 0 { // an empty one of the script's own
		device.File = filepath.Join(filepath.Dir(s.o.config.Dir), disksDir, d.Name+".img")
		device.Size, device.Writable = d.Size, true
	}
	return s.on(func(m *vm.VM) error { return m.Plug(ctx, device) })
}

func (s stage) Unplug(ctx context.Context, name string) error {
	return s.on(func(m *vm.VM) error { return m.Unplug(ctx, name) })
}

func (s stage) Insert(ctx context.Context, file string) error {
	if s.o.config.As != vm.CD {
		return errors.New("the machine has no drive: its medium is a USB stick, which unplug: medium pulls out")
	}
	return s.on(func(m *vm.VM) error { return m.ChangeMedium(ctx, script.Medium, file) })
}

func (s stage) SetNetwork(ctx context.Context, n script.Network, rate int64, delay time.Duration) error {
	s.o.network = network{n, rate, delay}
	return s.on(func(m *vm.VM) error { return s.o.network.set(ctx, m) })
}

func (s stage) Destinations(context.Context) ([]script.Destination, error) {
	if s.o.recording == nil {
		return nil, errors.New("nothing is recorded on this machine's network")
	}
	var all []script.Destination
	for _, d := range s.o.recording.destinations() {
		all = append(all, script.Destination{What: d.String(), Named: d.Named()})
	}
	return all, nil
}

func (s stage) Power(ctx context.Context, verb string) error {
	if verb == "power on" {
		if s.o.machine != nil {
			return &script.Skip{Why: "the machine is on already"}
		}
		return s.powerOn(ctx)
	}
	m, err := s.vm()
	if err != nil {
		return err
	}
	switch verb {
	case "power cut":
		return s.cut(ctx, "power cut")
	case "power off":
		return s.switchOff(ctx, func() error { return s.request(ctx, guest.AskPowerOff) })
	case "power button":
		return s.switchOff(ctx, func() error { return m.PowerButton(ctx) })
	case "reset":
		s.o.guest.Anew()
		return m.Reset(ctx)
	case "restart":
		if err := s.expect(ctx, "restart"); err != nil {
			return err
		}
		if err := s.request(ctx, guest.AskRestart); err != nil {
			return err
		}
		return s.Awake(ctx)
	}
	return fmt.Errorf("nothing is known of %q", verb)
}

// request asks the guest to do something to its machine.
func (s stage) request(ctx context.Context, kind string) error {
	a, err := s.o.guest.Ask(ctx, guest.Request{Kind: kind})
	if err == nil && !a.Passed {
		err = errors.New(a.Output)
	}
	return err
}

func (s stage) expect(ctx context.Context, what string) error {
	return s.call(ctx, func() { s.o.watch.expected = what })
}

// switchOff has the guest switch itself off, and then takes the power away.
func (s stage) switchOff(ctx context.Context, do func() error) error {
	if err := s.expect(ctx, "off"); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	if err := s.poll(ctx, func() bool { return s.o.watch.off }); err != nil {
		return err
	}
	return s.cut(ctx, "")
}

func (s stage) cut(ctx context.Context, event string) error {
	return s.call(ctx, func() {
		s.o.powerOff()
		s.o.watch.off = true
		if event != "" {
			s.o.watch.event(s.o.at(), event)
		}
	})
}

func (s stage) powerOn(ctx context.Context) error {
	var err error
	if callErr := s.call(ctx, func() { err = s.o.powerOn(s.o.context) }); err != nil || callErr != nil {
		return cmp.Or(err, callErr)
	}
	return s.o.network.set(ctx, s.o.machine)
}
