package scenario

import (
	"slices"
	"time"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/screen"
)

// The events that stages of a boot begin and end with, as they stand in [Result.Timeline]. Systemd's own are stamps of
// the guest.
const (
	MenuShown    = "boot menu shown"
	KernelStarts = "kernel starts"
	InitrdStarts = guest.InitrdStarts
	Systemd      = "systemd"
	MultiUser    = "multi-user.target"
	Graphical    = "graphical.target"
	BootFinished = "boot finished"
	DesktopDrawn = "desktop drawn"
	ChecksDone   = "checks done"
)

func hasEvent(events []Event, what string) bool {
	return slices.ContainsFunc(events, func(e Event) bool { return e.What == what })
}

// drawnAt is since when the screen of a desktop has stood still, or 0 when none was to be seen at the end.
func (r *Result) drawnAt(w *watch, a *album) time.Duration {
	if r.Manifest == nil || !r.Manifest.Graphical || !w.done || a.last.img == nil {
		return 0
	}
	if screen.Blank(a.last.img) || !screen.Graphical(a.last.img) {
		return 0
	}
	return a.still
}
