package session

import (
	"fmt"
	"time"
)

// lock keeps the session and its ticket to itself until the passcode is typed.
func (m *machine) lock(why string) {
	s := m.live
	if s == nil || s.locked {
		return
	}
	s.locked = true
	m.closeRolePrompt()
	if c := s.choice; c != nil {
		// The server may have heard of it or not: the person chooses again.
		s.choice, s.role = nil, nil
		m.do(cancel{c.op})
		if c.ask != 0 {
			m.do(answer{c.ask, nil, ErrLocked})
		}
	}
	if m.attempt != nil {
		m.drop()
	}
	m.refuse(ErrLocked)
	m.say("%s", why)
}

func (in lockNow) tell(m *machine) {
	if m.live == nil {
		m.do(answer{in.id, nil, ErrNotSignedIn})
		return
	}
	m.lock("locked by the person")
	m.do(answer{in.id, nil, nil})
}

func (screenLocks) tell(m *machine) {
	m.screenLocked = true
	m.closeRolePrompt()
	if m.settings.Mode == Enhanced {
		m.lock("the screen was locked")
	}
	if at := m.attempt; at != nil && (at.step.asks() || m.settings.Mode == Enhanced) {
		// A prompt behind a locked screen is seen by nobody; and a passcode that was typed before it was locked is no proof
		// of who unlocks it.
		m.abort(fmt.Errorf("the screen was locked: %w", ErrLocked))
	}
	if m.attempt == nil {
		// Who waits for an earlier session's end isn't asked either, and a passcode that was brought isn't kept for later.
		m.refuse(fmt.Errorf("the screen was locked: %w", ErrLocked), m.needsAttempt)
	}
}

func (screenUnlocks) tell(m *machine) {
	m.screenLocked = false
	m.askBack()
}

func (sleeps) tell(m *machine) {
	m.asleep = true
	m.closeRolePrompt()
	if m.attempt != nil {
		m.abort(ErrSlept)
	}
	m.refuse(ErrSlept, m.needsAttempt)
	if m.settings.Mode == Enhanced {
		m.lock("the computer went to sleep")
	}
}

func (wakes) tell(m *machine) {
	m.asleep = false
	if m.live != nil {
		m.live.checked = time.Time{} // much may have happened: the server is asked at the next use
	}
	m.askBack()
}

// askBack offers to resume, once, to the person whose session was locked along with the screen.
func (m *machine) askBack() {
	if m.settings.Mode == Enhanced && m.live != nil && m.live.locked && m.live.card != "" && m.attempt == nil {
		m.owed = m.live.card
	}
}
