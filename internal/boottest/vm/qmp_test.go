package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const greeting = `{"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}`

// serve plays QEMU: greets, takes the capabilities, and then answers each command with what reply makes of it.
func serve(t *testing.T, reply func(command string, id int) string) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
	go func() {
		say := func(line string) { _, _ = io.WriteString(theirs, line) }
		say(greeting + "\n")
		in := bufio.NewScanner(theirs)
		for in.Scan() {
			var m struct {
				Execute string
				ID      int
			}
			if err := json.Unmarshal(in.Bytes(), &m); err != nil {
				t.Errorf("not JSON: %s", in.Text())
				return
			}
			if m.Execute == "qmp_capabilities" {
				say(fmt.Sprintf(`{"return": {}, "id": %d}`+"\n", m.ID))
				continue
			}
			answer := reply(m.Execute, m.ID)
			if answer == "" {
				_ = theirs.Close()
				return
			}
			say(answer)
		}
	}()
	return ours
}

func talk(t *testing.T, reply func(string, int) string) *qmp {
	t.Helper()
	q, err := newQMP(t.Context(), serve(t, reply))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestQMPAnswersByID(t *testing.T) {
	q := talk(t, func(_ string, id int) string {
		return `{"timestamp": {"seconds": 1}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}` + "\n" +
			"this is not JSON\n" +
			`{"return": {"status": "stranger"}, "id": 4711}` + "\n" +
			fmt.Sprintf(`{"return": {"status": "running"}, "id": %d}`+"\n", id)
	})
	var answer struct{ Status string }
	if err := q.execute(t.Context(), "query-status", nil, &answer); err != nil || answer.Status != "running" {
		t.Errorf("status %q, error %v", answer.Status, err)
	}
	e := <-q.events
	if e.Name != "SHUTDOWN" || e.Reason != "guest-reset" || !e.Guest || time.Since(e.At) > time.Minute {
		t.Errorf("event %+v", e)
	}
}

func TestQMPTellsQEMUsError(t *testing.T) {
	q := talk(t, func(_ string, id int) string {
		return fmt.Sprintf(`{"error": {"class": "GenericError", "desc": "no such thing"}, "id": %d}`+"\n", id)
	})
	err := q.execute(t.Context(), "screendump", nil, nil)
	if err == nil || err.Error() != "screendump: QEMU says: no such thing" {
		t.Errorf("error %v", err)
	}
}

func TestQMPEndsWithTheConnection(t *testing.T) {
	q := talk(t, func(string, int) string { return "" })
	for range 2 { // the one who waits is told, and who comes later too
		if err := q.execute(t.Context(), "query-status", nil, nil); err == nil {
			t.Error("no error")
		}
	}
	if _, open := <-q.events; open {
		t.Error("the events go on")
	}
}

func TestQMPDoesNotTakeEndlessLines(t *testing.T) {
	q := talk(t, func(string, int) string { return strings.Repeat("x", maxQMPLine+1) })
	if err := q.execute(t.Context(), "query-status", nil, nil); !errors.Is(err, errGone) {
		t.Errorf("error %v", err)
	}
}

func TestQMPStopsWaitingWithTheContext(t *testing.T) {
	q := talk(t, func(string, int) string { return "\n" })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := q.execute(ctx, "query-status", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if len(q.waiting) != 0 {
		t.Error("it is still waited for")
	}
}

func TestQMPWithoutGreeting(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _ = ours.Close(); _ = theirs.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := newQMP(ctx, ours); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}
