package scenario

import (
	"time"

	"nhos.org/nhos/internal/boottest/vm"
)

// The limits of a boot. Translated code runs about ten times slower, but what a guest shows while it works (serial
// lines, pictures, reads from its medium) doesn't come ten times rarer.
type limits struct {
	total  time.Duration // from power-on; 0 is none
	boot   time.Duration // until the guest must have finished its boot
	hang   time.Duration // without any sign of life
	still  time.Duration // until a screen that stays the same is what a guest that can't be asked ends with
	read   time.Duration // until a screen that stays the same is read
	settle time.Duration // for the screen, when the guest has told all
	grace  time.Duration // for the guest to tell more, when a sign of death was seen
	stuck  time.Duration // for the same jobs of systemd; longer than its own limit of 90 s for most units
}

func limitsOf(accelerator string, timeout time.Duration, script bool) limits {
	l := limits{
		total: time.Hour, boot: 15 * time.Minute, hang: 3 * time.Minute, still: 75 * time.Second, read: 20 * time.Second,
		settle: 90 * time.Second, grace: 90 * time.Second, stuck: 4 * time.Minute,
	}
	if accelerator == vm.KVM {
		l = limits{
			total: 15 * time.Minute, boot: 4 * time.Minute, hang: 75 * time.Second, still: 45 * time.Second, read: 15 * time.Second,
			settle: 30 * time.Second, grace: 30 * time.Second, stuck: 105 * time.Second,
		}
	}
	if timeout > 0 {
		l.total, l.boot = timeout, timeout*3/4
	}
	if script && timeout == 0 {
		l.total = 0 // its steps have limits of their own
	}
	return l
}
