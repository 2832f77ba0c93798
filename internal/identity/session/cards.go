package session

import (
	"errors"

	"nhos.org/nhos/internal/identity/card"
)

func (in cardsSeen) tell(m *machine) {
	before := m.people
	recovered := m.broken != nil
	m.readers, m.broken = in.readers, nil
	m.people = map[card.ID]person{}
	changed := false
	if recovered {
		m.problem = ""
	}
	for _, c := range m.cards() {
		p, known := before[c.ID]
		if !known {
			p = m.look(c)
			changed = true
			m.problem = ""
			if !m.settings.NoPromptOnInsert {
				m.owed = c.ID
			}
		}
		m.people[c.ID] = p
	}
	for id := range before {
		if _, still := m.people[id]; !still {
			delete(m.tries, id)
			delete(m.noPad, id)
			changed = true
		}
	}
	if _, still := m.people[m.owed]; !still {
		m.owed = ""
	}
	if s := m.live; s != nil && s.card != "" {
		m.follow(recovered)
	}
	switch at := m.attempt; {
	case at == nil:
	case at.card == "" && changed:
		// What was offered is no longer what there is: whoever waits is asked anew.
		m.drop()
		for id := range m.people {
			m.owed = id
		}
	case at.card != "" && at.step != selecting: // then it has done its part
		if _, still := m.people[at.card]; !still {
			m.abort(m.fail("signing in", card.ErrRemoved))
		}
	}
}

// look finds out whom a card signs in.
func (m *machine) look(c card.Card) person {
	if c.Fault != "" {
		return person{err: errors.New(c.Fault)}
	}
	h, err := m.holder(c, m.now)
	if err != nil {
		return person{err: err}
	}
	m.notice(h)
	return person{Holder: h}
}

// lookAgain holds the cards against the present time: a certificate may have ended or begun since its card came, or the
// clock was set right. Whose card it is stays known, also of one that has ended.
func (m *machine) lookAgain() {
	for _, c := range m.cards() {
		p := m.look(c)
		if p.err != nil {
			p.Holder = m.people[c.ID].Holder
		}
		m.people[c.ID] = p
	}
}

// follow sees to the session whose card may have left. A driver that failed meanwhile knows cards by new names: then
// the certificate tells.
func (m *machine) follow(recovered bool) {
	s := m.live
	if _, still := m.people[s.card]; still {
		return
	}
	if recovered {
		for _, c := range m.cards() {
			if m.owns(c) {
				s.card = c.ID
				if m.owed == c.ID {
					m.owed = ""
				}
				return
			}
		}
	}
	m.removed("the card was removed")
}

// removed does what the mode says about a session whose card left.
func (m *machine) removed(why string) {
	s := m.live
	s.card = ""
	switch {
	case m.settings.Mode == Mobility:
		m.say("%s; the session goes on without it", why)
	case m.settings.Mode == Persistent:
		m.lock(why)
	case m.settings.Grace > 0:
		m.lock(why)
		s.forget = m.now.Add(m.settings.Grace)
	default:
		m.end(why, m.fail("keeping the session", card.ErrRemoved), true)
	}
}

func (in cardsFailed) tell(m *machine) {
	if m.broken == nil {
		m.brokeAt = m.now
	}
	m.broken = in.err
	m.problem = in.err.Error()
	if m.attempt != nil {
		m.abort(m.fail("signing in", in.err))
		return
	}
	m.say("%s", in.err)
}
