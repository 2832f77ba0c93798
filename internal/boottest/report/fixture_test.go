package report_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/boottest/report"
	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/boottest/traffic"
	"nhos.org/nhos/internal/inventory"
	"nhos.org/nhos/internal/manifest"
	"nhos.org/nhos/internal/ui"
)

const digest = "9f2c4e1ab07d35c8f6e1d20b7a4498c15e03bb7268dd0c3fa9e4716558c2f0d1"

// passing is a run that went well, with its files in a folder of dir.
func passing(t *testing.T, dir, firmware, as string) report.Run {
	t.Helper()
	m := &manifest.Manifest{
		Version: 1, Image: "desktop", Respin: "hscni", Product: "Example Desktop 2", Graphical: true,
		Checks: []manifest.Check{
			{ID: "base/no-failed-units", Claim: "no unit has failed", Feature: "base", Run: "test -z \"$(systemctl --failed --no-legend)\""},
			{ID: "printing/cups", Claim: "the print service runs", Feature: "printing", Unit: "cups.service", Within: 30 * time.Second},
			{ID: "printing/queue", Claim: "a test page reaches the queue of a driverless printer", Feature: "printing", Run: "lpstat -o | grep -q page"},
			{ID: "cinnamon/session", Claim: "the desktop session runs", Feature: "cinnamon", Process: "cinnamon"},
			{ID: "base/product", Claim: "the system names the product", Feature: "base", File: "/etc/os-release"},
		},
	}
	started := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	r := scenario.Result{
		Name: firmware + "-" + as, Medium: "example-desktop-2-amd64.iso", SHA256: digest, Size: 1_264_517_120, Manifest: m,
		Firmware: firmware, As: as, Memory: 4096, CPUs: 2, QEMU: "7.2.19",
		Accelerator: scenario.Accelerator{Name: "tcg", Why: "/dev/kvm opens, but a probe didn't boot with it"},
		Started:     started, Duration: 184_600 * time.Millisecond, Verdict: scenario.Passed,
		Guest: &scenario.Guest{
			OS: "Example Desktop 2 (trixie)", Kernel: "6.12.74-amd64", Hostname: "example", Firmware: firmware, MemoryMiB: 3916, UsedMiB: 1104,
		},
		Timeline: []scenario.Event{
			{At: 0, What: "power on"},
			{At: 4200 * time.Millisecond, What: "boot menu shown"},
			{At: 9800 * time.Millisecond, What: "kernel starts"},
			{At: 31 * time.Second, What: "initrd starts"},
			{At: 60 * time.Second, What: "systemd"},
			{At: 96400 * time.Millisecond, What: "multi-user.target"},
			{At: 131200 * time.Millisecond, What: "graphical.target"},
			{At: 133 * time.Second, What: "guest answers"},
			{At: 150 * time.Second, What: "desktop drawn"},
			{At: 161 * time.Second, What: "checks done"},
		},
		Pictures: []scenario.Picture{
			{At: 4200 * time.Millisecond, File: "01.png", Caption: "boot menu"},
			{At: 12 * time.Second, File: "02.png", Caption: "the kernel starts"},
			{At: 98 * time.Second, File: "03.png", Caption: "services start"},
			{At: 163 * time.Second, File: "04.png", Caption: "the end"},
		},
		SerialLog: "serial.log", Journal: "journal.log",
	}
	for i, c := range m.Checks {
		output := []string{"", "active", "laser-1 page 1 of 1", "cinnamon (pid 1804)", "PRETTY_NAME=\"Example Desktop 2 (trixie)\""}[i]
		r.Checks = append(r.Checks, scenario.Check{Check: c, Passed: true, Tries: 1 + i%2, Duration: time.Duration(200+i*310) * time.Millisecond, Output: output})
	}
	run := report.Run{Dir: filepath.Join(dir, r.Name), Result: r}
	for i := range r.Pictures {
		paint(t, filepath.Join(run.Dir, r.Pictures[i].File), i)
	}
	write(t, filepath.Join(run.Dir, "serial.log"), "\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1;39mgraphical.target\x1b[0m\r\n")
	var journal strings.Builder
	for i := range 300 {
		fmt.Fprintf(&journal, "Mar 14 09:28:%02d example systemd[1]: line %d of the journal\n", i%60, i+1)
	}
	write(t, filepath.Join(run.Dir, "journal.log"), journal.String())
	return run
}

