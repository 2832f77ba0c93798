// Bench holds nhos against Debian's live-build: the same packages from the same mirror, the same compressor and level, on
// one machine in one run. It prints a table of seconds and ratios, which docs/performance.md explains.
//
// Both have their packages on the disk before anything is timed. Run it on a quiet machine.
//
// With -desktop it boots two media instead, images/desktop and Debian's own live Cinnamon, and compares what a user has of
// them: size, time to the desktop, memory. With -identity it measures the Identity Agent.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"nhos.org/nhos/internal/identity/bench"
)

// asked is what the flags say.
type asked struct {
	nhos, work                string
	alone, small              bool
	betweenDesktops, peerMade bool
	ofIdentity                bool
	identity                  bench.Options
}

func main() {
	bench.Play() // a process of the Identity Agent's soak doesn't come back
	var a asked
	flag.StringVar(&a.nhos, "nhos", "bin/nhos", "`program` to measure")
	flag.StringVar(&a.work, "work", "", "`folder` for all that is built; it is kept, and used again (default /var/tmp/nhos-bench, with -desktop and -identity folders of their own)")
	flag.BoolVar(&a.alone, "alone", false, "measure nhos without its peer, to see what a change of ours did")
	flag.BoolVar(&a.small, "small", false, "install two packages instead of a desktop, to try the benchmark itself")
	flag.BoolVar(&a.betweenDesktops, "desktop", false, "compare images/desktop with Debian's own live Cinnamon instead")
	flag.BoolVar(&a.peerMade, "peer-made", false, "with -desktop: take the peer's medium that a run before has made")
	flag.BoolVar(&a.ofIdentity, "identity", false, "measure the Identity Agent instead")
	flag.IntVar(&a.identity.Insertions, "insertions", 30, "with -identity: `number` of insertions until a person is asked")
	flag.IntVar(&a.identity.Calls, "calls", 10000, "with -identity: `number` of tickets")
	flag.IntVar(&a.identity.Callers, "callers", 50, "with -identity: `number` of programs that ask at the same time")
	flag.IntVar(&a.identity.RealCycles, "real-cycles", 100, "with -identity: `number` of sign-ins with pcscd and OpenSC")
	flag.IntVar(&a.identity.Cycles, "cycles", 10000, "with -identity: `number` of sign-ins with a played card process")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, a); err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, a asked) error {
	folder := "/var/tmp/nhos-bench"
	if a.betweenDesktops {
		folder += "-desktop"
	}
	if a.ofIdentity {
		folder += "-identity"
	}
	work, err := filepath.Abs(cmp.Or(a.work, folder))
	if err != nil {
		return err
	}
	if a.ofIdentity {
		return measureIdentity(ctx, work, a.identity)
	}
	nhos, err := filepath.Abs(a.nhos)
	if err != nil {
		return err
	}
	if a.betweenDesktops {
		return compareDesktops(ctx, nhos, work, a.peerMade)
	}
	packages := desktop
	if a.small {
		packages = desktop[:2]
	}
	return compareBuilds(ctx, nhos, work, packages, a.alone)
}

// compareBuilds times builds of ours and, unless ours are asked for alone, of the peer.
func compareBuilds(ctx context.Context, nhos, work string, packages []string, alone bool) error {
	o, err := newOurs(nhos, filepath.Join(work, "nhos"), packages)
	if err != nil {
		return err
	}
	var t times
	if err := o.measure(ctx, &t); err != nil {
		return err
	}
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	if alone {
		fmt.Println(string(text))
		return nil
	}
	p, err := newPeer(ctx, filepath.Join(work, "live-build"), packages)
	if err != nil {
		return err
	}
	if err := p.prefill(filepath.Join(o.dir, "out/desk/desk.lock"), filepath.Join(o.dir, "store")); err != nil {
		return err
	}
	if err := p.measure(ctx, &t); err != nil {
		return err
	}
	if text, err = json.MarshalIndent(t, "", "  "); err != nil {
		return err
	}
	fmt.Print(t.table())
	return os.WriteFile(filepath.Join(work, "times.json"), append(text, '\n'), 0o644)
}

// desktop is what both install besides what a live system needs.
var desktop = strings.Fields(`
	console-setup locales
	cinnamon lightdm slick-greeter xserver-xorg-core xserver-xorg-input-libinput xserver-xorg-video-all
	dbus-user-session network-manager polkitd pipewire-pulse wireplumber
	gnome-terminal nemo gvfs-backends eog evince file-roller gnome-calculator gnome-screenshot
	firefox-esr libreoffice-writer libreoffice-calc libreoffice-impress libreoffice-gtk3
	cups system-config-printer simple-scan
	fonts-dejavu-core fonts-liberation adwaita-icon-theme`)
