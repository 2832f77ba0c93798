package ticket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/identity/transcript"
)

// journald is the socket of one; it reads when it is asked to.
func journald(t *testing.T) (path string, c *net.UnixConn) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "socket")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return path, c
}

// fields reads the next entry. A field that comes twice has both values.
func fields(t *testing.T, c *net.UnixConn) map[string]string {
	t.Helper()
	datagram := make([]byte, 64<<10)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := c.Read(datagram)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for rest := datagram[:n]; len(rest) > 0; {
		name, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok || len(after) < 9 {
			t.Fatalf("the entry ends in %q", rest)
		}
		size := binary.LittleEndian.Uint64(after)
		if uint64(len(after)) < 8+size+1 || after[8+size] != '\n' {
			t.Fatalf("%s: a value of %d bytes in %q", name, size, after)
		}
		all[string(name)] += string(after[8 : 8+size])
		rest = after[8+size+1:]
	}
	return all
}

func TestJournalEntry(t *testing.T) {
	path, c := journald(t)
	evil := "/tmp/a\nIDENTITY_RESULT=SUCCESS\nb"
	r := ticket.Record{
		Method: ticket.GetTicket, Result: "TICKET_NOT_AVAILABLE", Person: "555000000001",
		Program: ticket.Program{UID: 1000, PID: 77, Executable: evil, Unit: "records.service", Cgroup: "/user.slice/records.service"},
	}
	if err := (ticket.Journal{Socket: path}).Keep(r); err != nil {
		t.Fatal(err)
	}
	got := fields(t, c)
	for name, want := range map[string]string{
		"MESSAGE_ID": ticket.MessageID, "PRIORITY": "5", "SYSLOG_IDENTIFIER": "nhos-identityd",
		"MESSAGE":         "GetTicket by " + evil + " of records.service (pid 77): TICKET_NOT_AVAILABLE",
		"IDENTITY_METHOD": "GetTicket", "IDENTITY_RESULT": "TICKET_NOT_AVAILABLE", "IDENTITY_PERSON": "555000000001",
		"IDENTITY_PID": "77", "IDENTITY_EXE": evil, "IDENTITY_UNIT": "records.service", "IDENTITY_CGROUP": "/user.slice/records.service",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, not %q", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("and there is %q", got)
	}
}

// fill sends records that nobody reads, until one isn't taken any more, and gives how long that one took and its error.
func fill(t *testing.T, j ticket.Journal) (time.Duration, error) {
	t.Helper()
	for range 10_000 { // the kernel's queue is of net.unix.max_dgram_qlen, and bounded in bytes
		began := time.Now()
		if err := j.Keep(ticket.Record{Method: ticket.GetTicket, Result: "SUCCESS"}); err != nil {
			return time.Since(began), err
		}
	}
	t.Fatal("10,000 records that nobody reads were taken")
	return 0, nil
}

// TestJournalHangs has a journald that reads nothing: no record waits longer than it may, and those who wait are told
// when it reads again.
func TestJournalHangs(t *testing.T) {
	path, c := journald(t)
	took, err := fill(t, ticket.Journal{Socket: path, Time: 200 * time.Millisecond})
	if !errors.Is(err, os.ErrDeadlineExceeded) || took < 200*time.Millisecond || took > 5*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	patient := make(chan error)
	go func() {
		patient <- ticket.Journal{Socket: path, Time: time.Minute}.Keep(ticket.Record{Method: ticket.Lock, Result: "SUCCESS"})
	}()
	select {
	case err := <-patient:
		t.Fatalf("nobody reads, and a record is taken: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	for {
		got := fields(t, c)
		if got["IDENTITY_METHOD"] == "Lock" {
			break
		}
	}
	if err := <-patient; err != nil {
		t.Error(err)
	}
}

// TestAnswerWhileJournalHangs has programs answered all the same; the record is in the log then.
func TestAnswerWhileJournalHangs(t *testing.T) {
	socket, _ := journald(t)
	j := ticket.Journal{Socket: socket, Time: 200 * time.Millisecond}
	_, _ = fill(t, j)
	path := filepath.Join(t.TempDir(), "agent.socket")
	l, err := ticket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	var log transcript.Buffer
	server := &ticket.Server{Sessions: &sessions{}, Audit: j, Log: slog.New(slog.NewTextHandler(&log, nil)), UID: os.Getuid()}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- server.Serve(ctx, l) }()
	const programs = 20
	answers := make(chan error)
	began := time.Now()
	for range programs {
		c := dial(t, path)
		go func() {
			a, err := c.Call(ctx, ticket.Request{Method: ticket.GetTicket})
			if err == nil && string(a.Ticket.Reveal()) != token {
				err = fmt.Errorf("the ticket is %d bytes", a.Ticket.Len())
			}
			answers <- err
		}()
	}
	for range programs {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(began); took > 3*time.Second { // one after the other it would be four
		t.Errorf("%d programs were answered after %v", programs, took)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := log.String(); strings.Count(s, "GetTicket by ") != programs || strings.Contains(s, "AQIC5") {
		t.Errorf("the log is\n%s", s)
	}
}

func TestNoJournal(t *testing.T) {
	err := ticket.Journal{Socket: filepath.Join(t.TempDir(), "socket")}.Keep(ticket.Record{})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "writing the audit to the journal") {
		t.Error(err)
	}
}