// failing is a run with a failed check that says much.
func failing(t *testing.T, dir, firmware, as string) report.Run {
	run := passing(t, dir, firmware, as)
	r := &run.Result
	r.Verdict = scenario.Failed
	r.Checks[1].Passed, r.Checks[1].Tries = false, 30
	r.Checks[1].Output = "inactive\n" + strings.Repeat("cups.service: Main process exited, code=exited, status=1/FAILURE, and that is said on a line that is long\n", 12)
	r.Reasons = []string{"check printing/cups failed: the print service runs (inactive …)"}
	r.Notes = []string{"the boot menu waited, so Enter was pressed"}
	return run
}

// waived is a run with a failed check that is borne until a day, by the waivers of three controls.
func waived(t *testing.T, dir, firmware, as string) report.Run {
	run := failing(t, dir, firmware, as)
	r := &run.Result
	r.Verdict, r.Reasons, r.Checks[1].Waived = scenario.Passed, nil, true
	r.Checks[1].Waivers = []manifest.Waiver{
		{Control: "CFG-1", Reason: "The ward prints <b>elsewhere</b>", By: "Head of IT", Until: "2027-11-30"},
		{Control: "NET-1", Reason: "The ward prints <b>elsewhere</b>", By: "Head of IT", Until: "2027-11-30"},
		{Control: "PRN-1", Reason: "Soon mended", By: "Print room", Until: "2026-12-31"},
	}
	return run
}

// lapsed is the same once the first waiver has run out.
func lapsed(t *testing.T, dir, firmware, as string) report.Run {
	run := waived(t, dir, firmware, as)
	r := &run.Result
	r.Verdict, r.Checks[1].Waived = scenario.Failed, false
	r.Reasons = []string{"check printing/cups failed: inactive … (asserted: the print service runs); its waiver ran out on 2026-12-31"}
	return run
}

// silent is a run whose guest never answered, without pictures.
func silent(t *testing.T, dir, firmware, as string) report.Run {
	run := passing(t, dir, firmware, as)
	r := &run.Result
	r.Verdict, r.Guest, r.Pictures, r.Journal = scenario.Failed, nil, nil, ""
	r.Timeline = r.Timeline[:4]
	r.Reasons = []string{
		"the kernel panicked: VFS: Unable to mount root fs on unknown-block(0,0)",
		"5 checks of the medium were never run",
	}
	for i := range r.Checks {
		r.Checks[i] = scenario.Check{Check: r.Checks[i].Check, Output: "it was never run"}
	}
	return run
}

// foreign is a run of a medium that NHoS knows nothing of.
func foreign(t *testing.T, dir string) report.Run {
	run := passing(t, dir, "uefi", "cd")
	r := &run.Result
	r.Medium, r.Manifest, r.Guest, r.Journal = "debian-live-13.0.0-amd64-standard.iso", nil, nil, ""
	r.Checks = []scenario.Check{
		{Check: manifest.Check{ID: "screen/shown", Claim: "the screen shows something at the end of the boot", Feature: "test"}, Passed: true, Tries: 1},
	}
	r.Notes = []string{"this medium carries no manifest, so its guest wasn't asked"}
	return run
}

