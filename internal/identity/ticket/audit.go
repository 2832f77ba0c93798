package ticket

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
)

// Record is one line of the audit: which program asked for what, and what came of it. It holds nothing secret.
type Record struct {
	Time    time.Time `json:"time"`
	Method  Method    `json:"method"`
	Result  string    `json:"result"`           // a code's name
	Person  string    `json:"person,omitempty"` // uid of who is signed in
	Program Program   `json:"program"`
}

// Audit keeps records.
type Audit interface{ Keep(r Record) error }

// MessageID is by which the audit's records are found: journalctl --user MESSAGE_ID=….
const MessageID = "3d3a7c5be1c84f7a9c6f0b6a3f1f6b52"

// Journal keeps records in systemd's journal.
type Journal struct{}

// Keep sends a record to journald.
func (Journal) Keep(r Record) error {
	priority := journal.PriInfo
	if r.Result != Success.String() {
		priority = journal.PriNotice
	}
	err := journal.Send(r.String(), priority, map[string]string{
		"MESSAGE_ID":        MessageID,
		"SYSLOG_IDENTIFIER": "nhos-identityd",
		"IDENTITY_METHOD":   string(r.Method),
		"IDENTITY_RESULT":   r.Result,
		"IDENTITY_PERSON":   r.Person,
		"IDENTITY_PID":      strconv.Itoa(r.Program.PID),
		"IDENTITY_EXE":      r.Program.Executable,
		"IDENTITY_UNIT":     r.Program.Unit,
		"IDENTITY_CGROUP":   r.Program.Cgroup,
	})
	if err != nil {
		return fmt.Errorf("writing the audit to the journal: %w", err)
	}
	return nil
}

// String is a record for people.
func (r Record) String() string {
	program := r.Program.Executable
	if program == "" {
		program = "a program that can't be named"
	}
	if r.Program.Unit != "" {
		program += " of " + r.Program.Unit
	}
	return fmt.Sprintf("%s by %s (pid %d): %s", r.Method, program, r.Program.PID, r.Result)
}

// Lines keeps records as lines of JSON in w, where there is no journal.
type Lines struct {
	mu sync.Mutex
	W  io.Writer
}

// Keep writes a line.
func (l *Lines) Keep(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.W.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing the audit: %w", err)
	}
	return nil
}

// NewAudit is the journal, or w where none runs.
func NewAudit(w io.Writer) Audit {
	if journal.Enabled() {
		return Journal{}
	}
	return &Lines{W: w}
}
