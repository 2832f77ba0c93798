package scenario

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"time"

	"nhos.org/nhos/internal/boottest/screen"
)

const (
	maxPictures = 12
	maxEarly    = 5 // of them before the kernel starts: firmware, menu, loading

	alive   = 0.0002 // a screen changed if more than this share of it did: a line of text, not a cursor
	steady  = 0.005  // a screen stands still if less than this share of it changes
	another = 0.01   // it is another picture if more than this share of it is
	// waiting is how long a screen that never stands still is waited for.
	waiting = 20 * time.Second
)

// A look is one glance at the screen.
type look struct {
	at  time.Duration // since power-on
	png []byte
	img *image.RGBA
}

// An album keeps the pictures that tell the story of a boot.
type album struct {
	dir      string
	pictures []Picture
	early    []int // indexes of the pictures from before the kernel's start

	last    look          // the latest glance
	kept    *image.RGBA   // the latest picture
	keptAt  time.Duration // when it was
	still   time.Duration // since when the screen has stood still
	changed time.Duration // when it changed last
}

// see takes a glance, keeps it if it is a new picture that stands still, and reports whether the screen has changed.
func (a *album) see(l look, early bool) (changed bool, err error) {
	before := a.last
	a.last = l
	if before.img == nil {
		a.changed, a.still = l.at, l.at
		return true, nil
	}
	difference := screen.Difference(before.img, l.img)
	if difference > alive {
		a.changed = l.at
	}
	if difference > steady {
		a.still = l.at
	}
	if a.worth(l, early) {
		err = a.keep(l, early, "")
	}
	return difference > alive, err
}

// worth reports whether a glance is to become a picture.
func (a *album) worth(l look, early bool) bool {
	if early && len(a.early) >= maxEarly || len(a.pictures) >= maxPictures-1 {
		return false
	}
	// The later in the boot, the rarer: however long it takes, the pictures last.
	if !early && l.at < a.keptAt*3/2 {
		return false
	}
	if a.still == l.at && l.at-a.keptAt < waiting {
		return false
	}
	if a.kept != nil && screen.Difference(a.kept, l.img) < another {
		return false
	}
	return !screen.Blank(l.img)
}

// keep writes a picture.
func (a *album) keep(l look, early bool, caption string) error {
	p := Picture{At: l.at, File: fmt.Sprintf("screen-%02d.png", len(a.pictures)+1), Caption: caption}
	if err := os.WriteFile(filepath.Join(a.dir, p.File), l.png, 0o644); err != nil {
		return fmt.Errorf("keeping a picture: %w", err)
	}
	if early {
		a.early = append(a.early, len(a.pictures))
	}
	a.pictures = append(a.pictures, p)
	a.kept, a.keptAt = l.img, l.at
	return nil
}

// shot writes a picture that a script asked for, under its name.
func (a *album) shot(at time.Duration, png []byte, name string) (file string, err error) {
	file = "shot-" + name + ".png"
	if slices.ContainsFunc(a.pictures, func(p Picture) bool { return p.File == file }) {
		return "", fmt.Errorf("there is a picture %q already", name)
	}
	if err := os.WriteFile(filepath.Join(a.dir, file), png, 0o644); err != nil {
		return "", fmt.Errorf("keeping a picture: %w", err)
	}
	a.pictures = append(a.pictures, Picture{At: at, File: file, Caption: name})
	return file, nil
}

// finish keeps the last glance as the last picture, unless the last picture shows the same.
func (a *album) finish(caption string) error {
	if a.last.img == nil {
		return nil
	}
	if n := len(a.pictures); n > 0 && a.kept != nil && a.pictures[n-1].At == a.keptAt && screen.Difference(a.kept, a.last.img) <= alive {
		if a.pictures[n-1].Caption == "" {
			a.pictures[n-1].Caption = caption
		}
		return nil
	}
	return a.keep(a.last, false, caption)
}
