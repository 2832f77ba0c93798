package definition

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// imageOf reads text as an image's file.
func imageOf(text string) (imageKeys, error) {
	r := newReport()
	var k imageKeys
	if n := r.parseText("images/x.yaml", []byte(text)); n != nil {
		r.decode("images/x.yaml", n, &k)
	}
	return k, r.err()
}

const whole = "description: A desktop\nbase: debian\nproduct: NHoS\n"

// TestBounds sees to it that a file can't keep the reader busy, and that what is refused says where. Its own
// processor time is bounded, which other work on the machine doesn't change.
func TestBounds(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"large", "# " + strings.Repeat("x", 1<<20), "images/x.yaml: it is too large"},
		{"brackets", "a: " + strings.Repeat("[", 100_000), "images/x.yaml:1:20: too deeply nested"},
		{"braces", strings.Repeat("{a: ", 100_000), "images/x.yaml:1:65: too deeply nested"},
		{"dashes", strings.Repeat("- ", 100_000), "images/x.yaml:1:81: too deeply nested"},
		{"questions", strings.Repeat("? ", 100_000), "images/x.yaml:1:81: too deeply nested"},
		{"keys", strings.Repeat("a: b\n", 200_000), "images/x.yaml:6667:4: too many entries in one file"},
		{"entries", strings.Repeat("- a\n", 200_000), "images/x.yaml:10001:1: too many entries in one file"},
		{
			"laughs", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n" + whole,
			"images/x.yaml:1:1: unknown key \"a\"\nimages/x.yaml:2:1: unknown key \"b\"\nimages/x.yaml:3:1: unknown key \"c\"",
		},
		{"control character", whole + "features:\n  - \x01", "images/x.yaml:5:5: the control character U+0001 is not allowed"},
		{"old line ends", "description: A\rbase: debian", "images/x.yaml:1:15: the control character U+000D is not allowed"},
		{"Latin-1", "description: \xe9", "images/x.yaml:1:14: a byte that is not UTF-8 is not allowed"},
		{"nothing", "", "images/x.yaml: it is empty"},
		{"three dashes", "---\n", "images/x.yaml: it is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			begun := processorTime(t)
			_, err := imageOf(test.text)
			if err == nil {
				t.Fatal("no error")
			}
			differ(t, "error", test.want, err.Error())
			if took := processorTime(t) - begun; took > 5*time.Second {
				t.Errorf("took %v of a processor", took)
			}
		})
	}
}

// processorTime is what this thread has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	const thread = 1 // RUSAGE_THREAD
	if err := syscall.Getrusage(thread, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestSameMeaning gives the reader one image in the ways that editors write it.
func TestSameMeaning(t *testing.T) {
	for name, text := range map[string]string{
		"plain":           whole,
		"carriage return": strings.ReplaceAll(whole, "\n", "\r\n"),
		"byte order mark": "\ufeff" + whole,
		"no last newline": strings.TrimSuffix(whole, "\n"),
		"three dashes":    "---\n" + whole,
		"quoted keys":     "\"description\": A desktop\n'base': debian\nproduct: 'NHoS'\n",
		"comments":        "# one\ndescription: A desktop # two\n# three\nbase: debian\nproduct: \"NHoS\" # four\n",
		"flow":            "{description: A desktop, base: debian, product: NHoS}",
		"block":           "description: >-\n  A\n  desktop\nbase: debian\nproduct: |\n  NHoS\n",
	} {
		t.Run(name, func(t *testing.T) {
			k, err := imageOf(text)
			if err != nil {
				t.Fatal(err)
			}
			differ(t, "values", []string{"A desktop", "debian", "NHoS"}, []string{k.Description.Value, k.Base.Value, k.Product.Value})
		})
	}
	k, err := imageOf("\ufeff" + whole)
	if err != nil || k.Description.Origin != (Origin{File: "images/x.yaml", Line: 1, Column: 14}) {
		t.Errorf("a byte order mark shifts columns: %v, %v", k.Description.Origin, err)
	}
}

// FuzzParse sees to it that no text brings the reader down, and that every error and every value is at a line that the
// file has.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/good/images/mini.yaml", "testdata/good/respins/trust/respin.yaml"} {
		text, err := os.ReadFile(pattern)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, text := range []string{"a: &a [*a]", "? - a\n: b", "!!map {a: b}", "<<: [x]", "- - - a", "a: |2-\n  b", "\ta: \"\\u0000\"", "%TAG ! x\n---\na", "a: {b", "\r\n---\r\n...\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		inside := func(o Origin) {
			if o.Line > lines || o.Line < 0 || o.Line > 0 && o.Column < 1 {
				t.Fatalf("%v of %d lines", o, lines)
			}
		}
		for _, into := range []any{&baseKeys{}, &imageKeys{}, &featureKeys{}, &respinKeys{}, &[]checkKeys{}, &[]controlKeys{}} {
			r := newReport()
			n := r.parseText("x.yaml", []byte(text))
			if n != nil {
				r.decode("x.yaml", n, into)
			}
			err := r.err()
			if n == nil && err == nil {
				t.Fatal("neither a document nor an error")
			}
			if err != nil {
				_ = printed(err)
			}
			for _, e := range r.Errors("x.yaml") {
				inside(e.Origin)
				if strings.ContainsAny(e.Message, "\n\x1b\x00") {
					t.Fatalf("message %q", e.Message)
				}
			}
			if k, ok := into.(*imageKeys); ok {
				for _, v := range append([]Value[string]{k.Description, k.Base, k.Product}, k.Features...) {
					inside(v.Origin)
				}
			}
		}
	})
}
