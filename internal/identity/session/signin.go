package session

import (
	"errors"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/spine"
)

// authenticate goes on where the passcode is known, or is typed at the reader. The card sees it only once the server
// has given a challenge: a network that fails must not cost a try.
func (m *machine) authenticate() {
	at := m.attempt
	at.op = m.operation()
	if at.resumes {
		at.content = m.nonce()
		m.sign(card.SHA256)
		return
	}
	if at.step != typingAtReader {
		at.step = activating
	}
	m.do(activate{at.op})
}

func (in activated) tell(m *machine) {
	at := m.attempt
	if at == nil || at.op != in.op {
		return
	}
	if in.err != nil {
		m.abort(m.fail("asking the Spine for a challenge", in.err))
		return
	}
	at.op = m.operation()
	at.challenge, at.content = in.challenge, in.challenge.Bytes
	m.sign(m.settings.Digest)
}

// sign has the card sign the attempt's content. The passcode goes along and is this machine's no more.
func (m *machine) sign(digest card.Digest) {
	at := m.attempt
	if at.step != typingAtReader {
		at.step = signing
	}
	m.do(sign{at.op, card.SignRequest{
		Card: at.card, KeyID: at.holder.Certificate.KeyID, Passcode: at.passcode, LastTry: at.lastTryOK, Digest: digest, Content: at.content,
	}})
	at.passcode = nil
}

func (in signed) tell(m *machine) {
	at := m.attempt
	if at == nil || at.op != in.op {
		return
	}
	at.op = 0
	var wrong *card.PasscodeError
	switch {
	case errors.As(in.err, &wrong):
		m.wrongPasscode(wrong)
		return
	case errors.Is(in.err, card.ErrNoPad) && at.step == typingAtReader:
		m.noPad[at.card] = true
		m.askPasscode(card.ErrNoPad.Error())
		return
	case errors.Is(in.err, ErrLastTry):
		m.lastTryLeft()
		return
	case in.err != nil:
		m.abort(m.fail("signing with the card", in.err))
		return
	}
	delete(m.tries, at.card)
	if at.resumes {
		m.resume(in.signature)
		return
	}
	at.op, at.step = m.operation(), validating
	m.do(validate{at.op, at.challenge, at.holder, in.signature})
}

// lastTryLeft is where a card turns out to be on its last try, and wasn't shown the passcode: another program has used the
// others up.
func (m *machine) lastTryLeft() {
	at := m.attempt
	m.tries[at.card] = 1
	if at.brought {
		m.abort(m.fail("signing with the card", ErrLastTry))
		return
	}
	m.askPasscode("")
}

// wrongPasscode asks again where the card allows it and somebody is there to be asked.
func (m *machine) wrongPasscode(err *card.PasscodeError) {
	at := m.attempt
	switch {
	case err.Locked:
		m.tries[at.card] = 0
		m.abort(m.fail("signing with the card", ErrCardLocked))
		return
	case err.Left != card.Unknown && !err.Length:
		m.tries[at.card] = err.Left
	}
	at.lastTryOK = false // whoever allowed it allowed one
	if at.brought || at.step == typingAtReader {
		m.abort(m.fail("signing with the card", err))
		return
	}
	m.askPasscode(err.Error())
}

func (in validated) tell(m *machine) {
	delete(m.unwanted, in.op)
	at := m.attempt
	if at == nil || at.op != in.op {
		// The server made a session that nobody wants any more, for instance because the card was pulled meanwhile.
		if in.err == nil {
			m.logOut(in.login)
		}
		return
	}
	at.op = 0
	switch {
	case in.err != nil:
		m.abort(m.fail("signing in at the Spine", in.err))
	case in.login.UID != at.holder.UID:
		m.logOut(in.login)
		m.abort(m.fail("signing in at the Spine", ErrWrongPerson))
	default:
		m.establish(in.login)
	}
}

// establish begins the session of a login, in place of the one that there was.
func (m *machine) establish(login spine.Login) {
	at := m.attempt
	if m.live != nil {
		m.forget(true)
	}
	m.live = &live{login: login, holder: at.holder, card: at.card, started: m.now, used: m.now, proven: m.now, checked: m.now}
	for _, a := range m.asks {
		if a.want == wantFresh {
			a.want = wantTicket
		}
	}
	m.say("%s signed in", at.holder.UID)
	role := at.role
	if role == "" && len(login.Roles) == 1 {
		role = login.Roles[0].ID
	}
	if role == "" {
		m.live.asks = !at.brought // automation chooses by itself
		m.attempt = nil
		return
	}
	at.step = selecting
	if err := m.choose(0, role); err != nil {
		m.abort(err)
	}
}

// resume unlocks the session, if the signature is by the very key that began it.
func (m *machine) resume(signature []byte) {
	at := m.attempt
	if err := m.verify(m.live.holder, at.content, signature); err != nil {
		m.abort(m.fail("proving the passcode", err))
		return
	}
	m.attempt = nil
	s := m.live
	s.locked, s.card, s.forget = false, at.card, time.Time{}
	s.asks = !at.brought
	s.used, s.proven = m.now, m.now
	m.say("%s resumed the session", s.holder.UID)
}

func gone(err error) bool { return errors.Is(err, ErrSessionEnded) }
