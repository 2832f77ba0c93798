package session

import (
	"fmt"
	"time"

	"nhos.org/nhos/internal/identity/card"
)

func (timePasses) tell(*machine) {}

// expire does what is due. It is part of every step, so that no input overtakes a deadline that has passed.
func (m *machine) expire() {
	if s := m.live; s != nil {
		switch {
		case due(m.now, m.ends()):
			m.end("the session has lasted as long as the Spine allows", ErrSignedOut, true)
		case due(m.now, s.forget):
			m.end("the card didn't come back", ErrSignedOut, true)
		case due(m.now, m.idleAt()):
			m.lock(fmt.Sprintf("nobody used it for %s", m.settings.Idle))
		case due(m.now, m.reauthenticateAt()):
			m.lock("it is time to type the passcode again")
		case m.broken != nil && s.card != "" && due(m.now, m.brokeAt.Add(driverPatience)):
			m.removed(fmt.Sprintf("for %s no card could be seen (%s)", driverPatience, m.broken))
		}
	}
	m.retry()
}

// deadline is when something is due next; zero for nothing.
func (m *machine) deadline() (next time.Time) {
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if s := m.live; s != nil {
		sooner(m.ends())
		sooner(s.forget)
		sooner(m.idleAt())
		sooner(m.reauthenticateAt())
		if m.broken != nil && s.card != "" {
			sooner(m.brokeAt.Add(driverPatience))
		}
	}
	for _, l := range m.logouts {
		sooner(l.next)
	}
	return next
}

func due(now, t time.Time) bool { return !t.IsZero() && !now.Before(t) }

// ends is when the server ends the session in any case; zero where it doesn't say.
func (m *machine) ends() time.Time {
	if m.live == nil || m.live.login.MaxSessionTime <= 0 {
		return time.Time{}
	}
	return m.live.started.Add(m.live.login.MaxSessionTime)
}

func (m *machine) idleAt() time.Time {
	if m.settings.Idle <= 0 || m.live.locked {
		return time.Time{}
	}
	return m.live.used.Add(m.settings.Idle)
}

func (m *machine) reauthenticateAt() time.Time {
	if m.settings.Mode != Mobility || m.settings.Reauthenticate <= 0 || m.live.locked {
		return time.Time{}
	}
	return m.live.proven.Add(m.settings.Reauthenticate)
}

// noticeDays are how many days before the end of a certificate its holder is told. It can be renewed in the last 90.
var noticeDays = []int{1, 7, 30, 90}

// Notice says in words that a certificate ends soon; empty where it doesn't.
func Notice(notAfter, now time.Time) string {
	days := daysLeft(notAfter, now)
	switch {
	case days > noticeDays[len(noticeDays)-1]:
		return ""
	case days < 0:
		return "the certificate on the card has expired"
	case days == 0:
		return "the certificate on the card ends today"
	case days == 1:
		return "the certificate on the card ends tomorrow"
	}
	return fmt.Sprintf("the certificate on the card ends in %d days, on %s", days, notAfter.Format("2 January 2006"))
}

// daysLeft counts whole days, rounded down.
func daysLeft(notAfter, now time.Time) int {
	left := notAfter.Sub(now)
	if left < 0 {
		return -1
	}
	return int(left / (24 * time.Hour))
}

// notice tells of a certificate that ends soon: once at each of noticeDays.
func (m *machine) notice(h Holder) {
	days := daysLeft(h.NotAfter, m.now)
	for _, threshold := range noticeDays {
		if days > threshold {
			continue
		}
		key := string(h.Certificate.DER)
		if told, ok := m.noticed[key]; !ok || threshold < told {
			m.noticed[key] = threshold
			m.say("%s", Notice(h.NotAfter, m.now))
		}
		return
	}
}

// status is what the machine knows.
func (m *machine) status() Status {
	s := Status{State: m.state(), Since: m.since, Mode: m.settings.Mode, Problem: m.problem, Ends: m.ends()}
	if m.live != nil {
		s.UID, s.Name, s.Roles = m.live.holder.UID, m.live.login.Name, m.live.login.Roles
		if m.live.role != nil {
			role := *m.live.role
			s.Role = &role
		}
	}
	for _, r := range m.readers {
		shown := Reader{Name: r.Name}
		if r.Card != nil {
			shown.Card = m.show(*r.Card)
		}
		s.Readers = append(s.Readers, shown)
	}
	return s
}

func (m *machine) show(c card.Card) *Card {
	p := m.people[c.ID]
	shown := &Card{ID: c.ID, Label: c.Label, TriesLeft: m.triesLeft(c), UID: p.UID, NotAfter: p.NotAfter}
	if p.err != nil {
		shown.Problem = p.err.Error()
	} else {
		shown.Notice = Notice(p.NotAfter, m.now)
	}
	return shown
}
