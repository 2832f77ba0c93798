package vm

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"unicode"
)

// A recording is a QEMU that says what it has to say, whatever it is asked.
type recording struct{ io.Reader }

func (recording) Write(p []byte) (int, error) { return len(p), nil }
func (recording) Close() error                { return nil }

func FuzzQMP(f *testing.F) {
	f.Add([]byte(greeting + "\n" + `{"return": {}, "id": 1}` + "\n" + `{"event": "RESET", "data": {"guest": true}}` + "\n" + `{"return": {"status": "running"}, "id": 2}`))
	f.Add([]byte(greeting + "\n" + `{"error": {"class": "x", "desc": "no"}, "id": 1}`))
	f.Add([]byte(`{"return": [], "id": 1}` + "\n" + greeting + greeting + "\n" + `{"id": 2}` + "\n" + `{"id": 1}` + "\n" + `{"id": 1}`))
	f.Fuzz(func(t *testing.T, said []byte) {
		q, err := newQMP(t.Context(), recording{bytes.NewReader(said)})
		if err != nil {
			return
		}
		var status struct{ Status string }
		_ = q.execute(t.Context(), "query-status", nil, &status) // an answer, or the end
		for range q.events {                                     // to the end of the conversation
		}
		if err := q.execute(t.Context(), "query-status", nil, nil); err == nil {
			t.Error("nobody is there, and the command was done")
		}
	})
}

func FuzzPumpSerial(f *testing.F) {
	f.Add([]byte("\x1b[2J\x1b[01;01HBdsDxe: loading\r\n\x1b[0;32m  OK  \x1b[0m] Reached\n\x1b"), uint16(7))
	f.Add([]byte("\xff\xfe\x1b(B\x1b[?25l\x00login: "), uint16(1))
	f.Add(bytes.Repeat([]byte("x"), 2*maxSerialLine+1), uint16(5000))
	f.Fuzz(func(t *testing.T, said []byte, cut uint16) {
		ours, theirs := net.Pipe()
		go func() {
			first := said[:min(int(cut), len(said))]
			_, _ = theirs.Write(first)
			_, _ = theirs.Write(said[len(first):])
			_ = theirs.Close()
		}()
		var log bytes.Buffer
		pumpSerial(ours, &log, func(line string) {
			if strings.TrimSpace(line) == "" || len(line) > 3*maxSerialLine || strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && r < unicode.MaxASCII && unicode.IsControl(r) }) {
				t.Errorf("no readable line: %q", line)
			}
		})
		if !bytes.Equal(log.Bytes(), said) {
			t.Error("the log isn't what was said")
		}
	})
}
