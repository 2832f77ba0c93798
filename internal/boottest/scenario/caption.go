package scenario

import (
	"slices"
	"time"

	"nhos.org/nhos/internal/boottest/screen"
)

// checkEntry is the entry of the menu that has the initrd hold the medium against its checksums, which takes minutes.
const checkEntry = "check"

// isMenu says which of the texts of the early pictures are the boot menu's.
func (r *Result) isMenu(texts []string) func(string) bool {
	if slices.ContainsFunc(texts, menu.MatchString) || r.Manifest == nil {
		return menu.MatchString
	}
	// A themed menu need not say more than its entries.
	return func(text string) bool {
		return screen.Shows(text, r.Manifest.Product)
	}
}

// menuAt is when the boot menu was first seen, or 0.
func (r *Result) menuAt(a *album, texts []string) time.Duration {
	isMenu := r.isMenu(texts)
	for n, i := range a.early {
		if isMenu(texts[n]) {
			return r.Pictures[i].At
		}
	}
	return 0
}

// caption says of each picture without a caption what the guest was at. When a boot is over, the guest has told when
// its kernel started; while it runs, a quiet kernel shows no sign of that for long, so the pictures taken meanwhile
// are early ones, too.
func (r *Result) caption(a *album, texts []string) {
	isMenu := r.isMenu(texts)
	for n, i := range a.early {
		if r.Pictures[i].Caption == "" && isMenu(texts[n]) {
			r.Pictures[i].Caption = "boot menu"
		}
	}
	for i, p := range r.Pictures {
		if p.Caption == "" {
			r.Pictures[i].Caption = doing(r.Timeline, p.At, r.Entry)
		}
	}
}

// doing says what a guest was at, by the latest event that says so.
func doing(events []Event, at time.Duration, entry string) string {
	now := "before the guest gives a sign"
	if hasEvent(events, MenuShown) || hasEvent(events, KernelStarts) {
		now = "firmware"
	}
	for _, e := range events {
		if e.At > at {
			break
		}
		switch e.What {
		case MenuShown:
			now = "after the boot menu"
			if hasEvent(events, KernelStarts) {
				now = "the kernel is loaded"
			}
		case KernelStarts:
			now = "the kernel starts"
			if !hasEvent(events, InitrdStarts) {
				now = "kernel and initrd"
			}
		case InitrdStarts:
			now = "initrd"
			if entry == checkEntry {
				now = "the medium is checked"
			}
		case Systemd:
			now = "services start"
		case BootFinished:
			now = "the checks run"
		case DesktopDrawn:
			now = "desktop"
		case ChecksDone:
			now = "after the checks"
		}
	}
	return now
}
