package report

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/inventory"
	"nhos.org/nhos/internal/manifest"
)

func TestWay(t *testing.T) {
	for want, r := range map[string]scenario.Result{
		"UEFI, as a USB stick":            {Firmware: "uefi", As: "usb"},
		"Secure Boot, as a CD":            {Firmware: "secureboot", As: "cd"},
		"BIOS, as a CD, menu entry check": {Firmware: "bios", As: "cd", Entry: "check"},
		"BIOS, as a CD, scenario print":   {Firmware: "bios", As: "cd", Scenario: "print"},
	} {
		if got := way(r); got != want {
			t.Errorf("way = %q, want %q", got, want)
		}
	}
}

func TestStages(t *testing.T) {
	const s = time.Second
	type at = scenario.Event
	menu, kernel, initrd, up := at{At: 4 * s, What: scenario.MenuShown}, at{At: 10 * s, What: scenario.KernelStarts},
		at{At: 20 * s, What: scenario.InitrdStarts}, at{At: 50 * s, What: scenario.Systemd}
	target, finished := at{At: 70 * s, What: scenario.Graphical}, at{At: 80 * s, What: scenario.BootFinished}
	drawn, done := at{At: 95 * s, What: scenario.DesktopDrawn}, at{At: 100 * s, What: scenario.ChecksDone}
	tests := map[string]struct {
		events  []scenario.Event
		desktop bool
		want    string
		boot    time.Duration
	}{
		"a console": {
			[]at{menu, kernel, initrd, up, target, finished, done},
			false,
			"Firmware 4, Boot menu and loading 6, Kernel 10, Initrd 30, Userspace 30, Checks 20", 80 * s,
		},
		"a desktop": {
			[]at{menu, kernel, initrd, up, target, finished, drawn, done},
			true,
			"Firmware 4, Boot menu and loading 6, Kernel 10, Initrd 30, Userspace 20, Desktop 25, Checks 5", 95 * s,
		},
		"a desktop drawn after the checks": {
			[]at{menu, kernel, initrd, up, target, finished, {At: 80 * s, What: scenario.ChecksDone}, drawn},
			true,
			"Firmware 4, Boot menu and loading 6, Kernel 10, Initrd 30, Userspace 20, Desktop 25", 95 * s,
		},
		"no word of the initrd": {[]at{menu, kernel, up, finished, done}, false, "Firmware 4, Boot menu and loading 6, Kernel and initrd 40, Userspace 30, Checks 20", 80 * s},
		"no menu seen":          {[]at{kernel, initrd, up, finished, done}, false, "Firmware and boot menu 10, Kernel 10, Initrd 30, Userspace 30, Checks 20", 80 * s},
		"dead in the initrd":    {[]at{menu, kernel, initrd}, false, "Firmware 4, Boot menu and loading 6, Kernel 10, Initrd! 100", 0},
		"dead in the firmware":  {nil, false, "Firmware! 120", 0},
		"dead while checking":   {[]at{menu, kernel, initrd, up, target, finished}, false, "Firmware 4, Boot menu and loading 6, Kernel 10, Initrd 30, Userspace 30, Checks! 40", 80 * s},
		"from nowhere":          {[]at{{At: -5 * s, What: scenario.MenuShown}, kernel, {At: 1 << 62, What: "x"}, up, done}, false, "Firmware and boot menu 10, Kernel and initrd 40, Checks 50", 50 * s},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := scenario.Result{Timeline: test.events, Duration: 120 * s, Manifest: &manifest.Manifest{Graphical: test.desktop}}
			all, ended := stages(r)
			var got []string
			for _, s := range all {
				mark := ""
				if s.Name == ended {
					mark = "!"
				}
				got = append(got, fmt.Sprintf("%s%s %.0f", s.Name, mark, s.Lasts.Seconds()))
			}
			if d := cmp.Diff(test.want, strings.Join(got, ", ")); d != "" {
				t.Errorf("stages (-want +got)\n%s", d)
			}
			if boot := bootTime(r); boot != test.boot {
				t.Errorf("the boot took %v, want %v", boot, test.boot)
			}
		})
	}
}

func TestChartIsOnOneScale(t *testing.T) {
	run := func(name string, end time.Duration) Run {
		return Run{Result: scenario.Result{Name: name, Timeline: []scenario.Event{
			{At: end / 4, What: scenario.KernelStarts},
			{At: end / 2, What: scenario.Systemd},
			{At: end, What: scenario.BootFinished},
			{At: end, What: scenario.ChecksDone},
		}}}
	}
	runs := []Run{run("a", 40*time.Second), run("b", 80*time.Second)}
	c := newChart(runs, make([]section, 2), map[string]scenario.Result{"a": run("a", 110*time.Second).Result})
	if last := c.Ticks[len(c.Ticks)-1]; last.Label != "120 s" || last.X != "100.00%" {
		t.Errorf("the scale ends at %+v", last)
	}
	a, b := c.Bars[0], c.Bars[1]
	if a.Segments[2].X != "16.67%" || b.Segments[2].X != "33.33%" || a.BeforeWidth != "91.67%" || b.BeforeWidth != "" {
		t.Errorf("%+v\n%+v", a, b)
	}
	if a.Total != "40.0 s" || a.Before != "1 min 50 s before (−1 min 10 s)" {
		t.Errorf("%q, %q", a.Total, a.Before)
	}
}

// The tiles fill the drawing without overlap, each in proportion.
func TestTiles(t *testing.T) {
	for name, sizes := range map[string][]int64{
		"many":  {1420, 309, 305, 284, 107, 40, 33, 1},
		"same":  {5, 5, 5, 5, 5},
		"one":   {7},
		"empty": {0, 0},
		"odd":   {-5, 100, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var parts []inventory.Part
			whole, covered := 0.0, 0.0
			for i, size := range sizes {
				parts = append(parts, inventory.Part{Name: fmt.Sprintf("feature %d", i), Size: size * 1e6})
				whole += float64(max(0, size))
			}
			all := tiles(parts)
			if (len(all) == 0) != (whole == 0) {
				t.Fatalf("%d tiles", len(all))
			}
			number := func(s string) (v float64) {
				if _, err := fmt.Sscanf(s, "%f%%", &v); err != nil || math.IsNaN(v) {
					t.Fatalf("%q", s)
				}
				return v
			}
			for i, a := range all {
				x, y, w, h := number(a.X), number(a.Y), number(a.Width), number(a.Height)
				covered += w * h
				if x+w > 100.02 || y+h > 100.02 {
					t.Errorf("%s is outside: %+v", a.Name, a)
				}
				for _, b := range all[:i] {
					bx, by, bw, bh := number(b.X), number(b.Y), number(b.Width), number(b.Height)
					if x+w > bx+0.03 && bx+bw > x+0.03 && y+h > by+0.03 && by+bh > y+0.03 {
						t.Errorf("%s overlaps %s", a.Name, b.Name)
					}
				}
			}
			if len(all) > 0 && math.Abs(covered-10000) > 10 {
				t.Errorf("the tiles cover %.2f%%", covered/100)
			}
		})
	}
}

// FuzzReadable holds what a guest says to what a page may show.
func FuzzReadable(f *testing.F) {
	for _, s := range []string{
		"plain\nlines\ttab", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07x", "a\r\nb\rc", "\u202eturned\u2066", "\xff\x9b1m\x00", "\x1b\x1b[", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := readable(s)
		for _, r := range got {
			if r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q has %U", got, r)
			}
		}
		if again := readable(got); again != got {
			t.Errorf("%q becomes %q when it is read again", got, again)
		}
	})
}
