package scenario

import (
	"image"
	"image/color"
	"image/draw"
	"testing"
	"time"
)

// shot is a glance at a screen whose upper part, so many of 100 rows, is white.
func shot(at time.Duration, rows int) look {
	img := image.NewRGBA(image.Rect(0, 0, 100, 100))
	draw.Draw(img, img.Rect, image.Black, image.Point{}, draw.Src)
	draw.Draw(img, image.Rect(0, 0, 100, rows), image.NewUniform(color.White), image.Point{}, draw.Src)
	return look{at: at, img: img}
}

func TestAlbumKeepsWhatStandsStill(t *testing.T) {
	a := &album{dir: t.TempDir()}
	see := func(at time.Duration, rows int, early bool) {
		t.Helper()
		if _, err := a.see(shot(at, rows), early); err != nil {
			t.Fatal(err)
		}
	}
	see(1*s, 0, true)
	see(2*s, 0, true) // still, but blank
	see(3*s, 30, true)
	see(4*s, 30, true) // the menu
	see(5*s, 30, true)
	see(6*s, 60, false)
	see(7*s, 60, false) // another
	for at := 8; at <= 30; at++ {
		see(time.Duration(at)*s, at*3, false) // never still: one after a while
	}
	if err := a.finish("the end"); err != nil {
		t.Fatal(err)
	}
	var at []time.Duration
	for _, p := range a.pictures {
		at = append(at, p.At)
	}
	if len(at) != 4 || at[0] != 4*s || at[1] != 7*s || at[2] != 27*s || at[3] != 30*s {
		t.Errorf("pictures at %v", at)
	}
	if len(a.early) != 1 || a.pictures[3].Caption != "the end" {
		t.Errorf("early %v, %+v", a.early, a.pictures)
	}
}

func TestAlbumIsBounded(t *testing.T) {
	a := &album{dir: t.TempDir()}
	for at := 1; at < 4000; at++ {
		rows := 10 + 20*(at/2%4) // each picture stands for two seconds
		if _, err := a.see(shot(time.Duration(at)*s, rows), at < 60); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.finish("the end"); err != nil {
		t.Fatal(err)
	}
	last := a.pictures[len(a.pictures)-1]
	if late := a.pictures[len(a.pictures)-2]; late.At < 300*s {
		t.Errorf("none between %v and the end", late.At)
	}
	if len(a.pictures) > maxPictures || len(a.early) > maxEarly || last.At != 3999*s {
		t.Errorf("%d pictures, %d early, the last at %v", len(a.pictures), len(a.early), last.At)
	}
}
