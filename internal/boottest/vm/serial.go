package vm

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"time"
)

const (
	maxSerialLog  = 64 << 20 // bytes kept of a guest that never stops talking
	maxSerialLine = 4 << 10
	// promptAfter is how long an unfinished line stays unseen.
	promptAfter = 500 * time.Millisecond
)

var (
	// A firmware draws its screen on the serial port too: moving the cursor is what begins a line there.
	cursorMove = regexp.MustCompile(`\x1b\[[0-9;]*[Hf]`)
	control    = regexp.MustCompile(`\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][0-9A-B]|\x1b.|[\x00-\x08\x0b-\x1f\x7f]`)
)

// pumpSerial copies the serial port to log and its lines to each, until the port closes.
func pumpSerial(conn net.Conn, log io.Writer, each func(string)) {
	var (
		pending []byte
		shown   int // length of pending when it was last handed over
		kept    int
		buf     = make([]byte, 32<<10)
	)
	for {
		if len(pending) > shown {
			_ = conn.SetReadDeadline(time.Now().Add(promptAfter))
		} else {
			_ = conn.SetReadDeadline(time.Time{})
		}
		n, err := conn.Read(buf)
		if part := buf[:min(n, maxSerialLog-kept)]; len(part) > 0 {
			_, _ = log.Write(part) // a full disk shows itself when the result is written
			kept += len(part)
		}
		pending = append(pending, buf[:n]...)
		for {
			end := bytes.IndexByte(pending, '\n')
			if end < 0 && len(pending) < maxSerialLine {
				break
			}
			if end < 0 || end > maxSerialLine {
				end = maxSerialLine - 1
			}
			handOver(pending[:end+1], each)
			pending, shown = append(pending[:0], pending[end+1:]...), 0
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			handOver(pending, each)
			shown = len(pending)
		case err != nil:
			if len(pending) > shown {
				handOver(pending, each)
			}
			return
		}
	}
}

// handOver gives each the readable lines of what came over the port.
func handOver(raw []byte, each func(string)) {
	text := cursorMove.ReplaceAllString(strings.ToValidUTF8(string(raw), "?"), "\n")
	for line := range strings.Lines(control.ReplaceAllString(text, "")) {
		if line = strings.TrimSpace(line); line != "" {
			each(line)
		}
	}
}
