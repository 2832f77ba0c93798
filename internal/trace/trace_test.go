package trace

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"nhos.org/nhos/internal/ui"
)

// read reads a trace back, and fails the test where spans of a track overlap without lying in one another.
func read(t *testing.T, file string) []event {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Events []event `json:"traceEvents"`
	}
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	spans := slices.DeleteFunc(slices.Clone(back.Events), func(e event) bool { return e.Phase != "X" })
	slices.SortStableFunc(spans, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.Thread, b.Thread), cmp.Compare(a.At, b.At), cmp.Compare(*b.Took, *a.Took))
	})
	var open []event
	for _, s := range spans {
		for len(open) > 0 && (open[len(open)-1].Thread != s.Thread || open[len(open)-1].At+*open[len(open)-1].Took <= s.At) {
			open = open[:len(open)-1]
		}
		if len(open) > 0 && s.At+*s.Took > open[len(open)-1].At+*open[len(open)-1].Took {
			t.Errorf("%q reaches out of %q", s.Name, open[len(open)-1].Name)
		}
		open = append(open, s)
	}
	return back.Events
}

func find(t *testing.T, events []event, name string) event {
	t.Helper()
	i := slices.IndexFunc(events, func(e event) bool { return e.Name == name })
	if i < 0 {
		t.Fatalf("no %q in %v", name, events)
	}
	return events[i]
}

func TestPhasesAndWhatIsInside(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace.json")
	trace, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	progress := trace.Progress(ui.NewProgress(io.Discard, ui.Silent))
	layer := progress.Begin("layer base", 0)
	begun := time.Now()
	time.Sleep(20 * time.Millisecond)
	Of(layer).Inside("script", "10-fold", begun, time.Since(begun))
	Of(layer).Inside("script", "when the clock was wrong", begun.Add(-time.Hour), 2*time.Hour)
	done := Of(layer).Time("mksquashfs")
	time.Sleep(10 * time.Millisecond)
	done()
	layer.Done("made")
	progress.Begin("medium", 0).Fail(errors.New("disk full"))
	progress.Begin("never ends", 0)
	if err := trace.Close(); err != nil {
		t.Fatal(err)
	}

	events := read(t, file)
	base, fold := find(t, events, "layer base"), find(t, events, "10-fold")
	for _, name := range []string{"10-fold", "when the clock was wrong", "mksquashfs"} {
		if e := find(t, events, name); e.Thread != base.Thread || e.At < base.At || e.At+*e.Took > base.At+*base.Took {
			t.Errorf("%+v isn't in %+v", e, base)
		}
	}
	if *fold.Took < 20_000 {
		t.Errorf("sleeping 20 ms took %v µs", *fold.Took)
	}
	if base.Args["outcome"] != "made" || find(t, events, "medium").Args["error"] != "disk full" || find(t, events, "never ends").Args["outcome"] != "not finished" {
		t.Errorf("outcomes are missing in %v", events)
	}
}

// TestWhatRunsAtOnceHasItsOwnTrack downloads three things, two of them at the same time.
func TestWhatRunsAtOnceHasItsOwnTrack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace.json")
	trace, err := Create(file)
	if err != nil {
		t.Fatal(err)
	}
	packages := trace.Begin("phases", "packages")
	a, b := packages.Beside("downloads", "tea"), packages.Beside("downloads", "milk")
	time.Sleep(time.Millisecond)
	a.End(nil)
	c := packages.Beside("downloads", "sugar")
	var all sync.WaitGroup
	for _, s := range []*Span{b, c, packages} {
		all.Go(func() { s.End(nil) })
	}
	all.Wait()
	if err := trace.Close(); err != nil {
		t.Fatal(err)
	}
	events := read(t, file)
	tea, milk, sugar := find(t, events, "tea"), find(t, events, "milk"), find(t, events, "sugar")
	if tea.Thread == milk.Thread || tea.Thread != sugar.Thread || tea.Thread == find(t, events, "packages").Thread {
		t.Errorf("tracks: tea %d, milk %d, sugar %d", tea.Thread, milk.Thread, sugar.Thread)
	}
	var names []any
	for _, e := range events {
		if e.Name == "thread_name" {
			names = append(names, e.Args["name"])
		}
	}
	if !slices.Equal(names, []any{"phases", "downloads", "downloads 2"}) {
		t.Errorf("tracks are called %v", names)
	}
}

func TestNoTraceDoesNothing(t *testing.T) {
	trace, err := Create("")
	if trace != nil || err != nil {
		t.Fatalf("Create = %v, %v", trace, err)
	}
	progress := trace.Progress(ui.NewProgress(io.Discard, ui.Silent))
	phase := progress.Begin("layer", 0)
	s := Of(phase)
	s.Inside("script", "x", time.Now(), time.Second)
	s.Time("y")()
	s.Beside("downloads", "z").End(nil)
	s.End(nil)
	phase.Done("")
	if err := trace.Close(); err != nil {
		t.Error(err)
	}
}

func TestAWrongPathIsToldFirst(t *testing.T) {
	if _, err := Create(filepath.Join(t.TempDir(), "no", "trace.json")); err == nil {
		t.Error("a trace in a folder that isn't there was begun")
	}
}
