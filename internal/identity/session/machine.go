package session

import (
	"fmt"
	"slices"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/spine"
)

// A machine is all that the agent knows. It is told inputs (input.go) by step, and gives back effects (effect.go).
//
// What state it is in is worked out from its parts, never kept beside them: no two of them can contradict each other.
type machine struct {
	settings Settings
	holder   func(card.Card, time.Time) (Holder, error)
	verify   func(h Holder, content, signature []byte) error
	nonce    func() []byte

	now  time.Time // of the input at hand
	todo []effect  // of the input at hand
	last uint64    // number of the last operation or prompt

	told    State // what the last event said
	since   time.Time
	reason  string // of the next event
	problem string // of the last attempt that failed
	events  uint64

	readers []card.Reader
	people  map[card.ID]person
	tries   map[card.ID]int  // left, where the card itself said so later than the driver's list
	noPad   map[card.ID]bool // the card's reader only claimed to have keys
	owed    card.ID          // a card that came, and whose holder hasn't been asked yet
	broken  error            // why cards can't be seen
	brokeAt time.Time
	noticed map[string]int // days before the end of a certificate (by its bytes) that were told

	screenLocked, asleep, ending bool

	prompt     *prompt
	attempt    *attempt
	live       *live
	asks       []*ask
	logouts    map[uint64]*logout // by the number of the operation that is under way or was last
	unwanted   map[uint64]bool    // validations under way whose session nobody wants any more
	signingOut uint64             // the logout that the state waits for
}

// A person is whom a card signs in, or why it doesn't.
type person struct {
	Holder
	err error
}

// A prompt that is on the screen, or that is being taken off it.
type prompt struct {
	id      uint64
	closing bool
	role    bool // it asks for the session's role, and not what the attempt needs
}

// live is a session that the server knows.
type live struct {
	login  spine.Login
	holder Holder
	card   card.ID // empty where the card is away
	role   *spine.Role

	started time.Time
	used    time.Time // a ticket was given out
	proven  time.Time // the passcode was typed
	checked time.Time // the server is known to have it
	forget  time.Time // when the grace after a removal is over; zero without one

	locked bool
	asks   bool    // the person is to be asked for the role, as long as there is none
	choice *choice // of a role, under way
	check  uint64  // operation that asks the server whether it lives
}

// A choice of a role that the server is told of.
type choice struct {
	op, ask uint64
	role    spine.Role
}

func newMachine(settings Settings, now time.Time) *machine {
	if settings.Mode == "" {
		settings.Mode = Normal
	}
	if settings.Digest == "" {
		settings.Digest = card.SHA1
	}
	if settings.CheckAfter == 0 {
		settings.CheckAfter = DefaultCheckAfter
	}
	if settings.LogoutFor == 0 {
		settings.LogoutFor = DefaultLogoutFor
	}
	return &machine{
		settings: settings, told: NoReader, since: now, now: now,
		people: map[card.ID]person{}, tries: map[card.ID]int{}, noPad: map[card.ID]bool{}, noticed: map[string]int{}, logouts: map[uint64]*logout{},
		unwanted: map[uint64]bool{},
	}
}

// step tells the machine what happened at now, and gives what is to be done for it, in order.
func (m *machine) step(now time.Time, in input) []effect {
	m.now, m.todo = now, nil
	in.tell(m)
	m.expire()
	m.settle()
	m.publish()
	m.serve()
	return m.todo
}

// state is where the machine stands.
func (m *machine) state() State {
	switch {
	case m.attempt != nil && m.attempt.step.asks():
		return PasscodeNeeded
	case m.attempt != nil:
		return Authenticating
	case m.live != nil && m.live.locked:
		return Locked
	case m.live != nil && m.live.role == nil && len(m.live.login.Roles) > 0:
		return RoleNeeded
	case m.live != nil:
		return SignedIn
	case m.signingOut != 0:
		return SigningOut
	case m.broken != nil:
		return Fault
	case len(m.readers) == 0:
		return NoReader
	case len(m.cards()) == 0:
		return NoCard
	}
	return CardPresent
}

// settle begins what is owed: an attempt for those who wait or for a card that came, and the prompt that it needs.
func (m *machine) settle() {
	if m.attempt == nil && m.signingOut == 0 && !m.ending {
		if i := slices.IndexFunc(m.asks, m.needsAttempt); i >= 0 {
			if err := m.begin(m.asks[i]); err != nil {
				m.refuse(err, m.needsAttempt)
			}
		} else if m.owed != "" && !m.screenLocked && !m.asleep {
			m.greet()
		}
	}
	if m.attempt != nil && m.attempt.question != nil && m.prompt == nil {
		m.last++
		m.prompt = &prompt{id: m.last}
		m.do(openPrompt{m.last, *m.attempt.question})
	}
	m.askRole()
}

// greet asks the holder of a card that just came, where nobody else is signed in.
func (m *machine) greet() {
	came := m.owed
	m.owed = ""
	if m.live != nil && !m.live.locked {
		return
	}
	if err := m.begin(&ask{want: wantTicket, card: came}); err != nil {
		m.complain(err)
	}
}

// publish makes an event where the state is another one than was told, or where there is something to say.
func (m *machine) publish() {
	state := m.state()
	if state == m.told && m.reason == "" {
		return
	}
	m.events++
	e := Event{Number: m.events, Time: m.now, From: m.told, To: state, Reason: m.reason}
	if m.live != nil {
		e.UID, e.Role = m.live.holder.UID, m.live.role
	}
	if state != m.told {
		m.since = m.now
	}
	m.told, m.reason = state, ""
	m.do(publish{e})
}

// say gives the reason of the next event. What was said before in the same step stays.
func (m *machine) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if m.reason != "" && m.reason != text {
		text = m.reason + "; " + text
	}
	m.reason = text
}

// complain tells of a problem that stays until something is tried again.
func (m *machine) complain(err error) {
	m.problem = err.Error()
	m.say("%s", m.problem)
}

func (m *machine) do(e effect) { m.todo = append(m.todo, e) }

// operation numbers what is begun, so that an answer that comes too late is known for one.
func (m *machine) operation() uint64 {
	m.last++
	return m.last
}

// cards are those in the readers.
func (m *machine) cards() (list []card.Card) {
	for _, r := range m.readers {
		if r.Card != nil {
			list = append(list, *r.Card)
		}
	}
	return list
}

// owing says whether the server is still to be told of the end of a session.
func (m *machine) owing() bool { return len(m.logouts)+len(m.unwanted) > 0 }

// card finds one that is in a reader.
func (m *machine) card(id card.ID) (card.Card, bool) {
	for _, c := range m.cards() {
		if c.ID == id {
			return c, true
		}
	}
	return card.Card{}, false
}

// triesLeft is how many wrong passcodes a card still takes, by the latest that is known.
func (m *machine) triesLeft(c card.Card) int {
	if left, ok := m.tries[c.ID]; ok && (c.TriesLeft == card.Unknown || left < c.TriesLeft) {
		return left
	}
	return c.TriesLeft
}
