package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/vm"
)

// A watch holds what was seen of a boot, and decides when it is over. All times are since power-on. It does nothing
// itself, so that a boot of minutes is tested in no time.
type watch struct {
	limits  limits
	foreign bool     // the medium carries no manifest
	order   []string // ids of the checks that the guest is to run, in order
	script  bool     // a script is played, which says itself what is waited for, and how long

	events  []Event
	reasons []string
	notes   []string

	facts   *guest.Facts
	factsAt time.Duration
	boot    *guest.Boot
	checks  []guest.Check
	journal guest.Journal
	done    bool // the guest has told all
	doneAt  time.Duration

	kernel   bool          // it has said its version
	sign     time.Duration // the latest sign of life
	signWhat string
	serial   string        // the latest line
	screen   string        // the latest text that was read
	beat     guest.Beat    // the latest
	read     int64         // bytes read from the disks
	dying    time.Duration // when a death was seen that the guest may tell more of
	refusal  string        // the firmware's latest word on a device that it couldn't start
	over     bool

	// Of a script alone.
	expected string        // what the guest was asked to do with its machine: "restart", "off" or ""
	checked  bool          // the medium's checks were asked for
	boots    int           // how often the machine has started anew since power-on
	began    time.Duration // when it did last
	off      bool          // the guest has switched itself off
	mute     bool          // the guest will never answer
	earlier  *answered     // the first guest that answered, if the machine has started anew since
	serials  []string      // lines since the machine last started
}

// answered is what is known of a guest.
type answered struct {
	facts *guest.Facts
	at    time.Duration
	boot  *guest.Boot
}

// guest is the first one that answered, or nil.
func (w *watch) guest() *answered {
	if w.earlier == nil && w.facts != nil {
		return &answered{w.facts, w.factsAt, w.boot}
	}
	return w.earlier
}

// anew takes it that the machine starts anew: what was known of the guest is known of another one.
func (w *watch) anew(at time.Duration, what string) {
	w.earlier = w.guest()
	w.facts, w.boot, w.beat = nil, nil, guest.Beat{}
	w.kernel, w.refusal, w.screen, w.serials = false, "", "", nil
	w.expected, w.off = "", false
	w.boots, w.began = w.boots+1, at
	w.alive(at, what)
	w.event(at, what)
}

// firmwareAgain is for how long a reset after a reset is the firmware's.
const firmwareAgain = 15 * time.Second

// maxSerials bounds the lines of the serial port that are kept for a script to look for.
const maxSerials = 20000

func (w *watch) alive(at time.Duration, what string) { w.sign, w.signWhat = at, what }

func (w *watch) event(at time.Duration, what string) {
	w.events = append(w.events, Event{At: at, What: what})
}

// fail ends the boot with a reason.
func (w *watch) fail(format string, args ...any) {
	w.reasons = append(w.reasons, fmt.Sprintf(format, args...))
	w.over = true
}

var (
	kernelStarts = regexp.MustCompile(`Linux version \d`)
	initrdStarts = regexp.MustCompile(`Run /\S*init as init process`)
)

// line takes a line of the serial port.
func (w *watch) line(at time.Duration, line string) {
	w.serial = line
	if w.script && len(w.serials) < maxSerials {
		w.serials = append(w.serials, line)
	}
	w.alive(at, "serial line")
	switch {
	case !w.kernel && kernelStarts.MatchString(line):
		w.kernel = true
		w.event(at, KernelStarts)
	case initrdStarts.MatchString(line):
		w.event(at, InitrdStarts)
	}
	if m := firmwareFailed.FindString(line); m != "" {
		w.refusal = m
	}
	if d := deathOnSerial(line); d != nil {
		w.die(at, d, line)
	}
}

// text takes what was read off a screen of a guest that hasn't answered.
func (w *watch) text(at time.Duration, text string) {
	w.screen = text
	if d := deathOnScreen(text); d != nil {
		w.die(at, d, lastLine(text))
	}
}

func (w *watch) die(at time.Duration, d *death, seen string) {
	reason := fmt.Sprintf("%s, %v after power-on: %s", d.what, at.Round(time.Second), seen)
	if w.refusal != "" {
		reason += " (before: " + w.refusal + ")"
	}
	if !d.told || w.facts == nil {
		w.fail("%s", reason)
		return
	}
	if w.dying == 0 {
		w.reasons = append(w.reasons, reason)
		w.dying = at
	}
}

// message takes a message from the guest.
func (w *watch) message(at time.Duration, m guest.Message) {
	switch m.Kind {
	case guest.KindHello:
		if w.facts != nil {
			return
		}
		w.facts, w.factsAt = m.Hello, at
		w.alive(at, "answer of the guest")
		w.event(at, "guest answers")
	case guest.KindBeat:
		if m.Beat.Step != w.beat.Step {
			w.alive(at, "progress of the guest: "+m.Beat.Doing)
		}
		w.beat = *m.Beat
	case guest.KindBoot:
		w.boot = m.Boot
	case guest.KindCheck:
		if len(w.checks) < maxChecks {
			w.checks = append(w.checks, *m.Check)
		}
	case guest.KindJournal:
		if m.Error != nil {
			w.notes = append(w.notes, "the journal is not whole: "+*m.Error)
			return
		}
		w.journal.Add(m.Chunk)
	case guest.KindDone:
		w.done, w.doneAt = true, at
		w.event(at, ChecksDone)
	}
}

