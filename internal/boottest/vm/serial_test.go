package vm

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A listener collects lines.
type listener struct {
	mu    sync.Mutex
	lines []string
}

func (l *listener) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *listener) get() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// pump sends parts over a serial port, waits after each, and returns the lines and the log.
func pump(t *testing.T, pause time.Duration, parts ...string) (lines []string, log string) {
	t.Helper()
	ours, theirs := net.Pipe()
	var kept bytes.Buffer
	var l listener
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		pumpSerial(ours, &kept, l.add)
	}()
	for _, p := range parts {
		if _, err := theirs.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(pause)
	}
	_ = theirs.Close()
	<-ended
	return l.get(), kept.String()
}

func TestSerialLines(t *testing.T) {
	tests := map[string]struct {
		parts []string
		want  []string
	}{
		"lines over several reads": {[]string{"one\r\ntw", "o\r\n\r\nthree\n"}, []string{"one", "two", "three"}},
		"end without newline":      {[]string{"one\ntwo"}, []string{"one", "two"}},
		"colours":                  {[]string{"\x1b[0;1;31mfailed\x1b[0m \x1b]x\n"}, []string{"failed x"}},
		"a drawn screen":           {[]string{"\x1b[2J\x1b[01;01HBdsDxe: one\x1b[02;01HBdsDxe: two\n"}, []string{"BdsDxe: one", "BdsDxe: two"}},
		"bytes that are no text":   {[]string{"a\xff\x00b\n"}, []string{"a?b"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			lines, log := pump(t, 0, test.parts...)
			if diff := cmp.Diff(test.want, lines); diff != "" {
				t.Error(diff)
			}
			if want := strings.Join(test.parts, ""); log != want {
				t.Errorf("log %q, want %q", log, want)
			}
		})
	}
}

func TestSerialPromptIsSeen(t *testing.T) {
	lines, _ := pump(t, promptAfter+200*time.Millisecond, "BusyBox\n(initramfs) ", "exit\n")
	want := []string{"BusyBox", "(initramfs)", "(initramfs) exit"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

func TestSerialEndlessLine(t *testing.T) {
	lines, _ := pump(t, 0, strings.Repeat("x", 3*maxSerialLine)+"\nend\n")
	for _, l := range lines {
		if len(l) > maxSerialLine {
			t.Errorf("a line of %d bytes", len(l))
		}
	}
	if lines[len(lines)-1] != "end" {
		t.Errorf("the last line is %q", lines[len(lines)-1])
	}
}
