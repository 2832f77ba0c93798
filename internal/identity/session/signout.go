package session

import (
	"time"

	"nhos.org/nhos/internal/identity/spine"
)

// A logout is a session that the server is still to be told the end of. Its ticket is given to nobody.
type logout struct {
	login spine.Login
	until time.Time // then it is given up: the server ends the session itself in the end
	next  time.Time // when it is tried again; zero while it is being tried
	pause time.Duration
}

// end ends the session. Those who wait are answered with err, unless it is nil: then they are served by the next one.
// The server is told unless it is what ended it.
func (m *machine) end(why string, err error, tellServer bool) {
	m.forget(tellServer)
	if m.attempt != nil && (m.attempt.resumes || m.attempt.step == selecting) {
		m.drop()
	}
	m.say("%s", why)
	if err != nil && m.attempt == nil {
		m.refuse(err)
	}
}

// forget takes the session out of the machine: from here on its ticket is given to nobody.
func (m *machine) forget(tellServer bool) {
	s := m.live
	m.live = nil
	m.closeRolePrompt()
	if s.choice != nil {
		m.do(cancel{s.choice.op})
		if s.choice.ask != 0 {
			m.do(answer{s.choice.ask, nil, ErrSignedOut})
		}
	}
	if s.check != 0 {
		m.do(cancel{s.check})
	}
	if tellServer {
		m.signingOut = m.logOut(s.login)
	} else {
		s.login.Ticket.Wipe()
	}
}

// logOut tells the server that a session is over, and again until it hears.
func (m *machine) logOut(login spine.Login) uint64 {
	op := m.operation()
	m.logouts[op] = &logout{login: login, until: m.now.Add(m.settings.LogoutFor), pause: logoutPause}
	m.do(logOut{op, lend(login)})
	return op
}

func (in loggedOut) tell(m *machine) {
	l := m.logouts[in.op]
	if l == nil {
		return
	}
	if m.signingOut == in.op {
		// What follows a first failure is done in the background: the card's next holder doesn't wait for it.
		m.signingOut = 0
	}
	switch {
	case in.err == nil || gone(in.err):
		m.say("the Spine ended the session of %s", l.login.UID)
	case !m.now.Before(l.until) || m.ending:
		m.say("the Spine couldn't be told that the session of %s is over; it ends there by itself", l.login.UID)
	default:
		if l.next.IsZero() && l.pause == logoutPause {
			m.say("%s", m.fail("telling the Spine that the session is over (it is tried again)", in.err))
		}
		l.next = m.now.Add(l.pause)
		l.pause = min(2*l.pause, logoutPauseMax)
		return
	}
	l.login.Ticket.Wipe()
	delete(m.logouts, in.op)
}

// retry tries the logouts again whose pause is over.
func (m *machine) retry() {
	for op, l := range m.logouts {
		if !l.next.IsZero() && !m.now.Before(l.next) {
			l.next = time.Time{}
			m.do(logOut{op, lend(l.login)})
		}
	}
}

func (in leaveNow) tell(m *machine) {
	if m.attempt != nil {
		m.drop()
		m.refuse(ErrSignedOut)
	}
	if m.live != nil {
		m.end("signed out", ErrSignedOut, true)
	}
	m.do(answer{in.id, nil, nil})
}

func (ends) tell(m *machine) {
	m.ending = true
	if m.attempt != nil {
		m.drop()
	}
	m.refuse(ErrClosed)
	if m.live != nil {
		m.end("the agent is ending", nil, true)
	}
	for _, l := range m.logouts {
		if !l.next.IsZero() {
			l.next = m.now // one more time
		}
	}
}
