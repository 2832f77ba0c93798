package guest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/manifest"
)

func read(t testing.TB, in io.Reader) ([]Message, *Reader) {
	t.Helper()
	r := NewReader(in)
	var all []Message
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, r
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
}

func TestReaderReturnsWhatThePortSent(t *testing.T) {
	said := "cut off"
	want := []Message{
		{Kind: KindHello, Hello: &Facts{OS: "Debian", Uptime: 5}},
		{Kind: KindBeat, Beat: &Beat{Step: 1, Doing: "boot", Limit: 7}},
		{Kind: KindBoot, Boot: &Boot{State: "running", Steps: []Step{{At: 3, What: "systemd"}}}},
		{Kind: KindCheck, Check: &Check{Check: manifest.Check{ID: "a/b", Run: "true"}, Passed: true, Tries: 2, Output: "x\ny\x00"}},
		{Kind: KindJournal, Chunk: []byte{0, 1, 255}},
		{Kind: KindJournal, Error: &said},
		{Kind: KindAnswer, Answer: &Answer{ID: 3, Passed: true, Output: "x", Tries: 1, Duration: 9, Facts: &Facts{OS: "y"}}},
		{Kind: KindDone},
	}
	var wire bytes.Buffer
	p := &port{w: &wire}
	for _, m := range want {
		if err := p.send(m); err != nil {
			t.Fatal(err)
		}
	}
	got, r := read(t, &wire)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r.Skipped() != 0 {
		t.Errorf("%d lines were skipped", r.Skipped())
	}
}

func TestReaderSkipsWhatIsNoMessage(t *testing.T) {
	done := `{"kind":"done"}` + "\n"
	tests := map[string]struct {
		in      string
		want    int // messages
		skipped int
	}{
		"garbage":               {"\x00\xff{{{\n" + done, 1, 1},
		"another kind":          {`{"kind":"joke"}` + "\n" + done, 1, 1},
		"nothing in it":         {`{"kind":"check"}` + "\n" + `{"kind":"hello","hello":null}` + "\n" + done, 1, 2},
		"other types":           {`{"kind":"beat","beat":{"step":"x"}}` + "\n" + done, 1, 1},
		"too long":              {`{"kind":"done","x":"` + strings.Repeat("y", maxLine) + `"}` + "\n" + done, 1, 1},
		"empty lines":           {"\n \n" + done, 1, 0},
		"cut off in the middle": {done + `{"kind":"done"}`, 1, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, r := read(t, strings.NewReader(test.in))
			if len(got) != test.want || r.Skipped() != test.skipped {
				t.Errorf("%d messages, %d skipped; want %d, %d", len(got), r.Skipped(), test.want, test.skipped)
			}
		})
	}
}

func TestReaderTakesTheLongestMessage(t *testing.T) {
	var wire bytes.Buffer
	p := &port{w: &wire}
	c := Check{Output: strings.Repeat("\x01", maxOutput)} // six bytes each in JSON
	if err := p.send(Message{Kind: KindCheck, Check: &c}); err != nil {
		t.Fatal(err)
	}
	if got, _ := read(t, &wire); len(got) != 1 || got[0].Check.Output != c.Output {
		t.Errorf("%d messages", len(got))
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"kind":"done"}` + "\n"))
	f.Add([]byte(`{"kind":"check","check":{"id":"a","tries":1}}` + "\n{\n"))
	f.Add([]byte(`{"kind":"journal","chunk":"H4sI"}` + "\n"))
	f.Add([]byte("\n" + `{"kind":"hello","hello":{},"session":"s"}` + "\n" + `{"kind":"answer","answer":{"id":1}}` + "\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, r := read(t, bytes.NewReader(in))
		if lines := bytes.Count(in, []byte("\n")); len(got)+r.Skipped() > lines {
			t.Fatalf("%d messages and %d skipped of %d lines", len(got), r.Skipped(), lines)
		}
		var journal Journal
		for _, m := range got {
			if !m.valid() {
				t.Fatalf("%+v", m)
			}
			if _, err := json.Marshal(m); err != nil {
				t.Fatal(err)
			}
			journal.Add(m.Chunk)
		}
		if text, _ := journal.Text(); len(text) > maxJournal {
			t.Fatalf("a journal of %d bytes", len(text))
		}
	})
}
