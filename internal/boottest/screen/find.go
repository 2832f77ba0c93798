package screen

import (
	"context"
	"image"
	"strconv"
	"strings"
)

// A word is one that was read, and where.
type word struct {
	text string
	line string // the same for all words of a line
	box  image.Rectangle
}

// Find returns where on a screen words can be read, in pixels, and all that was read. The box is empty if they can't.
func Find(ctx context.Context, img *image.RGBA, words string) (box image.Rectangle, text string, err error) {
	for _, layout := range []string{inLines, scatter} {
		table, err := recognise(ctx, img, layout, "tsv")
		if err != nil {
			return image.Rectangle{}, text, err
		}
		read := tableWords(table, scaleOf(img))
		var all []string
		for _, w := range read {
			all = append(all, w.text)
		}
		text = strings.TrimSpace(text + "\n" + strings.Join(all, " "))
		if box := locate(read, words); !box.Empty() {
			return box, text, nil
		}
	}
	return image.Rectangle{}, text, nil
}

// tableWords reads tesseract's table of what it found: tab-separated, with the level of a word being 5.
func tableWords(table string, scale int) []word {
	const (
		level, block, left, top, width, height, text, columns = 0, 2, 6, 7, 8, 9, 11, 12
		isWord                                                = "5"
	)
	var words []word
	for row := range strings.Lines(table) {
		f := strings.Split(strings.TrimRight(row, "\r\n"), "\t")
		if len(f) != columns || f[level] != isWord || strings.TrimSpace(f[text]) == "" {
			continue
		}
		var n [4]int
		for i, column := range []int{left, top, width, height} {
			n[i], _ = strconv.Atoi(f[column])
		}
		box := image.Rect(n[0]/scale, n[1]/scale, (n[0]+n[2])/scale, (n[1]+n[3])/scale)
		words = append(words, word{f[text], strings.Join(f[block:block+3], " "), box})
	}
	return words
}

// locate returns the box of the fewest neighbours on one line that show what is looked for; the topmost, if there are
// several.
func locate(read []word, words string) image.Rectangle {
	var best image.Rectangle
	fewest := len(read) + 1
	for i := range read {
		text, box := "", image.Rectangle{}
		for j := i; j < len(read) && read[j].line == read[i].line && j-i+1 < fewest; j++ {
			text += " " + read[j].text
			box = box.Union(read[j].box)
			if Shows(text, words) {
				best, fewest = box, j-i+1
				break
			}
		}
	}
	return best
}

// Cut returns a part of a screen as a screen of its own. What of the box lies outside is left out.
func Cut(img *image.RGBA, box image.Rectangle) *image.RGBA {
	box = box.Intersect(img.Rect)
	cut := image.NewRGBA(image.Rectangle{Max: box.Size()})
	for y := range box.Dy() {
		from := img.PixOffset(box.Min.X, box.Min.Y+y)
		copy(cut.Pix[y*cut.Stride:(y+1)*cut.Stride], img.Pix[from:from+4*box.Dx()])
	}
	return cut
}
