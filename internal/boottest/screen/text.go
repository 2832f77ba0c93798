package screen

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"strings"
	"time"

	"nhos.org/nhos/internal/ui"
)

const (
	textLimit = 60 * time.Second
	// enlargement makes the 8×16 fonts of firmware and consoles as large as the print that tesseract was taught with.
	enlargement = 3
	// Larger screens have larger type, or are not worth the time.
	maxEnlarged = 3000
)

// Text returns what can be read on a screen, by tesseract. It takes about a second.
func Text(ctx context.Context, picture []byte) (string, error) {
	img, err := Decode(picture)
	if err != nil {
		return "", err
	}
	return recognise(ctx, img, inLines)
}

// Read returns what can be read on a screen, and looks a second time, another way, if words aren't in that: what
// stands alone here and there, as on a desktop, reads better if no lines are expected.
func Read(ctx context.Context, img *image.RGBA, words string) (string, error) {
	text, err := recognise(ctx, img, inLines)
	if err != nil || Shows(text, words) {
		return text, err
	}
	scattered, err := recognise(ctx, img, scatter)
	return strings.TrimSpace(text + "\n" + scattered), err
}

// How tesseract takes a page apart (its option --psm). One block of text in lines keeps what stands alone in a menu's
// box; the default looks for columns, and loses it.
const (
	inLines = "6"
	scatter = "11"
)

// recognise runs tesseract on a screen; further arguments say in what form it answers.
func recognise(ctx context.Context, img *image.RGBA, layout string, form ...string) (string, error) {
	var in bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&in, forReading(img)); err != nil {
		return "", fmt.Errorf("reading the text of a screen: %w", err)
	}
	path, err := exec.LookPath("tesseract")
	if err != nil {
		return "", ui.Hint(fmt.Errorf("reading the text of a screen: %w", err), "install the package tesseract-ocr")
	}
	ctx, cancel := context.WithTimeout(ctx, textLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{"-", "-", "--psm", layout, "-l", "eng"}, form...)...)
	cmd.Stdin = &in
	cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1") // its threads wait for each other more than they work
	cmd.WaitDelay = time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", fmt.Errorf("reading the text of a screen: tesseract: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// forReading turns a screen into what tesseract reads best: large dark letters on white. The commonest grey of each
// row of pixels becomes its white, because a menu shows its choice as a light bar on a dark screen.
func forReading(img *image.RGBA) *image.Gray {
	b := img.Bounds()
	grey := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		var count [256]int
		row := grey.Pix[y*grey.Stride : y*grey.Stride+b.Dx()]
		ground := uint8(0)
		for x := range row {
			v := color.GrayModel.Convert(img.RGBAAt(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y
			row[x] = v
			if count[v]++; count[v] > count[ground] {
				ground = v
			}
		}
		for x, v := range row {
			row[x] = 255 - (max(v, ground) - min(v, ground))
		}
	}
	return enlarge(grey, scaleOf(img))
}

// scaleOf is how much larger a screen is made to be read.
func scaleOf(img *image.RGBA) int {
	scale := enlargement
	for scale > 1 && img.Rect.Dx()*scale > maxEnlarged {
		scale--
	}
	return scale
}

// enlarge scales up with straight lines between the pixels, which rounds the steps of a bitmap font.
func enlarge(src *image.Gray, scale int) *image.Gray {
	w, h := src.Rect.Dx(), src.Rect.Dy()
	dst := image.NewGray(image.Rect(0, 0, w*scale, h*scale))
	for y := range h * scale {
		y0 := y / scale
		y1, fy := min(y0+1, h-1), y%scale
		for x := range w * scale {
			x0 := x / scale
			x1, fx := min(x0+1, w-1), x%scale
			top := int(src.Pix[y0*src.Stride+x0])*(scale-fx) + int(src.Pix[y0*src.Stride+x1])*fx
			low := int(src.Pix[y1*src.Stride+x0])*(scale-fx) + int(src.Pix[y1*src.Stride+x1])*fx
			dst.Pix[y*dst.Stride+x] = uint8((top*(scale-fy) + low*fy) / (scale * scale))
		}
	}
	return dst
}
