package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image/png"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode"
)

// Bounds of what a run may put into the page.
const (
	pictureMost = 16 << 20  // bytes of one picture
	tailRead    = 256 << 10 // bytes of a log that are looked at
	tailLines   = 120       // lines of a log that are shown
)

// open opens the file name of a run. It can't be outside the run's folder, also not through a link.
func (r Run) open(name string) (*os.File, error) {
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	return root.Open(name)
}

// A shot is a picture's bytes as a data URI, and its size in pixels.
type shot struct {
	URI           template.URL
	Width, Height int
}

// picture reads a PNG of the run.
func (r Run) picture(name string) (shot, error) {
	f, err := r.open(name)
	if err != nil {
		return shot{}, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, pictureMost+1))
	if err != nil {
		return shot{}, err
	}
	if len(data) > pictureMost {
		return shot{}, fmt.Errorf("%s is larger than %d MiB", name, pictureMost>>20)
	}
	size, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return shot{}, err
	}
	uri := "data:image/png;base64," + base64.StdEncoding.EncodeToString(data)
	return shot{template.URL(uri), size.Width, size.Height}, nil
}

// tail returns the last lines of a log of the run, readable, and whether there was more before them. A log that isn't
// there or can't be read is "".
func (r Run) tail(name string) (text string, more bool) {
	if name == "" {
		return "", false
	}
	f, err := r.open(name)
	if err != nil {
		return "", false
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	from := max(0, info.Size()-tailRead)
	data, err := io.ReadAll(io.NewSectionReader(f, from, tailRead))
	if err != nil {
		return "", false
	}
	lines := strings.Split(readable(string(data)), "\n")
	if from > 0 && len(lines) > 1 {
		lines, more = lines[1:], true // the first is but the end of one
	}
	if len(lines) > tailLines {
		lines, more = lines[len(lines)-tailLines:], true
	}
	return strings.Join(lines, "\n"), more
}

// escapes are the sequences that steer a terminal (ECMA-48): CSI, OSC and its kind, and the short ones.
var escapes = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b[]PX^_][^\x07\x1b]*(\x07|\x1b\\\\)?|\x1b[ -/]*[0-~]?")

// readable returns what a person would see of s on a paper: without escape sequences, control characters and turns of
// the direction of writing, with plain line ends, and without empty lines around.
func readable(s string) string {
	s = escapes.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	s = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s)
	return strings.TrimRight(strings.Trim(s, "\n"), " \t\n")
}
