package session

import (
	"errors"
	"strings"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
)

// Why no ticket is given out, or an attempt ends.
var (
	ErrNoReader     = errors.New("there is no smartcard reader")
	ErrNoCard       = errors.New("there is no card in the reader")
	ErrCancelled    = errors.New("the person cancelled")
	ErrNotSignedIn  = errors.New("nobody is signed in")
	ErrLocked       = errors.New("the session is locked")
	ErrOtherPerson  = errors.New("the locked session belongs to another card")
	ErrCardLocked   = errors.New("the card is locked: too many wrong passcodes")
	ErrLastTry      = card.ErrLastTry
	ErrSessionEnded = errors.New("the session has ended at the server")
	ErrSignedOut    = errors.New("the session was ended")
	ErrNoSuchRole   = errors.New("the person has no such role")
	ErrBusy         = errors.New("another request of this kind is under way")
	ErrNoSuchCard   = errors.New("that card is not in a reader")
	ErrWhichCard    = errors.New("there are several cards")
	ErrWrongPerson  = errors.New("the server signed in somebody other than the card's holder")
	ErrSlept        = errors.New("the computer went to sleep")
	ErrClosed       = errors.New("the agent is ending")
)

// Failure says at which step an attempt failed. Its text is free of secrets, whatever the cause's own text holds.
type Failure struct {
	Step string
	Err  error
	text string
}

func (f *Failure) Error() string { return f.text }

// Unwrap gives the cause, for decisions only: its text may come from a server.
func (f *Failure) Unwrap() error { return f.Err }

// fail makes a Failure of err with these secrets cut out of its text.
func fail(step string, err error, secrets ...*secret.Text) *Failure {
	return &Failure{Step: step, Err: err, text: redact(step+": "+err.Error(), secrets...)}
}

// fail is a Failure without any secret that the machine holds.
func (m *machine) fail(step string, err error) *Failure {
	var held []*secret.Text
	if m.live != nil {
		held = append(held, m.live.login.Ticket)
	}
	if m.attempt != nil {
		held = append(held, m.attempt.passcode)
	}
	for _, l := range m.logouts {
		held = append(held, l.login.Ticket)
	}
	return fail(step, err, held...)
}

// redact is the last resort against a text from outside that repeats a secret: no part of the agent puts one in.
func redact(text string, secrets ...*secret.Text) string {
	for _, s := range secrets {
		if s.Len() > 0 {
			text = strings.ReplaceAll(text, string(s.Reveal()), s.String())
		}
	}
	return text
}