// checking says which check goes on, or "".
func (w *watch) checking() string {
	id, is := w.beat.Check()
	i := slices.Index(w.order, id)
	if !is || i < 0 || w.done {
		return ""
	}
	return fmt.Sprintf("check %d of %d, %s", i+1, len(w.order), id)
}

// maxChecks bounds what a guest may make this program keep.
const maxChecks = 10000

// machine takes an event of QEMU.
func (w *watch) machine(at time.Duration, e vm.Event) {
	switch {
	case w.over: // one reason is enough
	case e.Name == "RESET" && e.Guest && !w.kernel && w.boots > 0 && at-w.began < firmwareAgain:
		// SeaBIOS that is reset finds its memory used, and resets the machine once more.
	case e.Name == "GUEST_PANICKED":
		w.fail("the kernel panicked, %v after power-on", at.Round(time.Second))
	case e.Name == "RESET" && (!e.Guest || w.expected == "restart"):
		w.anew(at, "machine starts anew")
	case e.Name == "SHUTDOWN" && w.expected == "off":
		w.off = true
		w.event(at, "guest switches itself off")
	case e.Name == "RESET", e.Name == "SHUTDOWN" && e.Reason == "guest-reset":
		w.fail("the guest restarted by itself %v after power-on; %s", at.Round(time.Second), w.lastSeen())
	case e.Name == "SHUTDOWN":
		w.fail("the guest switched itself off %v after power-on (%s); %s", at.Round(time.Second), e.Reason, w.lastSeen())
	}
}

// disk takes how much was read from the disks.
func (w *watch) disk(at time.Duration, read int64) {
	const noise = 64 << 10
	if read-w.read > noise {
		w.read = read
		w.alive(at, "read from the medium")
	}
}

// A scene is what the screen looks like at a moment.
type scene struct {
	changed time.Duration // when it changed last
	blank   bool
	read    bool // the text of this screen is known
	wanted  bool // it is what the medium should end with
}

// tick decides what follows from the passing of time.
func (w *watch) tick(at time.Duration, s scene) {
	if s.changed > w.sign {
		w.alive(s.changed, "change of the screen")
	}
	quiet := at - w.sign
	patience := w.limits.hang
	if w.facts != nil && w.beat.Limit > 0 {
		patience = max(patience, w.beat.Limit)
	}
	switch {
	case w.over:
	case w.script:
		w.tickScript(at, s)
	case w.done:
		// What the checks have found running may not be drawn yet.
		shown := s.wanted && at-s.changed >= 2*time.Second
		w.over = shown || at-w.doneAt > w.limits.settle
	case w.dying > 0 && at-w.dying > w.limits.grace:
		w.over = true
	case at > w.limits.boot && w.foreign && w.facts == nil && !s.blank:
		w.notes = append(w.notes, fmt.Sprintf("the guest never answered and never came to rest in %v, so only its screen was judged", w.limits.boot))
		w.over = true
	case at > w.limits.total:
		w.fail("not done after %v; %s", w.limits.total, w.lastSeen())
	case w.foreign && w.facts == nil && s.read && !s.blank && quiet > w.limits.still:
		if onlyFirmware.MatchString(w.screen) {
			w.fail("nothing came after the firmware; the screen shows: %s", lastLine(w.screen))
			return
		}
		w.notes = append(w.notes, "the guest never answered, so only its screen was judged")
		w.over = true
	case quiet > patience:
		w.fail("the guest hangs: no sign of life for %v; %s", quiet.Round(time.Second), w.lastSeen())
	}
}

// tickScript is tick while a script is played: its steps have limits of their own. What is left to decide is whether a
// guest that hasn't answered yet is dead, or one that never answers.
func (w *watch) tickScript(at time.Duration, s scene) {
	quiet := at - w.sign
	switch {
	case w.dying > 0 && at-w.dying > w.limits.grace:
		w.over = true
	case w.limits.total > 0 && at > w.limits.total:
		w.fail("not done after %v; %s", w.limits.total, w.lastSeen())
	case w.facts != nil || w.mute || w.off:
	case w.foreign && (s.read && !s.blank && quiet > w.limits.still || quiet > w.limits.hang):
		w.mute = true
		w.notes = append(w.notes, "the guest never answered, so what it should have been asked was left out")
	case quiet > w.limits.hang:
		w.fail("the guest hangs: no sign of life for %v; %s", quiet.Round(time.Second), w.lastSeen())
	}
}

// lastSeen says in words what the latest signs of life were.
func (w *watch) lastSeen() string {
	var seen []string
	if w.facts != nil {
		seen = append(seen, "the guest was at: "+w.beat.Doing)
	} else {
		seen = append(seen, "the guest never answered")
	}
	if w.signWhat != "" {
		seen = append(seen, fmt.Sprintf("the last sign was a %s at %v", w.signWhat, w.sign.Round(time.Second)))
	}
	if w.serial != "" {
		seen = append(seen, fmt.Sprintf("the last serial line was %q", w.serial))
	}
	if w.facts == nil && w.screen != "" {
		seen = append(seen, fmt.Sprintf("the last line that was read on the screen was %q", lastLine(w.screen)))
	}
	return strings.Join(seen, "; ")
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
