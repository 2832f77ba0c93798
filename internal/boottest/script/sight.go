package script

import (
	"context"
	"fmt"
	"image"
	"os"
	"strings"
	"time"

	"nhos.org/nhos/internal/boottest/screen"
)

const (
	// A screen that differs by less than this share from the one that was judged needn't be judged again.
	same = 0.0002
	// A screen stands still if less than this share of it changes: a cursor that blinks, a clock.
	steady = 0.002
)

// watch looks at the screen until seen is content with it. seen gets only pictures that differ from the one before; it
// returns what is worth telling, also when it isn't content.
func (p *Player) watch(ctx context.Context, seen func(*image.RGBA, time.Time) (ok bool, tell string, err error), every bool) (string, error) {
	var last *image.RGBA
	told := ""
	for {
		began := time.Now()
		img, err := p.look(ctx)
		if err != nil {
			return told, err
		}
		if every || last == nil || screen.Difference(last, img) > same {
			last = img
			ok, tell, err := seen(img, began)
			if tell != "" {
				told = tell
			}
			if ok || err != nil {
				return told, err
			}
		}
		pause := p.pause
		if pause == 0 {
			pause = time.Second
		}
		// Looking costs the guest time: under load it is done less often.
		select {
		case <-ctx.Done():
			return told, ctx.Err()
		case <-time.After(max(pause, 2*time.Since(began))):
		}
	}
}

func (p *Player) look(ctx context.Context) (*image.RGBA, error) {
	png, err := p.Stage.Screen(ctx)
	if err != nil {
		return nil, err
	}
	return screen.Decode(png)
}

func waitForText(ctx context.Context, p *Player, s Step) (said string, err error) {
	defer p.keepPressing(ctx, s.Keys)(&err)
	said, err = p.watch(ctx, func(img *image.RGBA, _ time.Time) (bool, string, error) {
		text, err := screen.Read(ctx, s.Region.of(img), s.Value)
		return screen.Shows(text, s.Value), "this is on the screen:\n" + text, err
	}, false)
	if err == nil {
		said = ""
	}
	return said, err
}

// keepPressing presses keys again and again, since reading a screen takes longer than a boot menu waits, until end is
// called, which takes over a failure to press them.
func (p *Player) keepPressing(ctx context.Context, keys [][]string) (end func(*error)) {
	if len(keys) == 0 {
		return func(*error) {}
	}
	ctx, cancel := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		for {
			for _, k := range keys {
				if err := p.Stage.Press(ctx, k); err != nil && ctx.Err() == nil {
					failed <- err
					return
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second / 2):
			}
		}
	}()
	return func(err *error) {
		cancel()
		if e := <-failed; e != nil {
			*err = e
		}
	}
}

// place finds where the pointer is to go; said is what was read instead.
func (p *Player) place(ctx context.Context, at Place) (x, y float64, said string, err error) {
	if at.Text == "" {
		return at.X, at.Y, "", nil
	}
	said, err = p.watch(ctx, func(img *image.RGBA, _ time.Time) (bool, string, error) {
		box, text, err := screen.Find(ctx, img, at.Text)
		if box.Empty() || err != nil {
			return false, "this is on the screen:\n" + text, err
		}
		x = float64(box.Min.X+box.Max.X) / 2 / float64(img.Rect.Dx())
		y = float64(box.Min.Y+box.Max.Y) / 2 / float64(img.Rect.Dy())
		return true, "", nil
	}, false)
	return x, y, said, err
}

func waitForStill(ctx context.Context, p *Player, s Step) (string, error) {
	var before *image.RGBA
	var since time.Time
	return p.watch(ctx, func(img *image.RGBA, at time.Time) (bool, string, error) {
		if before == nil || screen.Difference(before, img) > steady {
			before, since = img, at
		}
		if screen.Blank(img) {
			return false, "the screen is blank", nil
		}
		stood := at.Sub(since)
		return stood >= s.Still, fmt.Sprintf("it has stood still for %v", stood.Round(time.Second/10)), nil
	}, true)
}

func compare(ctx context.Context, p *Player, s Step) (string, error) {
	b, err := os.ReadFile(s.Value)
	if err != nil {
		return "", fmt.Errorf("reading the picture to compare with: %w", err)
	}
	want, err := screen.Decode(b)
	if err != nil {
		return "", fmt.Errorf("reading the picture to compare with: %w", err)
	}
	return p.watch(ctx, func(img *image.RGBA, _ time.Time) (bool, string, error) {
		if img.Rect.Size() != want.Rect.Size() {
			return false, fmt.Sprintf("the screen has %v pixels, the picture %v", img.Rect.Size(), want.Rect.Size()), nil
		}
		d := screen.Difference(s.Region.of(want), s.Region.of(img))
		return d <= s.Tolerance, fmt.Sprintf("%s of the pixels differ; %s may", percent(d), percent(s.Tolerance)), nil
	}, false)
}

func percent(share float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", 100*share), "0"), ".") + "%"
}

// of cuts the region out of a screen.
func (r Region) of(img *image.RGBA) *image.RGBA {
	if r == (Region{}) {
		return img
	}
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	box := image.Rect(int(r.X*w), int(r.Y*h), int((r.X+r.Width)*w+0.5), int((r.Y+r.Height)*h+0.5))
	return screen.Cut(img, box)
}
