package session

import (
	"slices"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
)

// want is what somebody asks the machine for.
type want int

const (
	wantTicket  want = iota // the ticket; who isn't signed in is asked to
	wantPresent             // the ticket, but nobody is asked anything
	wantFresh               // the ticket of a new login, whoever is signed in
	wantSignIn              // that somebody is signed in; no ticket
)

// An ask waits for its answer.
type ask struct {
	id   uint64
	want want

	// Of a wantSignIn only:
	card     card.ID      // this card, where there are several
	passcode *secret.Text // instead of a prompt: one try
	lastTry  bool         // may be risked
	role     string       // to choose
}

func (in asked) tell(m *machine) {
	a := in.ask
	switch {
	case m.ending:
		m.reply(a, nil, ErrClosed)
		return
	case a.card != "" && m.attempt != nil && m.attempt.card != a.card:
		m.reply(a, nil, ErrBusy)
		return
	}
	m.asks = append(m.asks, a)
	if m.undecided() && (a.want == wantTicket || a.want == wantSignIn && a.passcode == nil) {
		m.live.asks = true
	}
	if at := m.attempt; a.passcode != nil && at != nil && at.step == askingPasscode {
		// What was brought takes the place of what is being typed.
		m.closePrompt()
		m.usePasscode(a)
	}
}

func (in askGone) tell(m *machine) {
	i := slices.IndexFunc(m.asks, func(a *ask) bool { return a.id == in.id })
	if i < 0 {
		return
	}
	m.asks[i].passcode.Wipe()
	m.asks = slices.Delete(m.asks, i, i+1)
	if at := m.attempt; at != nil && at.asked && at.step.asks() && !slices.ContainsFunc(m.asks, m.needsAttempt) {
		m.say("nobody waits for the ticket any more")
		m.abort(ErrCancelled)
	}
}

// needsAttempt says whether an ask can't be answered without somebody signing in.
func (m *machine) needsAttempt(a *ask) bool {
	switch a.want {
	case wantPresent:
		return false
	case wantFresh:
		return true
	case wantSignIn:
		return m.live == nil || m.live.locked || a.card != "" && a.card != m.live.card
	}
	return m.live == nil || m.live.locked
}

// serve answers those who can be.
func (m *machine) serve() {
	state := m.state()
	waiting := m.asks
	m.asks = nil
	for _, a := range waiting {
		switch {
		case a.want == wantSignIn && m.attempt == nil && !m.needsAttempt(a):
			m.reply(a, nil, nil)
		case a.want == wantFresh:
			m.asks = append(m.asks, a)
		case a.want != wantSignIn && state == SignedIn && m.fresh():
			m.live.used = m.now
			m.reply(a, m.live.login.Ticket.Copy(), nil)
		case a.want == wantPresent && state == Locked:
			m.reply(a, nil, ErrLocked)
		case a.want == wantPresent && state != SignedIn:
			m.reply(a, nil, ErrNotSignedIn)
		default:
			m.asks = append(m.asks, a)
		}
	}
}

// fresh says whether the server is known to have the session, and asks it where that is long ago.
func (m *machine) fresh() bool {
	if m.live.check == 0 {
		age := m.now.Sub(m.live.checked)
		if age >= 0 && age < m.settings.CheckAfter { // a clock that was put back proves nothing
			return true
		}
		m.live.check = m.operation()
		m.do(check{m.live.check, lend(m.live.login)})
	}
	return false
}

func (in checked) tell(m *machine) {
	if m.live == nil || m.live.check != in.op {
		return
	}
	m.live.check = 0
	if gone(in.err) {
		m.problem = ErrSessionEnded.Error()
		m.end(ErrSessionEnded.Error(), nil, false)
		return
	}
	if in.err != nil {
		// A network that fails is no reason to keep a ticket back that may well be good.
		m.say("%s", m.fail("asking the Spine whether the session lives", in.err))
	}
	m.live.checked = m.now
}

// refuse answers everybody who waits, or those for whom all of which holds.
func (m *machine) refuse(err error, which ...func(*ask) bool) {
	waiting := m.asks
	m.asks = nil
	for _, a := range waiting {
		if len(which) > 0 && !which[0](a) {
			m.asks = append(m.asks, a)
			continue
		}
		m.reply(a, nil, err)
	}
}

func (m *machine) reply(a *ask, ticket *secret.Text, err error) {
	a.passcode.Wipe()
	m.do(answer{a.id, ticket, err})
}
