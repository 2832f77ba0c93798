package session

import (
	"errors"
	"fmt"

	"nhos.org/nhos/internal/identity/card"
)

// askWhichCard asks for one of the cards that can sign somebody in.
func (m *machine) askWhichCard() {
	q := &Question{Kind: AskWhichCard, Text: "There are several cards. Which one signs in?"}
	m.attempt.options = nil
	for _, c := range m.usable() {
		q.Options = append(q.Options, fmt.Sprintf("%s in %s", m.people[c.ID].UID, m.readerOf(c.ID)))
		m.attempt.options = append(m.attempt.options, c.ID)
	}
	m.attempt.step, m.attempt.question = askingWhichCard, q
}

func (m *machine) readerOf(id card.ID) string {
	for _, r := range m.readers {
		if r.Card != nil && r.Card.ID == id {
			return r.Name
		}
	}
	return ""
}

// askPasscode asks for the passcode of the attempt's card, after why says what was wrong with the last one.
func (m *machine) askPasscode(why string) {
	at := m.attempt
	c, _ := m.card(at.card)
	left := m.triesLeft(c)
	q := &Question{Error: why, TriesLeft: left, Min: c.MinPasscode, Max: c.MaxPasscode}
	switch {
	case left == 0:
		m.abort(ErrCardLocked)
		return
	case left == 1 && !at.lastTryOK:
		q.Kind, at.step = AskLastTry, askingLastTry
		q.Text = "One try is left. After another wrong passcode the card is locked until somebody unlocks it for you. Try it?"
	case c.PasscodePad && m.settings.UsePad && !m.noPad[c.ID]:
		at.step, at.question = typingAtReader, nil
		m.say("the passcode is typed at the reader")
		m.authenticate()
		return
	default:
		q.Kind, at.step = AskPasscode, askingPasscode
		q.Text = fmt.Sprintf("Passcode of the smartcard of %s", at.holder.UID)
		if at.resumes {
			q.Text += ", to resume the session"
		}
	}
	at.question = q
}

func (in promptDone) tell(m *machine) {
	if m.prompt == nil || m.prompt.id != in.id {
		in.reply.Passcode.Wipe()
		return
	}
	closing, role := m.prompt.closing, m.prompt.role
	m.prompt = nil
	if role {
		in.reply.Passcode.Wipe()
		if !closing {
			m.roleAnswered(in)
		}
		return
	}
	at := m.attempt
	if closing || at == nil || at.question == nil {
		in.reply.Passcode.Wipe()
		return
	}
	kind := at.question.Kind
	at.question = nil
	switch {
	case errors.Is(in.err, ErrCancelled):
		in.reply.Passcode.Wipe()
		m.abort(ErrCancelled)
	case in.err != nil:
		in.reply.Passcode.Wipe()
		m.abort(m.fail("asking for the passcode", in.err))
	case kind == AskWhichCard:
		if in.reply.Choice < 0 || in.reply.Choice >= len(at.options) {
			m.abort(ErrCancelled)
			return
		}
		at.card = at.options[in.reply.Choice]
		at.holder = m.people[at.card].Holder
		m.askPasscode("")
	case kind == AskLastTry:
		if !in.reply.Yes {
			m.abort(ErrCancelled)
			return
		}
		at.lastTryOK = true
		m.askPasscode("")
	default:
		m.takePasscode(in)
	}
}

// takePasscode goes on with what was typed. What is too short or too long isn't shown to the card.
func (m *machine) takePasscode(in promptDone) {
	at := m.attempt
	c, _ := m.card(at.card)
	if !fits(c, in.reply.Passcode.Len()) {
		in.reply.Passcode.Wipe()
		m.askPasscode((&card.PasscodeError{Left: m.triesLeft(c), Length: true}).Error())
		return
	}
	at.passcode = in.reply.Passcode
	m.authenticate()
}

// usePasscode goes on with the passcode that a brings. It is tried once, and the last try only where a allows it.
func (m *machine) usePasscode(a *ask) {
	at := m.attempt
	c, _ := m.card(at.card)
	at.question, at.brought, at.asked = nil, true, true
	at.lastTryOK = at.lastTryOK || a.lastTry
	switch {
	case m.triesLeft(c) == 1 && !at.lastTryOK:
		m.abort(ErrLastTry)
	case !fits(c, a.passcode.Len()):
		m.abort(m.fail("checking the passcode", &card.PasscodeError{Left: m.triesLeft(c), Length: true}))
	default:
		at.passcode = a.passcode
		a.passcode = nil
		m.authenticate()
	}
}

func fits(c card.Card, length int) bool {
	return length > 0 && length >= c.MinPasscode && (c.MaxPasscode <= 0 || length <= c.MaxPasscode)
}