// keep writes the result of a run as a test does.
func keep(t *testing.T, run report.Run) {
	t.Helper()
	f, err := os.Create(filepath.Join(run.Dir, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := ui.WriteJSON(f, run.Result); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// paint writes a picture of a screen with a window on it.
func paint(t *testing.T, path string, n int) {
	t.Helper()
	img := image.NewPaletted(image.Rect(0, 0, 128, 80), color.Palette{
		color.Gray{24}, color.Gray{200}, color.RGBA{70, 90, 80, 255}, color.RGBA{160, 120, 90, 255},
	})
	draw.Draw(img, image.Rect(20+4*n, 12, 90+4*n, 60), image.NewUniform(img.Palette[1+n%3]), image.Point{}, draw.Src)
	var b strings.Builder
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	write(t, path, b.String())
}

// scripted is a run of a scenario whose third step failed.
func scripted(t *testing.T, dir string) report.Run {
	run := passing(t, dir, "bios", "usb")
	r := &run.Result
	r.Scenario, r.Verdict, r.Reasons = "print a page", scenario.Failed, []string{`line 7: wait for text "Printed": it never came`}
	r.Steps = []scenario.Step{
		{Line: 4, What: `wait for text "Log in"`, At: 98 * time.Second, Duration: 4 * time.Second, Passed: true},
		{Line: 5, What: "plug in the smartcard reader", At: 102 * time.Second, Skipped: "a foreign guest can't be asked"},
		{
			Line: 7, What: `wait for text "Printed"`, At: 103 * time.Second, Duration: time.Minute,
			Output: "the last text that was read:\nno printer found", Picture: "04.png",
		},
	}
	r.Traffic = "network.pcap"
	write(t, filepath.Join(run.Dir, r.Traffic), "frames")
	r.Destinations = []traffic.Destination{
		{Protocol: "dns", Name: "telemetry.example.org", Address: "10.0.2.3", Port: 53, First: 61 * time.Second, Packets: 2, Bytes: 166},
		{Protocol: "dhcp", Address: "255.255.255.255", Port: 67, First: 12 * time.Second, Packets: 2, Bytes: 684, NamedBy: "dhcp"},
	}
	return run
}

// built is a build in dir with the runs of it: one passed, one with a failed check, one that died, one of a scenario;
// and the build before it with one boot.
func built(t *testing.T, dir string) (*report.Build, []report.Run) {
	t.Helper()
	boots := filepath.Join(dir, "boots")
	runs := []report.Run{
		passing(t, boots, "bios", "cd"), failing(t, boots, "uefi", "usb"), silent(t, boots, "secureboot", "cd"), scripted(t, boots),
	}
	for _, run := range runs {
		keep(t, run)
	}
	before := passing(t, filepath.Join(dir, "previous", "boots"), "bios", "cd")
	before.Result.SHA256 = "0123456789abcdef"
	for i := range before.Result.Timeline {
		before.Result.Timeline[i].At = before.Result.Timeline[i].At * 9 / 10
	}
	keep(t, before)

	now := contents()
	was := contents()
	was.Packages[1].Version, was.Packages[1].Size = "140.1.0esr-1", 298_000_000
	was.Packages[2].Name = "a-withdrawn-package"
	was.Files[0].SHA256, was.Files[0].Size = "other", 90
	was.Files[2].Path = "usr/bin/withdrawn"
	was.Parts[1].Size -= 10_000_000
	files := map[string]string{
		"example.iso": "the medium", "desktop.lock": "Package: x\n", "desktop.sbom.cdx.json": "{}", "desktop.provenance.json": "{}",
		"SHA256SUMS": "…", "SHA256SUMS.sig": "…",
		"build.json":          `{"id": "desktop", "iso": "example.iso", "lock": "desktop.lock", "sha256": "` + digest + `", "size": 1264517120}`,
		"previous/build.json": `{"id": "desktop", "iso": "example.iso", "lock": "desktop.lock", "sha256": "0123456789abcdef", "size": 1250000000}`,
	}
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	for _, err := range []error{
		now.Write(filepath.Join(dir, "desktop.inventory.json.gz")), was.Write(filepath.Join(dir, "previous", "desktop.inventory.json.gz")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	build, err := report.ReadBuild(dir)
	if err != nil {
		t.Fatal(err)
	}
	return build, runs
}

// contents is what a desktop holds, in little.
func contents() *inventory.Inventory {
	return &inventory.Inventory{
		Image: "desktop", Product: "Example Desktop 2",
		Packages: []inventory.Package{
			{Name: "cinnamon", Version: "6.4.10-2", Architecture: "amd64", Layer: "packages", Part: "feature cinnamon", Size: 12_000_000, Files: 900},
			{Name: "firefox-esr", Version: "140.4.0esr-1", Architecture: "amd64", Layer: "packages", Part: "feature firefox", Size: 309_000_000, Files: 80},
			{Name: "linux-image-amd64", Version: "6.12.74-2", Architecture: "amd64", Layer: "base", Part: "base debian-13", Size: 111_000_000, Files: 5000},
		},
		Parts: []inventory.Part{
			{Name: "base debian-13", Packages: 1, Size: 111_000_000},
			{Name: "feature firefox", Packages: 1, Size: 309_000_000},
			{Name: "feature cinnamon", Packages: 1, Size: 12_100_000},
			{Name: "image desktop", Size: 2_000},
			{Name: "respin hscni", Size: 5_000},
		},
		Layers: []inventory.Layer{{Name: "base", Size: 152_000_000, Files: 21_000}, {Name: "packages", Size: 614_000_000, Files: 81_000}},
		Files: []inventory.File{
			{Path: "etc/papersize", Mode: 0o644, Size: 3, SHA256: "aa", Layer: "configuration"},
			{Path: "usr/bin/cinnamon", Mode: 0o755, Size: 900, SHA256: "bb", Package: "cinnamon", Layer: "packages"},
			{Path: "usr/bin/firefox", Mode: 0o755, Size: 200_000_000, SHA256: "cc", Package: "firefox-esr", Layer: "packages"},
		},
	}
}
