// Bench holds nhos against Debian's live-build: the same packages from the same mirror, the same compressor and level, on
// one machine in one run. It prints a table of seconds and ratios, which docs/performance.md explains.
//
// Both have their packages on the disk before anything is timed. Run it on a quiet machine.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	nhos := flag.String("nhos", "bin/nhos", "`program` to measure")
	work := flag.String("work", "/var/tmp/nhos-bench", "`folder` for all that is built; it is kept, and used again")
	alone := flag.Bool("alone", false, "measure nhos without its peer, to see what a change of ours did")
	small := flag.Bool("small", false, "install two packages instead of a desktop, to try the benchmark itself")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *nhos, *work, *small, *alone); err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, nhos, work string, small, alone bool) error {
	packages := desktop
	if small {
		packages = desktop[:2]
	}
	nhos, err := filepath.Abs(nhos)
	if err != nil {
		return err
	}
	if work, err = filepath.Abs(work); err != nil {
		return err
	}
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
