package scenario

import (
	"context"
	"time"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/vm"
)

// A sight is one thing that a machine showed by itself: a line of its serial port, a message of its guest, an event of
// QEMU, or, if all of them are empty, its end.
type sight struct {
	boot    int // which time it was switched on; what came late from an earlier one counts no more
	line    string
	message *guest.Message
	event   *vm.Event
}

// powerOn starts the machine; the one before it is gone.
func (o *observer) powerOn(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	o.boots++
	boot := o.boots
	show := func(s sight) {
		s.boot = boot
		hand(ctx, o.seen, s)
	}
	cfg := o.config
	cfg.Line = func(line string) { show(sight{line: line}) }
	machine, err := vm.Start(ctx, cfg)
	if err != nil {
		stop()
		return err
	}
	o.machine, o.stop, o.ended = machine, stop, make(chan struct{})
	if boot == 1 {
		o.started = machine.Started()
		o.watch.event(0, "power on")
	} else {
		o.watch.anew(o.at(), "power on")
	}
	heard := func(m guest.Message) { show(sight{message: &m}) }
	if o.watch.script {
		o.guest = guest.NewConversation(machine.Port(), o.watch.limits.boot, heard)
	} else {
		go listen(machine, heard)
	}
	go func(ended chan struct{}) {
		defer close(ended)
		for e := range machine.Events() {
			show(sight{event: &e})
		}
		show(sight{})
	}(o.ended)
	return nil
}

// listen hands the guest's messages over until the machine ends.
func listen(machine *vm.VM, heard func(guest.Message)) {
	r := guest.NewReader(machine.Port())
	for {
		m, err := r.Next()
		if err != nil {
			return
		}
		heard(m)
	}
}

// powerOff cuts the power.
func (o *observer) powerOff() {
	if o.machine == nil {
		return
	}
	o.stop() // nobody listens to it any more
	o.machine.Kill()
	_ = o.machine.Wait() // gone says what was wrong with it
	<-o.ended
	o.machine, o.guest = nil, nil
}

// at is the time since the machine was first switched on.
func (o *observer) at() time.Duration { return time.Since(o.started) }
