package screen

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"os"
	"strings"
	"testing"

	"nhos.org/nhos/internal/ui"
)

var (
	black = color.RGBA{0, 0, 0, 255}
	white = color.RGBA{255, 255, 255, 255}
	teal  = color.RGBA{0, 110, 120, 255}
)

// plainScreen is a screen of one colour.
func plainScreen(c color.RGBA) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, 1280, 800))
	fill(img, img.Rect, c)
	return img
}

func fill(img *image.RGBA, r image.Rectangle, c color.RGBA) {
	draw.Draw(img, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// wallpaper is a screen with a gradient.
func wallpaper() *image.RGBA {
	img := plainScreen(black)
	for y := range 800 {
		fill(img, image.Rect(0, y, 1280, y+1), color.RGBA{uint8(y / 4), uint8(255 - y/4), 100, 255})
	}
	return img
}

func picture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decoded(t testing.TB, name string) *image.RGBA {
	t.Helper()
	img, err := Decode(picture(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestBlankAndGraphical(t *testing.T) {
	cursor := plainScreen(black)
	fill(cursor, image.Rect(0, 30, 8, 32), white)
	pointer := plainScreen(teal)
	fill(pointer, image.Rect(640, 400, 664, 430), white)
	almost := plainScreen(teal)
	fill(almost, image.Rect(0, 0, 1280, 400), color.RGBA{4, 112, 121, 255})
	two := plainScreen(black)
	fill(two, image.Rect(0, 400, 600, 500), white)
	logo := plainScreen(black)
	for x := range 80 {
		for y := range 80 {
			logo.SetRGBA(x, y, color.RGBA{uint8(3 * x), uint8(3 * y), 9, 255})
		}
	}
	tests := map[string]struct {
		img              *image.RGBA
		blank, graphical bool
	}{
		"black":                {plainScreen(black), true, false},
		"white":                {plainScreen(white), true, false},
		"a cursor":             {cursor, true, false},
		"a pointer":            {pointer, true, false},
		"two near colours":     {almost, true, false},
		"two colours":          {two, false, false},
		"a boot menu":          {decoded(t, "menu.png"), false, false},
		"a console":            {decoded(t, "console.png"), false, false},
		"the kernel's logo":    {logo, false, false},
		"not used yet":         {untouched(), true, false},
		"a wallpaper":          {wallpaper(), false, true},
		"nothing, not a pixel": {image.NewRGBA(image.Rectangle{}), true, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Blank(test.img); got != test.blank {
				t.Errorf("blank: %t", got)
			}
			if got := Graphical(test.img); got != test.graphical {
				t.Errorf("graphical: %t", got)
			}
		})
	}
}

func TestDifference(t *testing.T) {
	changed := plainScreen(black)
	fill(changed, image.Rect(0, 0, 128, 80), white)
	faint := plainScreen(color.RGBA{10, 10, 10, 255})
	tests := map[string]struct {
		a, b *image.RGBA
		want float64
	}{
		"the same":      {wallpaper(), wallpaper(), 0},
		"a hundredth":   {plainScreen(black), changed, 0.01},
		"all":           {plainScreen(black), plainScreen(white), 1},
		"not visible":   {plainScreen(black), faint, 0},
		"another size":  {plainScreen(black), image.NewRGBA(image.Rect(0, 0, 640, 480)), 1},
		"both are none": {image.NewRGBA(image.Rectangle{}), image.NewRGBA(image.Rectangle{}), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Difference(test.a, test.b); math.IsNaN(got) || math.Abs(got-test.want) > 1e-9 {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	huge := picture(t, "menu.png")
	copy(huge[16:], []byte{0x10, 0, 0, 0, 0x10, 0, 0, 0}) // its size; the checksum is wrong then, too
	for name, b := range map[string][]byte{"garbage": []byte("GIF89a"), "nothing": nil, "huge": huge} {
		if _, err := Decode(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTextOfMenu(t *testing.T) {
	for _, name := range []string{"menu.png", "menu-uefi.png"} {
		text, err := Text(t.Context(), picture(t, name))
		if err != nil {
			t.Fatal(err)
		}
		// The first entry is chosen: dark on a light bar. It has a line of its own.
		for _, want := range []string{"GNU GRUB", "NHoS Trial\n", "NHoS Trial (safe)", "The highlighted entry will be executed automatically"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q wasn't read in:\n%s", name, want, text)
			}
		}
	}
}

func TestTextOfLightScreen(t *testing.T) {
	img := decoded(t, "menu.png")
	for i := range img.Pix {
		if i%4 != 3 {
			img.Pix[i] = 255 - img.Pix[i]
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	text, err := Text(t.Context(), b.Bytes())
	if err != nil || !Shows(text, "The highlighted entry will be executed") || !strings.Contains(text, "NHoS Trial\n") {
		t.Errorf("%v:\n%s", err, text)
	}
}

func TestTextWithoutTesseract(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Text(t.Context(), picture(t, "menu.png"))
	if hint := ui.HintOf(err); hint != "install the package tesseract-ocr" {
		t.Errorf("error %v, hint %q", err, hint)
	}
}

func TestShows(t *testing.T) {
	tests := []struct {
		text, words string
		want        bool
	}{
		{"GNU GRUB\n*NHoS Trial\n", "NHoS Trial", true},
		{"GNU GRUB\n*NH0S  Tria! ", "NHoS Trial", true}, // 0 for o, ! for l
		{"try NHoS Triel now", "NHoS Trial", true},      // one wrong
		{"try NHoS Torel now", "NHoS Trial", false},     // two wrong of nine
		{"NHS", "NHoS", false},                          // too short for a mistake
		{"the Mersey Care Desktop 4", "Mersey Care Desktop", true},
		{"the Mersy Carre Desktop 4", "Mersey Care Desktop", true}, // two of 17
		{"Ubuntu", "NHoS Trial", false},
		{"", "NHoS", false},
		{"anything", "", false},
		{"anything", "…", false},
	}
	for _, test := range tests {
		if got := Shows(test.text, test.words); got != test.want {
			t.Errorf("Shows(%q, %q) = %t", test.text, test.words, got)
		}
	}
}
