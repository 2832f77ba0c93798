package ui_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/ui"
)

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.00 kB", 1_234: "1.23 kB", 9_994: "9.99 kB", 9_996: "10.0 kB", 99_960: "100 kB",
		999_400: "999 kB", 999_600: "1.00 MB", 214_300_000: "214 MB", 999_950_000: "1.00 GB", 1_260_000_000: "1.26 GB",
		12_600_000_000: "12.6 GB", 2_000_000_000_000: "2.00 TB", 9_200_000_000_000_000_000: "9200 PB", -2_500: "-2.50 kB",
	} {
		if got := ui.Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0 s", 40 * time.Millisecond: "0.0 s", 12_340 * time.Millisecond: "12.3 s", 59_940 * time.Millisecond: "59.9 s",
		59_960 * time.Millisecond: "1 min 00 s", 125 * time.Second: "2 min 05 s", 119_600 * time.Millisecond: "2 min 00 s",
		3599 * time.Second: "59 min 59 s", 3600 * time.Second: "1 h 00 min", 3720 * time.Second: "1 h 02 min", 7199 * time.Second: "2 h 00 min",
	} {
		if got := ui.Duration(d); got != want {
			t.Errorf("Duration(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	table := ui.NewTable(ui.Column{Title: "layer"}, ui.Column{Title: "size", Numeric: true}, ui.Column{Title: "why"})
	table.Add("base", "214 MB", "")
	table.Add("packages", "1.26 GB", "features/printing/feature.yaml\nchanged", "beyond")
	table.Add("Büro 你好", "9 B")
	var b strings.Builder
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	want := `
layer         size  why
base        214 MB
packages   1.26 GB  features/printing/feature.yaml changed
Büro 你好      9 B
`[1:]
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestWriteJSON(t *testing.T) {
	var b strings.Builder
	if err := ui.WriteJSON(&b, map[string]any{"claim": "a < b & c", "n": 1}); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"claim\": \"a < b & c\",\n  \"n\": 1\n}\n"; b.String() != want {
		t.Errorf("got %s want %s", b.String(), want)
	}
}

func TestModeFor(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if got := ui.ModeFor(f, false); got != ui.Plain {
		t.Errorf("a file: mode %d, want Plain", got)
	}
	if got := ui.ModeFor(f, true); got != ui.JSON {
		t.Errorf("--json: mode %d, want JSON", got)
	}
	terminal, _ := openTerminal(t)
	t.Setenv("TERM", "xterm-256color")
	if got := ui.ModeFor(terminal, false); got != ui.Terminal {
		t.Errorf("a terminal: mode %d, want Terminal", got)
	}
	t.Setenv("TERM", "dumb")
	if got := ui.ModeFor(terminal, false); got != ui.Plain {
		t.Errorf("a dumb terminal: mode %d, want Plain", got)
	}
}

func TestColourIsForTerminals(t *testing.T) {
	t.Setenv("TERM", "xterm")
	for _, noColour := range []string{"", "1"} {
		t.Setenv("NO_COLOR", noColour)
		terminal, printed := openTerminal(t)
		ui.PrintError(terminal, "nhos", os.ErrNotExist)
		want := "nhos: \x1b[1;31merror:\x1b[0m \x1b[1mfile does not exist\x1b[0m"
		if noColour != "" {
			want = "nhos: error: file does not exist"
		}
		if got := printed(len(want)); got != want {
			t.Errorf("NO_COLOR=%q: got %q, want %q", noColour, got, want)
		}
	}
}
