package scenario

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/manifest"
	"nhos.org/nhos/internal/ui"
)

const s = time.Second

// A feeding tells a watch something, at a time.
type feeding func(*watch)

func line(at time.Duration, text string) feeding { return func(w *watch) { w.line(at, text) } }

func beat(at time.Duration, step int, doing string, limit time.Duration) feeding {
	return func(w *watch) {
		w.message(at, guest.Message{Kind: guest.KindBeat, Beat: &guest.Beat{Step: step, Doing: doing, Limit: limit}})
	}
}

func tell(at time.Duration, m guest.Message) feeding { return func(w *watch) { w.message(at, m) } }

func hello(at time.Duration) feeding {
	return tell(at, guest.Message{Kind: guest.KindHello, Hello: &guest.Facts{}})
}

func done(at time.Duration) feeding { return tell(at, guest.Message{Kind: guest.KindDone}) }

func tick(at time.Duration, now scene) feeding { return func(w *watch) { w.tick(at, now) } }

func event(at time.Duration, e vm.Event) feeding { return func(w *watch) { w.machine(at, e) } }

func read(text string) feeding { return func(w *watch) { w.text(30*s, text) } }

func disk(at time.Duration, bytes int64) feeding { return func(w *watch) { w.disk(at, bytes) } }

func TestWatch(t *testing.T) {
	l := limits{total: 600 * s, boot: 600 * s, hang: 100 * s, still: 50 * s, settle: 30 * s, grace: 20 * s}
	shown := scene{wanted: true, read: true}
	tests := map[string]struct {
		foreign bool
		feed    []feeding
		over    bool
		reason  string // part of the first; "" is none
		note    string
	}{
		"a boot that goes on": {feed: []feeding{line(5*s, "x"), tick(90*s, shown)}},
		"all is told and shown": {
			feed: []feeding{hello(50 * s), done(60 * s), tick(61*s, scene{wanted: true, changed: 55 * s})}, over: true,
		},
		"all is told, and the screen isn't there yet": {
			feed: []feeding{hello(50 * s), done(60 * s), tick(80*s, scene{})},
		},
		"all is told, and the screen never comes": {
			feed: []feeding{hello(50 * s), done(60 * s), tick(91*s, scene{})}, over: true,
		},
		"panic": {
			feed: []feeding{line(22*s, "[ 5.6] Kernel panic - not syncing: VFS")},
			over: true, reason: "the kernel panicked, 22s after power-on: [ 5.6] Kernel panic - not syncing: VFS",
		},
		"panic of a guest that has answered": {
			feed: []feeding{hello(20 * s), line(22*s, "Kernel panic - not syncing: x")},
			over: true, reason: "the kernel panicked",
		},
		"panic that QEMU tells": {
			feed: []feeding{event(9*s, vm.Event{Name: "GUEST_PANICKED"})}, over: true, reason: "the kernel panicked",
		},
		"initramfs":   {feed: []feeding{line(22*s, "(initramfs)")}, over: true, reason: "the initramfs's shell"},
		"grub rescue": {feed: []feeding{line(2*s, "grub rescue> ")}, over: true, reason: "GRUB found no file system"},
		"firmware's refusal alone": {
			feed: []feeding{line(2*s, `BdsDxe: failed to load Boot0001 "DVD": Access Denied`), tick(3*s, shown)},
		},
		"firmware without another device": {
			feed: []feeding{
				line(2*s, `BdsDxe: failed to load Boot0001 "DVD": Access Denied`),
				line(3*s, "BdsDxe: No bootable option or device was found."),
			},
			over: true, reason: `(before: BdsDxe: failed to load Boot0001 "DVD": Access Denied)`,
		},
		"emergency of a guest that can't tell": {
			feed: []feeding{line(30*s, "You are in emergency mode. After logging in")}, over: true, reason: "emergency mode",
		},
		"emergency of a guest that may tell": {
			feed: []feeding{hello(20 * s), line(30*s, "You are in emergency mode."), tick(45*s, shown)}, reason: "emergency mode",
		},
		"emergency of a guest that told": {
			feed: []feeding{hello(20 * s), line(30*s, "You are in emergency mode."), done(35 * s), tick(38*s, shown)},
			over: true, reason: "emergency mode",
		},
		"emergency of a guest that never tells": {
			feed: []feeding{hello(20 * s), line(30*s, "You are in emergency mode."), tick(51*s, shown)},
			over: true, reason: "emergency mode",
		},
		"hang": {
			feed: []feeding{line(5*s, "the last words"), tick(106*s, shown)},
			over: true, reason: `no sign of life for 1m41s; the guest never answered; the last sign was a serial line at 5s; the last serial line was "the last words"`,
		},
		"reading is life":      {feed: []feeding{line(5*s, "x"), disk(60*s, 1<<20), tick(150*s, shown)}},
		"a little isn't":       {feed: []feeding{line(5*s, "x"), disk(60*s, 1<<10), tick(150*s, shown)}, over: true, reason: "hangs"},
		"a change is life":     {feed: []feeding{line(5*s, "x"), tick(150*s, scene{changed: 80 * s})}},
		"beats aren't life":    {feed: []feeding{hello(5 * s), beat(6*s, 1, "boot", 0), beat(150*s, 1, "boot", 0), tick(151*s, shown)}, over: true, reason: "the guest was at: boot"},
		"progress is life":     {feed: []feeding{hello(5 * s), beat(6*s, 1, "boot", 0), beat(150*s, 2, "check a/b", 0), tick(151*s, shown)}},
		"a step may take long": {feed: []feeding{hello(5 * s), beat(6*s, 1, "check a/b", 300*s), tick(290*s, shown)}},
		"but not for ever":     {feed: []feeding{hello(5 * s), beat(6*s, 1, "check a/b", 300*s), tick(310*s, shown)}, over: true, reason: "hangs"},
		"total": {
			feed: []feeding{hello(5 * s), beat(599*s, 9, "check a/b", 0), tick(601*s, shown)},
			over: true, reason: "not done after 10m0s; the guest was at: check a/b",
		},
		"reset": {
			feed: []feeding{line(5*s, "x"), event(9*s, vm.Event{Name: "SHUTDOWN", Reason: "guest-reset", Guest: true})},
			over: true, reason: "the guest restarted by itself 9s after power-on",
		},
		"power off": {
			feed: []feeding{event(9*s, vm.Event{Name: "SHUTDOWN", Reason: "guest-shutdown", Guest: true})},
			over: true, reason: "the guest switched itself off 9s after power-on",
		},
		"a foreign screen that stands": {
			foreign: true, feed: []feeding{read("login:"), tick(60*s, scene{changed: 5 * s, read: true})},
			over: true, note: "the guest never answered, so only its screen was judged",
		},
		"one of our own that stands": {feed: []feeding{read("login:"), tick(60*s, scene{changed: 5 * s, read: true})}},
		"a foreign screen that nobody has read": {
			foreign: true, feed: []feeding{tick(60*s, scene{changed: 5 * s})},
		},
		"a foreign screen that stays blank": {
			foreign: true, feed: []feeding{tick(106*s, scene{changed: 5 * s, blank: true, read: true})},
			over: true, reason: "hangs",
		},
		"a foreign screen that never stands still": {
			foreign: true, feed: []feeding{tick(590*s, scene{changed: 589 * s}), tick(601*s, scene{changed: 600 * s})},
			over: true, note: "the guest never answered and never came to rest in 10m0s, so only its screen was judged",
		},
		"a foreign screen that goes blank in the end": {
			foreign: true, feed: []feeding{tick(601*s, scene{changed: 600 * s, blank: true})}, over: true, reason: "not done after 10m0s",
		},
		"a foreign guest that answered and hangs": {
			foreign: true, feed: []feeding{hello(5 * s), tick(106*s, scene{read: true})}, over: true, reason: "hangs",
		},
		"a screen of death": {
			foreign: true, feed: []feeding{read("Booting\nNo bootable device.")},
			over: true, reason: "nothing that it could start, 30s after power-on: No bootable device.",
		},
		"nothing after the firmware": {
			foreign: true, feed: []feeding{
				read("SeaBIOS (version 1.16)\nBooting from DVD/CD...\n"), tick(60*s, scene{changed: 5 * s, read: true}),
			},
			over: true, reason: "nothing came after the firmware; the screen shows: Booting from DVD/CD...",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := &watch{limits: l, foreign: test.foreign}
			for _, f := range test.feed {
				f(w)
			}
			reasons, notes := strings.Join(w.reasons, "\n"), strings.Join(w.notes, "\n")
			if w.over != test.over || (reasons == "") != (test.reason == "") || !strings.Contains(reasons, test.reason) {
				t.Errorf("over: %t, reasons: %s", w.over, reasons)
			}
			if notes != test.note {
				t.Errorf("notes: %s", notes)
			}
		})
	}
}

