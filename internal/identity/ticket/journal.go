package ticket

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// MessageID is by which the audit's records are found: journalctl --user MESSAGE_ID=….
const MessageID = "3d3a7c5be1c84f7a9c6f0b6a3f1f6b52"

const (
	// journalSocket is where journald takes entries in its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
	journalSocket = "/run/systemd/journal/socket"
	// journalTime bounds how long a record, and so a program's answer, waits for a journald that hangs.
	journalTime = 2 * time.Second
)

// Priorities of the journal, which are syslog's.
const (
	priorityNotice = 5
	priorityInfo   = 6
)

// Journal keeps records in systemd's journal. The zero value is the computer's own.
type Journal struct {
	Socket string        // journald's; "" is where it always is
	Time   time.Duration // how long a record waits for a journald that doesn't read; 0 is two seconds
}

// Keep sends a record to journald. One that isn't taken in time gives os.ErrDeadlineExceeded.
func (j Journal) Keep(r Record) error {
	if err := j.send(entry(r)); err != nil {
		return fmt.Errorf("writing the audit to the journal: %w", err)
	}
	return nil
}

// send hands an entry over, by a socket of its own: a shared one would have one deadline for all who write at once, and
// would have to be made anew where journald's is.
func (j Journal) send(entry []byte) error {
	c, err := j.dial()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	limit := j.Time
	if limit == 0 {
		limit = journalTime
	}
	if err := c.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err = c.Write(entry)
	return err
}

func (j Journal) dial() (*net.UnixConn, error) {
	path := j.Socket
	if path == "" {
		path = journalSocket
	}
	return net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
}

// entry is a record in the journal's native protocol. Each value goes with its length: the path of a program may have
// any byte but 0 in it, a line's end too, and must not become a field of its own.
func entry(r Record) []byte {
	priority := priorityInfo
	if r.Result != Success.String() {
		priority = priorityNotice
	}
	var b []byte
	for _, field := range []struct{ name, value string }{
		{"MESSAGE", r.String()},
		{"MESSAGE_ID", MessageID},
		{"PRIORITY", strconv.Itoa(priority)},
		{"SYSLOG_IDENTIFIER", "nhos-identityd"},
		{"IDENTITY_METHOD", string(r.Method)},
		{"IDENTITY_RESULT", r.Result},
		{"IDENTITY_PERSON", r.Person},
		{"IDENTITY_PID", strconv.Itoa(r.Program.PID)},
		{"IDENTITY_EXE", r.Program.Executable},
		{"IDENTITY_UNIT", r.Program.Unit},
		{"IDENTITY_CGROUP", r.Program.Cgroup},
	} {
		b = append(b, field.name...)
		b = append(b, '\n')
		b = binary.LittleEndian.AppendUint64(b, uint64(len(field.value)))
		b = append(b, field.value...)
		b = append(b, '\n')
	}
	return b
}

// NewAudit is the journal, or w where none runs.
func NewAudit(w io.Writer) Audit {
	c, err := Journal{}.dial()
	if err != nil {
		return &Lines{W: w}
	}
	_ = c.Close()
	return Journal{}
}
