package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/boottest/script"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/ui"
)

// figures are what was measured of one desktop.
type figures struct {
	ISO         int64   `json:"iso"` // bytes
	Packages    int     `json:"packages"`
	Desktop     float64 `json:"desktop"` // seconds from power-on
	MB          int     `json:"mb"`      // of memory in use, at rest
	Accelerator string  `json:"accelerator"`
	QEMU        string  `json:"qemu"`
	CPUs        int     `json:"cpus"`
}

// compareDesktops holds images/desktop against Debian's live Cinnamon: what they weigh, how soon they are there, and how
// much memory they take. With peerMade, Debian's is the medium of an earlier run; nhos finds by itself what is made of ours.
func compareDesktops(ctx context.Context, nhos, work string, peerMade bool) error {
	ours, theirs := filepath.Join(work, "nhos"), filepath.Join(work, "live-build")
	if err := makeOurs(ctx, nhos, ours); err != nil {
		return err
	}
	if !peerMade {
		if err := makeTheirs(ctx, theirs); err != nil {
			return err
		}
	}
	our, err := bootDesktop(ctx, nhos, filepath.Join(ours, "out/desktop/nhos-desktop-amd64.iso"), filepath.Join(ours, "boot"), "", welcomes)
	if err != nil {
		return err
	}
	their, err := bootDesktop(ctx, nhos, filepath.Join(theirs, "live-image-amd64.hybrid.iso"), filepath.Join(theirs, "boot"), menuWaits, "")
	if err != nil {
		return err
	}
	fmt.Print(tableOfDesktops(our, their))
	text, err := json.MarshalIndent(map[string]figures{"nhos": our, "live-build": their}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(work, "desktops.json"), append(text, '\n'), 0o644)
}

const (
	still = 10 * time.Second // for which nothing changes on the screen of a desktop that is there
	rest  = 2 * time.Minute  // from then until its memory is looked at
)

// played is done with both media. Both guests answer the same questions: systemd 256 and later lets nhos's own program in
// (docs/testing.md, "Media that NHoS didn't build").
const played = `about: From power-on to a desktop at rest, and what it takes then
machine: {firmware: bios, medium: cd, memory: 4096}
steps:
%[1]s  - wait for process: nemo-desktop
    within: 5m
  # Cinnamon says that it runs when its panel and applets are there.
  - wait for command: |
      XDG_RUNTIME_DIR=/run/user/1000 runuser -u "$(id -nu 1000)" -- \
        busctl --user call org.Cinnamon /org/Cinnamon org.Cinnamon GetRunState | grep -x 'i 2'
    within: 5m
  - wait for still screen: %[2]s
    within: 5m
  - screenshot: there
%[4]s  - run: |
      sleep %.0[3]f
      awk '/^MemTotal/ {t = $2} /^MemAvailable/ {a = $2} END {print int((t - a) * 1024 / 1e6)}' /proc/meminfo
      dpkg-query -W | wc -l
    within: 5m
  - screenshot: at-rest
`

// menuWaits is what Debian's boot menu needs: it waits until somebody presses a key. Ours starts by itself after some
// seconds, which count.
const menuWaits = `  - wait for text: Live system
  - keys: enter
`

// welcomes is what ours needs before it is at rest: its first login opens a window, which people close.
const welcomes = `  - keys: alt-f4
  - wait for no process: help-window
`

// steps is the scenario, with what the boot menu wants and what is to be closed.
func steps(menu, welcome string) []byte {
	return fmt.Appendf(nil, played, menu, still, rest.Seconds(), welcome)
}

// bootDesktop measures a medium.
func bootDesktop(ctx context.Context, nhos, iso, dir, menu, welcome string) (f figures, err error) {
	if f.ISO, err = size(iso); err != nil {
		return f, err
	}
	path := filepath.Join(filepath.Dir(dir), "desktop.yaml")
	if err := os.WriteFile(path, steps(menu, welcome), 0o644); err != nil {
		return f, err
	}
	scenes, err := script.Read(path)
	if err != nil {
		return f, err
	}
	progress := ui.NewProgress(os.Stderr, ui.Plain)
	defer progress.Close()
	r, err := scenario.Run(ctx, scenario.Options{
		Medium: iso, Firmware: vm.Firmware(scenes.Machine.Firmware), As: vm.Attachment(scenes.Machine.Medium),
		Memory: scenes.Machine.Memory, Dir: dir, NHOS: nhos, Script: scenes, Fresh: true, Progress: progress,
	})
	if err != nil {
		return f, err
	}
	f.Accelerator, f.QEMU, f.CPUs = r.Accelerator.Name, r.QEMU, r.CPUs
	return f, f.read(r)
}

// read takes the figures from what the steps came to.
func (f *figures) read(r scenario.Result) error {
	for _, step := range r.Steps {
		switch {
		case !step.Passed:
			return fmt.Errorf("%s: %s didn't pass: %s", r.Medium, step.What, step.Output+step.Skipped)
		case strings.HasPrefix(step.What, "wait for still screen"):
			f.Desktop = (step.At + step.Duration - still).Seconds()
		case strings.HasPrefix(step.What, "run "):
			if _, err := fmt.Sscan(step.Output, &f.MB, &f.Packages); err != nil {
				return fmt.Errorf("%s: reading %q: %w", r.Medium, step.Output, err)
			}
		}
	}
	if f.Desktop == 0 || f.MB == 0 {
		return errors.New(r.Medium + ": " + strings.Join(r.Reasons, "; "))
	}
	return nil
}

// tableOfDesktops is Markdown.
func tableOfDesktops(our, their figures) string {
	var b strings.Builder
	row := func(what string, ours, theirs float64, most float64) {
		wanted, met := "", ""
		if most > 0 {
			wanted, met = fmt.Sprintf("≤ %.0f", most), "met"
			if ours > most {
				met = "**not met**"
			}
		}
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.3f | %s | %s |\n", what, ours, theirs, ours/theirs, wanted, met)
	}
	b.WriteString("| | NHoS Desktop | Debian's live Cinnamon | ratio | wanted | |\n|---|---|---|---|---|---|\n")
	row("ISO, MB", float64(our.ISO)/1e6, float64(their.ISO)/1e6, 1500)
	row("packages", float64(our.Packages), float64(their.Packages), 0)
	row("power-on to the desktop, s", our.Desktop, their.Desktop, 0)
	row("memory in use two minutes later, MB", float64(our.MB), float64(their.MB), 900)
	fmt.Fprintf(&b, "\nQEMU %s by %s, guests of %d CPU and 4096 MiB.\n", our.QEMU, our.Accelerator, our.CPUs)
	return b.String()
}
