// Package ticket is the agent's first door to other programs: a Unix socket in $XDG_RUNTIME_DIR that gives out the
// ticket, and that the command line speaks through.
//
// A request is one line of JSON, the answer another; a connection may send one request after the other. Whoever hangs
// up takes back what it asked for. Only the person's own programs are heard: the kernel says who is at the other end.
//
//	→ {"id":1,"method":"GetTicket"}
//	← {"id":1,"ticket":"AQIC5…"}
//	→ {"id":2,"method":"GetTicketNoAuth"}
//	← {"id":2,"error":{"code":2148532233,"name":"TICKET_NOT_AVAILABLE","message":"nobody is signed in"}}
//
// Each request that may give out a ticket, or change the session, is audited: which program asked, and what came of it.
package ticket

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/ui"
)

// Method is what a request asks for.
type Method string

// The methods. The first four are those of the Windows agent's ticket API.
const (
	GetTicket       Method = "GetTicket"       // the ticket; who isn't signed in is asked to
	GetTicketNoAuth Method = "GetTicketNoAuth" // the ticket, if somebody is signed in
	GetNewTicket    Method = "GetNewTicket"    // the ticket of a new login
	DestroyTicket   Method = "DestroyTicket"   // signs out
	Roles           Method = "Roles"
	SelectRole      Method = "SelectRole" // role
	Status          Method = "Status"
	Subscribe       Method = "Subscribe" // answers with events until the connection ends
	SignIn          Method = "SignIn"    // card, passcode, lastTry, role: all may be left out
	Lock            Method = "Lock"
)

// Limits of the protocol.
const (
	MaxRequestBytes = 4096
	maxAnswerBytes  = 1 << 20 // 200 roles with long names are far from it
	maxWaitSeconds  = 600
)

// Request is one line from a program.
type Request struct {
	ID      uint64  `json:"id,omitempty"` // comes back with the answer
	Method  Method  `json:"method"`
	Role    string  `json:"role,omitempty"`
	Card    card.ID `json:"card,omitempty"`
	LastTry bool    `json:"lastTry,omitempty"` // the passcode may be tried where a wrong one locks the card
	// WaitSeconds is how long to wait for the person; 0 is as long as there is.
	WaitSeconds int `json:"waitSeconds,omitempty"`
	// Passcode is base64 on the wire. It is for automation; a person is asked by a prompt.
	Passcode *secret.Text `json:"-"`
}

// Answer is one line to a program.
type Answer struct {
	ID     uint64          `json:"id,omitempty"`
	Error  *Error          `json:"error,omitempty"`
	Status *session.Status `json:"status,omitempty"`
	Roles  []spine.Role    `json:"roles,omitempty"`
	Event  *session.Event  `json:"event,omitempty"`
	Ticket *secret.Text    `json:"-"` // a string on the wire
}

// Error is why a request failed.
type Error struct {
	Code    Code   `json:"code"`
	Name    string `json:"name"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// failure makes an Error of any error; nil of nil.
func failure(err error) *Error {
	if err == nil {
		return nil
	}
	code := CodeOf(err)
	return &Error{Code: code, Name: code.String(), Message: err.Error(), Hint: ui.HintOf(err)}
}

// invalid is a request that can't be understood.
func invalid(format string, args ...any) error {
	return &Error{Code: InvalidParameter, Name: InvalidParameter.String(), Message: fmt.Sprintf(format, args...)}
}

// ParseRequest reads a line. It keeps nothing of it: the caller may wipe it.
func ParseRequest(line []byte) (Request, error) {
	var r struct {
		Request
		Passcode []byte `json:"passcode"`
	}
	if len(line) > MaxRequestBytes {
		return Request{}, invalid("the request is longer than %d bytes", MaxRequestBytes)
	}
	err := json.Unmarshal(line, &r)
	if r.Passcode != nil {
		r.Request.Passcode = secret.New(r.Passcode)
	}
	switch {
	case err != nil:
		err = invalid("the request is no line of JSON as it is described: %s", shape(err))
	case r.Method == "":
		err = invalid("the request has no method")
	case !utf8.ValidString(string(r.Method)+r.Role+string(r.Card)) || len(r.Role) > 64 || len(r.Card) > 256:
		err = invalid("the request's texts are too long")
	case r.WaitSeconds < 0 || r.WaitSeconds > maxWaitSeconds:
		err = invalid("waitSeconds is from 0 to %d", maxWaitSeconds)
	}
	if err != nil {
		r.Request.Passcode.Wipe()
		return Request{ID: r.ID}, err
	}
	return r.Request, nil
}

// shape says what is wrong with JSON without repeating any of it.
func shape(err error) string {
	var (
		kind   *json.UnmarshalTypeError
		syntax *json.SyntaxError
	)
	switch {
	case errors.As(err, &kind):
		return fmt.Sprintf("%q is of another type", kind.Field)
	case errors.As(err, &syntax):
		return fmt.Sprintf("at byte %d", syntax.Offset)
	}
	return "it holds a value that can't be read"
}

// appendRequest writes a request as a line. The caller wipes it.
func appendRequest(line []byte, r Request) ([]byte, error) {
	rest, err := json.Marshal(r)
	if err != nil {
		return line, fmt.Errorf("writing a request: %w", err)
	}
	if r.Passcode.Len() == 0 {
		return append(append(line, rest...), '\n'), nil
	}
	line = append(line, `{"passcode":"`...)
	line = appendBase64(line, r.Passcode.Reveal())
	return append(append(append(line, `",`...), rest[1:]...), '\n'), nil
}

// appendAnswer writes an answer as a line. The caller wipes it.
func appendAnswer(line []byte, a Answer) ([]byte, error) {
	rest, err := json.Marshal(a)
	if err != nil {
		return line, fmt.Errorf("writing an answer: %w", err)
	}
	if a.Ticket.Len() == 0 {
		return append(append(line, rest...), '\n'), nil
	}
	line = append(line, `{"ticket":`...)
	line = appendQuoted(line, a.Ticket.Reveal())
	if string(rest) != "{}" {
		line = append(line, ',')
	}
	return append(append(line, rest[1:]...), '\n'), nil
}

// parseAnswer reads a line of the agent's. It keeps nothing of it.
func parseAnswer(line []byte) (Answer, error) {
	var a struct {
		Answer
		Ticket quoted `json:"ticket"`
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return Answer{}, fmt.Errorf("reading the agent's answer: %s", shape(err))
	}
	if a.Ticket != nil {
		a.Answer.Ticket = secret.New(a.Ticket)
	}
	return a.Answer, nil
}
