package ticket

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
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
