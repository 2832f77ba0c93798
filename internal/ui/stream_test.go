package ui_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/ui"
)

// A log is a writer for several goroutines.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// build is 62 seconds of work: two phases at once, one that fails, one that is still running at the end.
func build(p ui.Display) {
	packages := p.Begin("packages", 214_000_000)
	time.Sleep(2 * time.Second)
	base := p.Begin("base", 0)
	packages.Add(100_000_000)
	time.Sleep(22 * time.Second)
	packages.Add(114_000_000)
	packages.Done("214 MB")
	packages.Fail(errors.New("too late to fail"))
	p.Note("the mirror \x1b[1mis slow")
	time.Sleep(time.Second)
	base.Fail(fmt.Errorf("unpacking base:\n%w", errors.New("no space left")))
	layer := p.Begin("layer", 0)
	layer.Add(5_000)
	time.Sleep(300 * time.Millisecond)
	layer.Done("reused")
	medium := p.Begin("medium", 3_000_000_000)
	time.Sleep(5 * time.Second)
	medium.At("file 3 of 7,\nthe kernel")
	time.Sleep(7 * time.Second)
	medium.Add(1_000_000_000)
	time.Sleep(10 * time.Second)
	medium.At("")
	time.Sleep(14700 * time.Millisecond)
	p.Close()
	p.Begin("after the end", 0).Done("")
}

func TestPlain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out log
		build(ui.NewProgress(&out, ui.Plain))
		want := `
[packages] 100 MB of 214 MB, 10.0 s
[base] 10.0 s
[packages] 100 MB of 214 MB, 20.0 s
[base] 20.0 s
[packages] done in 24.0 s: 214 MB
the mirror \x1b[1mis slow
[base] failed after 23.0 s: unpacking base: no space left
[layer] done in 0.3 s: 5.00 kB, reused
[medium] 10.0 s: file 3 of 7, the kernel
[medium] 1.00 GB of 3.00 GB, 20.0 s: file 3 of 7, the kernel
[medium] 1.00 GB of 3.00 GB, 30.0 s
[medium] failed after 36.7 s: not finished
`[1:]
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
}

// TestHush has a phase say nothing while somebody else speaks, and its end all the same.
func TestHush(t *testing.T) {
	for mode, want := range map[ui.Mode]string{
		ui.Plain:    "[test] 10.0 s\nnoted\n[test] done in 33.0 s: passed\n",
		ui.JSON:     `"event":"done","phase":"test","seconds":33,"outcome":"passed"}` + "\n",
		ui.Terminal: "  test                              33.0 s  passed\x1b[K\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			var out log
			p := ui.NewProgress(&out, mode)
			w := ui.NewRecorder(p).Begin("test", 0)
			time.Sleep(11 * time.Second)
			w.Hush()
			time.Sleep(time.Second)
			before := len(out.String())
			time.Sleep(20 * time.Second)
			if said := out.String()[before:]; said != "" && said != strings.Repeat("\x1b[1A\r\x1b[J", 1) {
				t.Errorf("in mode %d it says %q", mode, said)
			}
			p.Note("noted")
			time.Sleep(time.Second)
			w.Done("passed")
			p.Close()
			if !strings.HasSuffix(out.String(), want) {
				t.Errorf("in mode %d it said\n%q", mode, out.String())
			}
		})
	}
}

func TestJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out log
		p := ui.NewProgress(&out, ui.JSON)
		w := p.Begin("packages", 2000)
		w.Add(500)
		w.At("the second of four")
		time.Sleep(1500 * time.Millisecond)
		w.Add(1500)
		w.Done("<reused>")
		p.Note("a note")
		p.Begin("base", 0).Fail(fmt.Errorf("fetching: %w", context.Canceled))
		p.Close()
		want := `
{"time":"2000-01-01T00:00:00Z","event":"begin","phase":"packages","total":2000}
{"time":"2000-01-01T00:00:01Z","event":"progress","phase":"packages","bytes":500,"total":2000,"seconds":1,"at":"the second of four"}
{"time":"2000-01-01T00:00:01.5Z","event":"done","phase":"packages","bytes":2000,"total":2000,"seconds":1.5,"outcome":"<reused>"}
{"time":"2000-01-01T00:00:01.5Z","event":"note","message":"a note"}
{"time":"2000-01-01T00:00:01.5Z","event":"begin","phase":"base"}
{"time":"2000-01-01T00:00:01.5Z","event":"failed","phase":"base","error":"interrupted"}
`[1:]
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
}

func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out log
		build(ui.NewProgress(&out, ui.Silent))
		if out.String() != "" {
			t.Errorf("silence says %q", out.String())
		}
	})
}

// Every line is whole, whoever wrote meanwhile.
func TestStreamOfManyGoroutines(t *testing.T) {
	var out log
	p := ui.NewProgress(&out, ui.JSON)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			w := p.Begin(fmt.Sprint("phase ", i), 100)
			for range 100 {
				w.Add(1)
			}
			p.Note("halfway")
			w.Done("")
		})
	}
	all.Wait()
	p.Close()
	counts := map[string]int{}
	for line := range strings.Lines(out.String()) {
		var e struct {
			Event string
			Bytes int64
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if e.Event == "done" && e.Bytes != 100 {
			t.Errorf("a phase ended with %d bytes, want 100", e.Bytes)
		}
		counts[e.Event]++
	}
	if d := cmp.Diff(map[string]int{"begin": 20, "note": 20, "done": 20}, counts); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out log
		p := ui.NewProgress(&out, ui.Plain)
		r := ui.NewRecorder(p)
		packages := r.Begin("packages", 0)
		base := r.Begin("base", 0)
		time.Sleep(12300 * time.Millisecond)
		packages.Add(214_000_000)
		packages.Done("reused")
		r.Note("noted")
		time.Sleep(112700 * time.Millisecond)
		base.Fail(errors.New("no space left"))
		r.Begin("medium", 0)
		time.Sleep(time.Second)
		p.Close()

		records := []ui.PhaseRecord{
			{Name: "packages", Seconds: 12.3, Bytes: 214_000_000, Outcome: "reused"},
			{Name: "base", Seconds: 125, Error: "no space left"},
			{Name: "medium", Seconds: 1, Error: "not finished"},
		}
		if d := cmp.Diff(records, r.Phases()); d != "" {
			t.Errorf("records (-want +got)\n%s", d)
		}
		var summary strings.Builder
		if err := r.Summary(&summary, "1 of 3 reused"); err != nil {
			t.Fatal(err)
		}
		want := `
phase           time    size  outcome
packages      12.3 s  214 MB  reused
base      2 min 05 s          failed: no space left
medium         1.0 s          failed: not finished
total     2 min 06 s          1 of 3 reused
`[1:]
		if d := cmp.Diff(want, summary.String()); d != "" {
			t.Errorf("summary (-want +got)\n%s", d)
		}
		for _, line := range []string{"noted\n", "[packages] done in 12.3 s: 214 MB, reused\n", "[base] failed after 2 min 05 s: no space left\n"} {
			if !strings.Contains(out.String(), line) {
				t.Errorf("%q wasn't passed on; got\n%s", line, out.String())
			}
		}
	})
}

func TestSummaryOfNothing(t *testing.T) {
	var out strings.Builder
	if err := ui.NewRecorder(ui.NewProgress(&out, ui.Silent)).Summary(&out, ""); err != nil || out.String() != "" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}
