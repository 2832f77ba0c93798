package scenario

import (
	"image"
	"image/draw"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/manifest"
)

// The pictures of a boot whose medium is checked first: its kernel is quiet, so most of them are early ones.
func TestCaptions(t *testing.T) {
	booted := []Event{
		{0, "power on"},
		{4 * s, MenuShown},
		{10 * s, KernelStarts},
		{20 * s, InitrdStarts},
		{60 * s, Systemd},
		{70 * s, MultiUser},
		{80 * s, BootFinished},
		{90 * s, DesktopDrawn},
		{95 * s, ChecksDone},
	}
	tests := map[string]struct {
		events []Event
		entry  string
		want   []string
	}{
		"a boot": {booted, "", []string{
			"firmware", "boot menu", "the kernel is loaded", "the kernel starts", "initrd", "services start",
			"the checks run", "desktop", "the end",
		}},
		"a boot with the medium checked": {booted, "check", []string{
			"firmware", "boot menu", "the kernel is loaded", "the kernel starts", "the medium is checked", "services start",
			"the checks run", "desktop", "the end",
		}},
		"a log without the initrd's start": {append(append([]Event{}, booted[:3]...), booted[4:]...), "", []string{
			"firmware", "boot menu", "the kernel is loaded", "kernel and initrd", "kernel and initrd", "services start",
			"the checks run", "desktop", "the end",
		}},
		"a guest that never answered": {booted[:2], "", []string{
			"firmware", "boot menu", "after the boot menu", "after the boot menu", "after the boot menu", "after the boot menu",
			"after the boot menu", "after the boot menu", "the end",
		}},
		"a guest of which nothing is known": {booted[:1], "", []string{
			"before the guest gives a sign", "boot menu", "before the guest gives a sign", "before the guest gives a sign",
			"before the guest gives a sign", "before the guest gives a sign", "before the guest gives a sign", "before the guest gives a sign", "the end",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := Result{Timeline: test.events, Entry: test.entry, Manifest: &manifest.Manifest{Product: "NHoS Trial"}}
			for _, at := range []time.Duration{2, 5, 8, 15, 30, 65, 85, 92, 99} {
				r.Pictures = append(r.Pictures, Picture{At: at * s})
			}
			r.Pictures[8].Caption = "the end"
			texts := []string{"SeaBIOS", "GNU GRUB version 2.12", "Loading NHoS Trial", "", ""}
			r.caption(&album{early: []int{0, 1, 2, 3, 4}}, texts)
			var got []string
			for _, p := range r.Pictures {
				got = append(got, p.Caption)
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("captions (-want +got)\n%s", d)
			}
		})
	}
}

// A desktop is drawn when its screen has come to stand still; nothing else has such a moment.
func TestDesktopDrawn(t *testing.T) {
	desktop, console := image.NewRGBA(image.Rect(0, 0, 1024, 768)), image.NewRGBA(image.Rect(0, 0, 1024, 768))
	for i := range desktop.Pix {
		desktop.Pix[i] = uint8(i * 7)
	}
	draw.Draw(console, image.Rect(0, 0, 400, 16), image.White, image.Point{}, draw.Src)
	tests := map[string]struct {
		graphical, done bool
		last            *image.RGBA
		want            time.Duration
	}{
		"a desktop":             {true, true, desktop, 40 * s},
		"a console":             {false, true, console, 0},
		"a desktop that failed": {true, true, console, 0},
		"one that broke off":    {true, false, desktop, 0},
		"nothing to be seen":    {true, true, nil, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := Result{Manifest: &manifest.Manifest{Graphical: test.graphical}}
			a := &album{last: look{img: test.last}, still: 40 * s}
			if got := r.drawnAt(&watch{done: test.done}, a); got != test.want {
				t.Errorf("drawn at %v, want %v", got, test.want)
			}
		})
	}
}
