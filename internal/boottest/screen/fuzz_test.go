package screen

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"
)

func FuzzDecode(f *testing.F) {
	f.Add(nothing)
	var paletted bytes.Buffer
	if err := png.Encode(&paletted, image.NewPaletted(image.Rect(0, 0, 60, 50), color.Palette{black, white})); err != nil {
		f.Fatal(err)
	}
	f.Add(paletted.Bytes())
	f.Fuzz(func(t *testing.T, picture []byte) {
		if size, err := png.DecodeConfig(bytes.NewReader(picture)); err == nil && size.Width*size.Height > 1<<20 && size.Width*size.Height <= maxPixels {
			t.Skip("a large picture is only slow")
		}
		img, err := Decode(picture)
		if err != nil {
			return
		}
		_, _ = Blank(img), Graphical(img)
		if d := Difference(img, img); d != 0 {
			t.Errorf("a picture differs from itself by %v", d)
		}
	})
}
