package write

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/ui"
)

// ErrNoConsent is what comes of an answer that wasn't the one asked for.
var ErrNoConsent = errors.New("not confirmed: nothing was written")

// Consent says on w what would be lost, and has ask put a question. The answer has to be the last part of the device's path, or
// the number of devices: a "y" is typed too soon.
func Consent(w io.Writer, image *Image, devices []device.Device, ask func(question string) (string, error)) error {
	fmt.Fprintln(w, "All that is on this will be lost:")
	t := ui.NewTable(columns(false)...)
	for _, d := range devices {
		t.Add(row(d)...)
	}
	if err := t.Write(w); err != nil {
		return err
	}
	want := devices[0].Name
	question := fmt.Sprintf("Type %q to write %s (%s) to it: ", want, filepath.Base(image.Path), ui.Bytes(image.SizeBytes))
	if len(devices) > 1 {
		want = strconv.Itoa(len(devices))
		question = fmt.Sprintf("Type %q, their number, to write %s (%s) to them: ", want, filepath.Base(image.Path), ui.Bytes(image.SizeBytes))
	}
	answer, err := ask(question)
	if err != nil {
		return err
	}
	if strings.TrimSpace(answer) != want {
		return ErrNoConsent
	}
	return nil
}

// List writes a table of devices with what would be said if one of them was to be written to.
func List(w io.Writer, devices []device.Device) error {
	t := ui.NewTable(columns(true)...)
	for _, d := range devices {
		state := "yes"
		if d.Refused != "" {
			state = "no: " + d.Refused
		}
		t.Add(append(row(d), state)...)
	}
	return t.Write(w)
}

func columns(judged bool) []ui.Column {
	all := []ui.Column{
		{Title: "disk"}, {Title: "model"}, {Title: "size", Numeric: true}, {Title: "serial"}, {Title: "bus"}, {Title: "removable"}, {Title: "what is on it"},
	}
	if judged {
		all = append(all, ui.Column{Title: "may be written"})
	}
	return all
}

func row(d device.Device) []string {
	removable := "no"
	if d.Removable {
		removable = "yes"
	}
	return []string{d.Path, d.Model, ui.Bytes(d.SizeBytes), d.Serial, d.Bus, removable, d.Holds()}
}
