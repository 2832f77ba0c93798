package write

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/ui"
)

// A State is what a stick is after all.
type State string

// The states.
const (
	Written   State = "written"   // all of the image is on it, and was read back
	Unusable  State = "unusable"  // it has lost what was on it, and nothing starts from it
	Untouched State = "untouched" // nothing was written to it
)

// A Result is what came of one stick.
type Result struct {
	Path       string  `json:"path"`
	Model      string  `json:"model,omitempty"`
	Serial     string  `json:"serial,omitempty"`
	SizeBytes  int64   `json:"size"`
	State      State   `json:"state"`
	Bytes      int64   `json:"bytes"` // of the image, written and read back
	SHA256     string  `json:"sha256,omitempty"`
	Seconds    float64 `json:"seconds"`
	HoldsBytes int64   `json:"holds_at_most,omitempty"` // of a stick that says it holds more
	Error      string  `json:"error,omitempty"`
	Hint       string  `json:"hint,omitempty"`
}

// Run writes an image to devices, all at once, and returns what came of each, in their order. One that fails doesn't stop the
// others. The error joins those of all; it is nil only if every stick is written.
func Run(ctx context.Context, image *Image, devices []device.Device, m device.Machine, progress ui.Progress) ([]Result, error) {
	results := make([]Result, len(devices))
	errs := make([]error, len(devices))
	var all sync.WaitGroup
	for i, d := range devices {
		all.Go(func() { results[i], errs[i] = one(ctx, image, d, m, progress) })
	}
	all.Wait()
	return results, errors.Join(errs...)
}

func one(ctx context.Context, image *Image, d device.Device, m device.Machine, progress ui.Progress) (Result, error) {
	// Written and read back are the work of one line.
	s := stick{image: image, device: d, phase: progress.Begin(d.Name, 2*image.SizeBytes)}
	began := time.Now()
	err := s.run(ctx)
	r := Result{
		Path: d.Path, Model: d.Model, Serial: d.Serial, SizeBytes: d.SizeBytes, State: Written,
		Seconds: float64(time.Since(began).Milliseconds()) / 1000,
	}
	if err == nil {
		r.Bytes, r.SHA256 = image.SizeBytes, image.SHA256
		s.phase.Done("written and read back")
		return r, nil
	}
	r.State = Untouched
	if s.touched {
		r.State = Unusable
		err = explain(err, d, m)
	}
	r.Error, r.Hint = err.Error(), ui.HintOf(err)
	if errors.Is(err, context.Canceled) {
		r.Error, r.Hint = "interrupted", "write it again; no computer starts from it as it is"
	}
	var fake *FakeError
	if errors.As(err, &fake) {
		r.HoldsBytes = fake.HoldsBytes
	}
	s.phase.Fail(err)
	now := ""
	if r.State == Unusable {
		now = ", which is unusable now"
	}
	return r, fmt.Errorf("writing %s to %s%s: %w", filepath.Base(image.Path), d, now, err)
}

// goneWithin is how long the kernel may take to notice that a stick was pulled out, after its first error.
const goneWithin = 2 * time.Second

// explain says whether the stick is still there, and what to do.
func explain(err error, d device.Device, m device.Machine) error {
	if errors.Is(err, context.Canceled) || ui.HintOf(err) != "" {
		return err
	}
	var different *DifferenceError
	if errors.As(err, &different) {
		return ui.Hint(err, "it doesn't keep what is written to it, and no computer starts from it: use another one")
	}
	for waited := time.Duration(0); waited < goneWithin; waited += goneWithin / 10 {
		if !m.Present(d) {
			return ui.Hint(fmt.Errorf("it was pulled out: %w", err), "no computer starts from it as it is: put it in again and write it again")
		}
		time.Sleep(goneWithin / 10)
	}
	return ui.Hint(err, "no computer starts from it as it is: write it again, at another port, or use another one")
}

// Table writes what came of the sticks, for a person.
func Table(w io.Writer, results []Result) error {
	t := ui.NewTable(ui.Column{Title: "stick"}, ui.Column{Title: "model"}, ui.Column{Title: "size", Numeric: true}, ui.Column{Title: "serial"},
		ui.Column{Title: "time", Numeric: true}, ui.Column{Title: "is"}, ui.Column{Title: "why"})
	for _, r := range results {
		t.Add(r.Path, r.Model, ui.Bytes(r.SizeBytes), r.Serial, ui.Duration(time.Duration(r.Seconds*float64(time.Second))), string(r.State), r.Error)
	}
	return t.Write(w)
}