// TestChecksAreToldAsTheyGo has a guest run its checks, one of which fails, and reads what a person reads meanwhile.
func TestChecksAreToldAsTheyGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		progress := ui.NewProgress(&out, ui.Plain)
		m := &manifest.Manifest{Checks: []manifest.Check{{ID: "firefox/policy"}, {ID: "look/theme"}}}
		o := &observer{watch: &watch{order: checksOf(m)}, progress: progress, phase: progress.Begin("booting bios-cd (tcg)", 0), started: time.Now()}
		tell := func(m guest.Message) {
			time.Sleep(6500 * time.Millisecond)
			o.watch.message(o.at(), m)
			o.tell()
		}
		at := func(doing string) guest.Message {
			return guest.Message{Kind: guest.KindBeat, Beat: &guest.Beat{Doing: doing}}
		}
		check := func(id string, passed bool) guest.Message {
			return guest.Message{Kind: guest.KindCheck, Check: &guest.Check{Check: manifest.Check{ID: id}, Passed: passed, Output: "no policy\nat all"}}
		}
		for _, m := range []guest.Message{
			at("boot: slow.service"), check(guest.BootFinished, true), at("check firefox/policy"), check("firefox/policy", false),
			at("check look/theme"), at("check look/theme"), check("look/theme", true), at("check " + guest.NoFailedUnits),
			check(guest.NoFailedUnits, true), at("journal"),
			{Kind: guest.KindDone},
		} {
			tell(m)
		}
		progress.Close()
		want := `
[booting bios-cd (tcg)] 10.0 s
[booting bios-cd (tcg)] 20.0 s: check 1 of 3, firefox/policy
  26s check firefox/policy failed: no policy …
[booting bios-cd (tcg)] 30.0 s: check 1 of 3, firefox/policy
[booting bios-cd (tcg)] 40.0 s: check 2 of 3, look/theme
[booting bios-cd (tcg)] 50.0 s: check 2 of 3, look/theme
[booting bios-cd (tcg)] 1 min 00 s: check 3 of 3, guest/no-failed-units
[booting bios-cd (tcg)] 1 min 10 s
  72s checks done
[booting bios-cd (tcg)] failed after 1 min 12 s: not finished
`[1:]
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTimelineIsOnOneClock(t *testing.T) {
	w := &watch{}
	w.event(0, "power on")
	w.message(70*s, guest.Message{Kind: guest.KindHello, Hello: &guest.Facts{Uptime: 60 * s}})
	w.message(90*s, guest.Message{Kind: guest.KindBoot, Boot: &guest.Boot{Steps: []guest.Step{{At: 50 * s, What: "systemd"}}}})
	w.message(95*s, guest.Message{Kind: guest.KindDone})
	want := []Event{
		{0, "power on"},
		{4 * s, "boot menu shown"},
		{10 * s, "kernel starts"},
		{60 * s, "systemd"},
		{70 * s, "guest answers"},
		{95 * s, "checks done"},
	}
	got := timeline(w, 4*s, 0)
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v, want %v", got[i], want[i])
		}
	}
}

func TestDeathsAreNotSeenWhereThereAreNone(t *testing.T) {
	for _, line := range []string{
		"[    1.0] Trying to unpack rootfs image as initramfs...",
		"[    1.0] Kernel command line: BOOT_IMAGE=/live/vmlinuz panic=30 systemd.unit=emergency.target",
		"GNU GRUB  version 2.06",
		"[  OK  ] Started getty@tty1.service - Getty on tty1.",
		"BdsDxe: starting Boot0001 \"UEFI QEMU DVD-ROM\"",
	} {
		if d := deathOnSerial(line); d != nil {
			t.Errorf("%s: %s", d.what, line)
		}
		if d := deathOnScreen(line); d != nil {
			t.Errorf("on the screen %s: %s", d.what, line)
		}
	}
}
