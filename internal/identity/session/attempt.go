package session

import (
	"errors"
	"fmt"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/spine"
)

// attemptStep is how far an attempt is.
type attemptStep int

const (
	askingWhichCard attemptStep = iota
	askingLastTry
	askingPasscode
	typingAtReader // the reader has keys of its own
	activating
	signing
	validating
	selecting // the role, at the end of a sign-in
)

// asks says whether a person is being asked.
func (s attemptStep) asks() bool { return s <= typingAtReader }

// An attempt is one try to sign in, or to prove that the person of a locked session is there.
type attempt struct {
	step     attemptStep
	op       uint64    // under way, or 0
	question *Question // to be asked, or being asked
	options  []card.ID // of a question which card

	card    card.ID
	holder  Holder
	resumes bool // a locked session; nothing is asked of the server
	asked   bool // by a program or a person, not by a card that came

	passcode  *secret.Text // typed and not yet used
	brought   bool         // the passcode came with the ask: one try, no question
	lastTryOK bool
	role      string // to choose
	challenge spine.Challenge
	content   []byte // that is signed
}

// begin starts an attempt for a, or says why there can be none.
func (m *machine) begin(a *ask) error {
	if err := m.reachable(); err != nil {
		return err
	}
	m.lookAgain()
	c, resumes, err := m.pick(a)
	if err != nil && !errors.Is(err, ErrWhichCard) {
		return err
	}
	if err != nil && a.passcode != nil {
		return err
	}
	m.problem = ""
	m.closeRolePrompt() // it comes back if nobody signs in anew
	m.attempt = &attempt{asked: a.id != 0, resumes: resumes, lastTryOK: a.lastTry, role: a.role}
	if err != nil {
		m.askWhichCard()
		return nil
	}
	m.attempt.card, m.attempt.holder = c.ID, m.people[c.ID].Holder
	if a.passcode != nil {
		m.usePasscode(a)
	} else {
		m.askPasscode("")
	}
	return nil
}

// reachable says why nobody can be asked, or no card be used.
func (m *machine) reachable() error {
	switch {
	case m.asleep:
		return ErrSlept
	case m.screenLocked:
		return fmt.Errorf("the screen is locked: %w", ErrLocked)
	case m.broken != nil:
		return m.fail("looking for a card", m.broken)
	case len(m.readers) == 0:
		return ErrNoReader
	case len(m.cards()) == 0:
		return ErrNoCard
	}
	return nil
}

// pick finds the card that is meant, and whether it resumes the session that is locked. ErrWhichCard leaves the choice
// to the person.
func (m *machine) pick(a *ask) (c card.Card, resumes bool, err error) {
	locked := m.live != nil && m.live.locked && a.want != wantFresh
	for _, c := range m.cards() {
		if locked && m.owns(c) && (a.card == "" || a.card == c.ID) {
			return c, true, m.unusable(c)
		}
	}
	usable := m.usable()
	switch {
	case locked && a.want != wantSignIn:
		// Another card ends the session that is locked only where its holder says so.
		return c, false, ErrOtherPerson
	case a.card != "" && (a.id != 0 || len(usable) < 2): // named, or just come
		c, ok := m.card(a.card)
		if !ok {
			return c, false, ErrNoSuchCard
		}
		return c, false, m.unusable(c)
	case m.live != nil && m.live.card != "":
		if c, ok := m.card(m.live.card); ok {
			return c, false, m.unusable(c)
		}
	}
	switch len(usable) {
	case 0:
		c = m.cards()[0]
		return c, false, m.unusable(c)
	case 1:
		return usable[0], false, nil
	}
	return c, false, ErrWhichCard
}

// usable are the cards that can sign somebody in.
func (m *machine) usable() (list []card.Card) {
	for _, c := range m.cards() {
		if m.unusable(c) == nil {
			list = append(list, c)
		}
	}
	return list
}

// unusable says why a card signs nobody in.
func (m *machine) unusable(c card.Card) error {
	if err := m.people[c.ID].err; err != nil {
		return err
	}
	if m.triesLeft(c) == 0 {
		return ErrCardLocked
	}
	return nil
}

// owns says whether the session was made by this very card's certificate. The uid alone proves nothing: anybody can
// make a card with any name on it, and only the server tells true ones.
func (m *machine) owns(c card.Card) bool {
	return string(m.people[c.ID].Certificate.DER) == string(m.live.holder.Certificate.DER)
}

// abort ends the attempt and answers all who wait.
func (m *machine) abort(err error) {
	m.drop()
	if !errors.Is(err, ErrCancelled) {
		m.problem = err.Error()
	}
	m.say("%s", err)
	m.refuse(err)
}

// drop ends the attempt, and whatever is under way for it.
func (m *machine) drop() {
	at := m.attempt
	m.attempt = nil
	at.passcode.Wipe()
	switch {
	case at.op == 0:
	case at.step == validating:
		// The server may have made the session already: its ticket is waited for, so that it can be told of the end.
		m.unwanted[at.op] = true
	default:
		m.do(cancel{at.op})
	}
	m.closePrompt()
}

func (m *machine) closePrompt() {
	if m.prompt != nil && !m.prompt.closing {
		m.prompt.closing = true
		m.do(closePrompt{m.prompt.id})
	}
}
