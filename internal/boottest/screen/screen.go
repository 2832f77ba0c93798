// Package screen judges pictures of a machine's screen: is anything on it, did it change, is it text or graphics, and
// what can be read on it.
//
// Most of what a boot test asserts is asked of the guest. Pictures are for what nobody can ask: a boot menu, a guest
// that never answers, and whether a person would have seen anything at all.
package screen

import (
	"bytes"
	_ "embed" // for a picture
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"sync"
)

// maxPixels bounds the pictures that are decoded.
const maxPixels = 64 << 20

// Decode reads a PNG.
func Decode(b []byte) (*image.RGBA, error) {
	size, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("decoding a picture: %w", err)
	}
	if size.Width <= 0 || size.Height <= 0 || size.Width > maxPixels/size.Height {
		return nil, fmt.Errorf("decoding a picture: %dx%d pixels are too many", size.Width, size.Height)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("decoding a picture: %w", err)
	}
	if same, ok := img.(*image.RGBA); ok {
		return same, nil
	}
	rgba := image.NewRGBA(image.Rect(0, 0, size.Width, size.Height))
	draw.Draw(rgba, rgba.Bounds(), img, img.Bounds().Min, draw.Src)
	return rgba, nil
}

const (
	// visible is the least difference of one colour channel that counts as a difference to the eye.
	visible = 16
	// A screen on which less than one pixel in blankShare differs from the rest is blank.
	blankShare = 5000
	// A screen is blank too if all that differs lies in a square of this size: a cursor or a mouse pointer.
	pointerSize = 40
)

// nothing is what QEMU shows of a machine that hasn't used its screen yet: a line of text that no guest has written.
//
//go:embed nothing.png
var nothing []byte

var untouched = sync.OnceValue(func() *image.RGBA {
	img, err := Decode(nothing)
	if err != nil {
		return image.NewRGBA(image.Rectangle{}) // like no screen
	}
	return img
})

// Blank reports whether nothing is to be seen: one colour, save for a cursor or a mouse pointer.
func Blank(img *image.RGBA) bool {
	if Difference(img, untouched()) == 0 {
		return true
	}
	background := commonest(img)
	b := img.Bounds()
	different, box := 0, image.Rectangle{}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if differ(img.RGBAAt(x, y), background) {
				different++
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return different < b.Dx()*b.Dy()/blankShare || (box.Dx() <= pointerSize && box.Dy() <= pointerSize)
}

// Difference is the share of pixels, 0 to 1, that visibly differ. Pictures of different sizes differ wholly.
func Difference(a, b *image.RGBA) float64 {
	if a.Bounds() != b.Bounds() {
		return 1
	}
	different := 0
	r := a.Bounds()
	if r.Empty() {
		return 0
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if differ(a.RGBAAt(x, y), b.RGBAAt(x, y)) {
				different++
			}
		}
	}
	return float64(different) / float64(r.Dx()*r.Dy())
}

const (
	// A text console has 16 colours, and one drawn by the kernel too. Smooth type and pictures have hundreds.
	consoleColours = 48
	// The kernel's logo, with up to 224 colours, stands on the topmost lines of a console.
	logoShare = 8
)

// Graphical reports whether the screen shows graphics rather than a text console, going by its number of colours.
func Graphical(img *image.RGBA) bool {
	seen := map[color.RGBA]bool{}
	b := img.Bounds()
	for y := b.Min.Y + b.Dy()/logoShare; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			seen[img.RGBAAt(x, y)] = true
			if len(seen) > consoleColours {
				return true
			}
		}
	}
	return false
}

// commonest is the colour of most of the pixels, going by a sample of them.
func commonest(img *image.RGBA) color.RGBA {
	count := map[color.RGBA]int{}
	b := img.Bounds()
	var most color.RGBA
	for y := b.Min.Y; y < b.Max.Y; y += 3 {
		for x := b.Min.X; x < b.Max.X; x += 3 {
			c := img.RGBAAt(x, y)
			if count[c]++; count[c] > count[most] {
				most = c
			}
		}
	}
	return most
}

func differ(a, b color.RGBA) bool {
	return apart(a.R, b.R) || apart(a.G, b.G) || apart(a.B, b.B)
}

func apart(a, b uint8) bool { return max(a, b)-min(a, b) >= visible }
