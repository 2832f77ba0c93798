package spinesim

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"sync"
	"time"
)

// maxSessions is how many go on at once. One more ends the one that was used longest ago.
const maxSessions = 20_000

// Session is one that goes on.
type Session struct {
	UID      string    `json:"uid"`
	Name     string    `json:"name"`
	Role     string    `json:"role"` // id; empty before one was selected
	Training bool      `json:"training"`
	Started  time.Time `json:"started"`
	Used     time.Time `json:"used"`

	roles []granted
}

// granted is a role of a session, with what its organisation is called in it.
type granted struct {
	Role
	organisation string
}

// sessions are those that go on, by ticket.
type sessions struct {
	idle, absolute time.Duration

	mutex sync.Mutex
	open  map[string]*Session
}

func newSessions(idle, absolute time.Duration) *sessions {
	return &sessions{idle: idle, absolute: absolute, open: map[string]*Session{}}
}

// newTicket is one of the Spine's form: 48 characters, of which this server always makes one a "+" and one a "/", so
// that a client which doesn't encode them is found out; "@", the number of the server, "#".
func newTicket() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b)
	random := base64.RawStdEncoding.EncodeToString(b)[:31]
	server := base64.StdEncoding.EncodeToString([]byte("\x00\x02SI\x00\x0201"))
	return "AQIC5wM2LY4Sfc" + random[:10] + "+" + random[10:20] + "/" + random[20:] + "=@" + server + "#"
}

// start begins a session and gives its ticket.
func (s *sessions) start(session Session, now time.Time) string {
	ticket := newTicket()
	session.Started, session.Used = now, now
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.open) >= maxSessions {
		s.makeRoom(now)
	}
	s.open[ticket] = &session
	return ticket
}

// makeRoom drops the sessions that have ended, or else the one that was used longest ago.
func (s *sessions) makeRoom(now time.Time) {
	oldest := ""
	for ticket, session := range s.open {
		if s.ended(session, now) {
			delete(s.open, ticket)
		} else if oldest == "" || session.Used.Before(s.open[oldest].Used) {
			oldest = ticket
		}
	}
	if len(s.open) >= maxSessions {
		delete(s.open, oldest)
	}
}

func (s *sessions) ended(session *Session, now time.Time) bool {
	return now.Sub(session.Used) >= s.idle || now.Sub(session.Started) >= s.absolute
}

// use gives a ticket's session, and is a use of it. change is made while nobody else looks; may be nil.
func (s *sessions) use(ticket string, now time.Time, change func(*Session)) (Session, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	session, ok := s.open[ticket]
	if !ok {
		return Session{}, false
	}
	if s.ended(session, now) {
		delete(s.open, ticket)
		return Session{}, false
	}
	session.Used = now
	if change != nil {
		change(session)
	}
	return *session, true
}

// end ends a ticket's session.
func (s *sessions) end(ticket string, now time.Time) (Session, bool) {
	session, ok := s.use(ticket, now, nil)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.open, ticket)
	return session, ok
}

func (s *sessions) clear() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	clear(s.open)
}

// list is in the order of their start.
func (s *sessions) list(now time.Time) []Session {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	all := []Session{}
	for _, session := range s.open {
		if !s.ended(session, now) {
			all = append(all, *session)
		}
	}
	slices.SortFunc(all, func(a, b Session) int { return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.UID, b.UID)) })
	return all
}
