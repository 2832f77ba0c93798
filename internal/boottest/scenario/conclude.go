package scenario

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"nhos.org/nhos/internal/boottest/screen"
	"nhos.org/nhos/internal/boottest/vm"
)

// conclude turns what was seen into the result.
func (r *Result) conclude(ctx context.Context, o Options, w *watch, a *album) error {
	r.Reasons, r.Notes, r.Pictures = w.reasons, w.notes, a.pictures
	if o.Script != nil {
		r.playedReasons(o.Script, w)
	}
	if !w.script && !w.done && len(w.reasons) == 0 && w.facts != nil {
		r.Reasons = append(r.Reasons, "the guest didn't come to the end of its checks; "+w.lastSeen())
	}
	if err := r.keepJournal(o.Dir, w); err != nil {
		return err
	}
	r.describeGuest(w)

	texts, err := r.readEarly(ctx, o.Dir, a)
	if err != nil {
		return err
	}
	r.Timeline = timeline(w, r.menuAt(a, texts), r.drawnAt(w, a))
	r.caption(a, texts)

	r.guestChecks(w)
	unchanged, err := r.unchanged(ctx, o)
	if err != nil {
		return err
	}
	if !w.script { // which may end with a machine that is off, and needn't pass a menu
		r.Checks = append(r.Checks, r.shown(a))
	}
	r.Checks = append(r.Checks, unchanged)
	if !w.script && r.Manifest != nil && r.Manifest.Product != "" {
		r.Checks = append(r.Checks, r.menuNamesProduct(texts))
	}
	if o.Firmware == vm.SecureBoot && r.Guest != nil {
		r.Checks = append(r.Checks, r.secureBootOn())
	}
	if known := w.guest(); known != nil && o.Entry != "" {
		r.Checks = append(r.Checks, entryStarted(o.Entry, known.facts.Arguments))
	}
	r.judge(o.now)
	return nil
}

func (r *Result) describeGuest(w *watch) {
	known := w.guest()
	if known == nil {
		return
	}
	f := known.facts
	r.Guest = &Guest{
		OS: f.OS, Kernel: f.Kernel, Hostname: f.Hostname, SecureBoot: f.SecureBoot, Firmware: f.Firmware,
		MemoryMiB: f.MemoryMiB,
	}
	if known.boot != nil {
		r.Guest.UsedMiB = known.boot.UsedMiB
	}
}

func (r *Result) keepJournal(dir string, w *watch) error {
	if w.journal.Empty() {
		return nil
	}
	text, err := w.journal.Text()
	if err != nil {
		r.Notes = append(r.Notes, "the journal is not whole: "+err.Error())
	}
	if err := os.WriteFile(filepath.Join(dir, journalFile), text, 0o644); err != nil {
		return fmt.Errorf("keeping the journal: %w", err)
	}
	r.Journal = journalFile
	return nil
}

// readEarly reads the pictures from before the kernel's start.
func (r *Result) readEarly(ctx context.Context, dir string, a *album) ([]string, error) {
	var texts []string
	for _, i := range a.early {
		b, err := os.ReadFile(filepath.Join(dir, a.pictures[i].File))
		if err != nil {
			return nil, fmt.Errorf("reading a picture: %w", err)
		}
		text, err := screen.Text(ctx, b)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// timeline merges what the host saw with systemd's own stamps, which count from the kernel's start.
func timeline(w *watch, menuAt, drawnAt time.Duration) []Event {
	events := slices.Clone(w.events)
	if menuAt > 0 {
		events = append(events, Event{At: menuAt, What: MenuShown})
	}
	if drawnAt > 0 {
		events = append(events, Event{At: drawnAt, What: DesktopDrawn})
	}
	if known := w.guest(); known != nil {
		start := known.at - known.facts.Uptime
		if !hasEvent(events, KernelStarts) {
			events = append(events, Event{At: max(0, start), What: KernelStarts})
		}
		if known.boot != nil {
			for _, s := range known.boot.Steps {
				if s.What == InitrdStarts && hasEvent(w.events, InitrdStarts) {
					continue // the serial port said it
				}
				events = append(events, Event{At: max(0, start+s.At), What: s.What})
			}
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return events
}
