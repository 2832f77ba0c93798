package session

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/spine"
)

// A failer is a test, by whichever package.
type failer interface {
	Fatal(...any)
	Fatalf(string, ...any)
}

// A world is everything around a machine: readers, cards, a server, a person, programs. It does what the machine wants
// done in any order and with any outcome, and holds what must always hold.
type world struct {
	t interface {
		Fatal(...any)
		Fatalf(string, ...any)
	}
	m     *machine
	now   time.Time
	cards []card.Card // in the readers
	left  map[string]int
	count int
	roles int // of the next login; -1 for 0, 1 or 2
	picks int // which role the person takes when asked, from 1; 0 declines

	pending []effect
	waiting map[uint64]want
	secrets []string        // all that ever were
	alive   map[string]bool // tickets that the server knows
	given   []*secret.Text  // passcodes that were typed
	screen  bool            // is locked
	proven  bool            // a passcode was typed since the screen was locked or the computer slept
	tickets int             // that were given out
	allowed int             // last tries that somebody allowed and nobody has used yet
	mine    []spine.Login   // logins as the server gave them
	events  []Event
}

const (
	wrongPasscode = "000000"
	rightPasscode = "739164"
)

var errServer = errors.New("HTTP 500")

func newWorld(t failer, s Settings) *world {
	w := &world{t: t, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), left: map[string]int{}, waiting: map[uint64]want{}, alive: map[string]bool{}, secrets: []string{rightPasscode}}
	w.m = newMachine(s, w.now)
	w.m.nonce = func() []byte { return []byte("nonce") }
	w.m.verify = func(h Holder, _, signature []byte) error {
		if string(signature) != string(h.Certificate.DER) {
			return errors.New("another key")
		}
		return nil
	}
	w.m.holder = func(c card.Card, now time.Time) (Holder, error) {
		if c.Label == "expired" {
			return Holder{}, &card.CertificateError{Reason: "the certificate has expired"}
		}
		return Holder{UID: c.Label, Certificate: card.Certificate{DER: []byte(c.Serial)}, NotAfter: now.AddDate(0, 0, 20)}, nil
	}
	return w
}

// tell gives the machine an input, does at once what takes no time, and holds what must hold.
func (w *world) tell(in input) {
	before := w.m.state()
	switch in.(type) {
	case screenLocks:
		w.screen, w.proven = true, false
	case screenUnlocks:
		w.screen = false
	case sleeps:
		w.proven = false
	}
	for _, e := range w.m.step(w.now, in) {
		switch e := e.(type) {
		case answer:
			w.answered(e)
		case publish:
			w.events = append(w.events, e.event)
			w.seen(fmt.Sprintf("%+v", e.event))
		case cancel, closePrompt:
			// Results come all the same.
		default:
			w.pending = append(w.pending, e)
		}
	}
	w.hold(fmt.Sprintf("%T in %s", in, before))
}

func (w *world) answered(a answer) {
	asked, ok := w.waiting[a.ask]
	if !ok {
		w.t.Fatalf("ask %d is answered twice, or was never made", a.ask)
	}
	delete(w.waiting, a.ask)
	if a.err != nil {
		w.seen(a.err.Error())
	}
	if a.ticket == nil {
		if a.err == nil && asked != wantSignIn && asked != want(-1) {
			w.t.Fatal("neither a ticket nor an error")
		}
		return
	}
	if asked == wantSignIn || asked == want(-1) {
		w.t.Fatal("a ticket for somebody who didn't ask for one")
	}
	if w.m.state() != SignedIn || w.m.live == nil || !a.ticket.Equal(w.m.live.login.Ticket) {
		w.t.Fatalf("a ticket in the state %q", w.m.state())
	}
	if w.m.settings.Mode == Normal || w.m.settings.Mode == Enhanced {
		if !slices.ContainsFunc(w.cards, func(c card.Card) bool { return c.Label == w.m.live.holder.UID }) && w.m.broken == nil {
			w.t.Fatal("a ticket after the card was removed")
		}
	}
	w.tickets++
	if w.m.settings.Mode == Enhanced && (w.screen || !w.proven) {
		w.t.Fatal("a ticket without a passcode since the screen was locked")
	}
	if w.m.live.role == nil && len(w.m.live.login.Roles) > 0 {
		w.t.Fatal("a ticket without a role")
	}
}

// seen holds a text that leaves the machine.
func (w *world) seen(text string) {
	for _, s := range w.secrets {
		if strings.Contains(text, s) {
			w.t.Fatalf("a secret in %q", text)
		}
	}
}

func (w *world) hold(where string) {
	prompts := 0
	for _, e := range w.pending {
		if _, ok := e.(openPrompt); ok {
			prompts++
		}
	}
	if prompts > 1 {
		w.t.Fatalf("%d prompts at once after %s", prompts, where)
	}
	w.seen(fmt.Sprintf("%+v", w.m.status()))
	state := w.m.state()
	if state == PasscodeNeeded && prompts == 0 && w.m.attempt.step != typingAtReader {
		w.t.Fatalf("a passcode is needed, and nobody is asked, after %s", where)
	}
	if n := len(w.events); n > 0 && w.events[n-1].To != state {
		w.t.Fatalf("the last event says %q, the state is %q, after %s", w.events[n-1].To, state, where)
	}
	if m := w.m.settings.Mode; w.m.live != nil && w.m.live.card == "" && (m == Normal || m == Enhanced) && !w.m.live.locked {
		w.t.Fatalf("a session without its card in mode %s after %s", m, where)
	}
	// What the machine let go of is wiped: each ticket is the session's, or waits to be told to the server.
	held := map[string]bool{}
	if w.m.live != nil {
		held[string(w.m.live.login.Ticket.Reveal())] = true
	}
	for _, l := range w.m.logouts {
		held[string(l.login.Ticket.Reveal())] = true
	}
	for _, l := range w.mine {
		if l.Ticket.Len() > 0 && !held[string(l.Ticket.Reveal())] {
			w.t.Fatalf("a ticket is kept for nothing after %s", where)
		}
	}
	if w.m.attempt == nil {
		for _, p := range w.given {
			if p.Len() > 0 && !w.inUse(p) {
				w.t.Fatalf("a passcode outlives its attempt after %s", where)
			}
		}
	}
}

// inUse says whether a passcode is with the card, or with somebody who waits.
func (w *world) inUse(p *secret.Text) bool {
	for _, e := range w.pending {
		if s, ok := e.(sign); ok && s.request.Passcode == p {
			return true
		}
	}
	return slices.ContainsFunc(w.m.asks, func(a *ask) bool { return a.passcode == p })
}

// finish does the pending effect number i, well or badly.
func (w *world) finish(i int, well bool) {
	e := w.pending[i]
	w.pending = slices.Delete(w.pending, i, i+1)
	var err error
	if !well {
		err = errServer
		if w.m.live != nil {
			err = fmt.Errorf("%w: token %s", errServer, w.m.live.login.Ticket.Reveal()) // as careless servers do
		}
	}
	switch e := e.(type) {
	case openPrompt:
		w.tell(w.person(e, well))
	case activate:
		w.tell(activated{e.op, spine.Challenge{Bytes: []byte("challenge")}, err})
	case sign:
		w.tell(w.sign(e, well))
	case validate:
		if err != nil {
			w.tell(validated{e.op, spine.Login{}, errServer})
			return
		}
		w.count++
		ticket := fmt.Sprintf("AQIC5wM2LY4Sfc%08d@AAJTSQACMDE=#", w.count)
		w.secrets = append(w.secrets, ticket)
		w.alive[ticket] = true
		l := spine.Login{UID: e.holder.UID, Name: "Bloggs Jo", Ticket: secret.New([]byte(ticket)), MaxSessionTime: 10 * time.Hour}
		roles := w.roles
		if roles < 0 {
			roles = w.count % 3
		}
		for n := range roles {
			l.Roles = append(l.Roles, spine.Role{ID: fmt.Sprint("role", n), Name: "Clerk", Organisation: "EXAMPLE"})
		}
		w.mine = append(w.mine, l)
		w.tell(validated{e.op, l, nil})
	case selectRole:
		e.login.Ticket.Wipe()
		w.tell(roleSelected{e.op, err})
	case check:
		if !w.alive[string(e.login.Ticket.Reveal())] {
			err = ErrSessionEnded
		}
		e.login.Ticket.Wipe()
		w.tell(checked{e.op, err})
	case logOut:
		if well {
			delete(w.alive, string(e.login.Ticket.Reveal()))
		}
		e.login.Ticket.Wipe()
		w.tell(loggedOut{e.op, err})
	}
}

func (w *world) person(e openPrompt, well bool) promptDone {
	d := promptDone{id: e.id}
	switch {
	case !well && w.count%2 == 0:
		d.err = ErrCancelled
	case e.q.Kind == AskRole && (w.picks == 0 || !well):
		d.err = ErrCancelled
	case e.q.Kind == AskRole:
		d.reply.Choice = w.picks - 1
	case e.q.Kind == AskWhichCard:
		d.reply.Choice = len(e.q.Options) - 1
	case e.q.Kind == AskLastTry:
		if d.reply.Yes = well; well {
			w.allowed++
		}
	case well:
		d.reply.Passcode, w.proven = secret.New([]byte(rightPasscode)), true
	default:
		d.reply.Passcode = secret.New([]byte(wrongPasscode))
	}
	if d.reply.Passcode != nil {
		w.given = append(w.given, d.reply.Passcode)
	}
	return d
}

// sign is the card and its driver: the card counts the tries that it was shown, and the driver asks it before: it sends a
// locked one nothing, and keeps the last try back.
func (w *world) sign(e sign, well bool) signed {
	defer e.request.Passcode.Wipe()
	for _, c := range w.cards {
		if c.ID != e.request.Card {
			continue
		}
		switch left := w.left[c.Serial]; {
		case w.m.triesLeft(c) == 0 && w.m.attempt != nil && w.m.attempt.op == e.op:
			w.t.Fatal("a card that is known to be locked was shown another passcode")
		case left == 0:
			return signed{e.op, nil, &card.PasscodeError{Left: 0, Locked: true}}
		case left == 1 && !e.request.LastTry:
			return signed{e.op, nil, card.ErrLastTry}
		case left == 1 && w.allowed == 0:
			w.t.Fatal("the last try was risked, and nobody allowed it")
		case string(e.request.Passcode.Reveal()) != rightPasscode:
			w.left[c.Serial] = left - 1
			if left == 1 {
				w.allowed--
			}
			return signed{e.op, nil, &card.PasscodeError{Left: left - 1, Locked: left == 1}}
		case !well:
			return signed{e.op, nil, card.ErrModule}
		}
		w.left[c.Serial] = 3
		return signed{e.op, []byte(c.Serial), nil}
	}
	return signed{e.op, nil, card.ErrRemoved}
}

// insert puts a person's card in.
func (w *world) insert(who string) {
	if slices.ContainsFunc(w.cards, func(c card.Card) bool { return c.Label == who }) {
		return
	}
	w.count++
	if _, known := w.left["certificate of "+who]; !known {
		w.left["certificate of "+who] = 3
	}
	w.cards = append(w.cards, card.Card{
		ID: card.ID(fmt.Sprint("card", w.count)), Label: who, Serial: "certificate of " + who, MinPasscode: 4, MaxPasscode: 8, TriesLeft: w.left["certificate of "+who],
	})
	w.look()
}

func (w *world) look() {
	readers := []card.Reader{{Name: "empty"}}
	for i, c := range w.cards {
		readers = append(readers, card.Reader{Name: fmt.Sprint("reader ", i), Card: &c})
	}
	w.tell(cardsSeen{readers})
}

func (w *world) ask(a ask) {
	a.id = w.m.operation()
	w.waiting[a.id] = a.want
	if a.passcode != nil {
		w.given = append(w.given, a.passcode)
		w.proven = w.proven || string(a.passcode.Reveal()) == rightPasscode
	}
	if a.lastTry {
		w.allowed++
	}
	w.tell(asked{&a})
}

// request is an ask without a ticket.
func (w *world) request(in func(id uint64) input) {
	id := w.m.operation()
	w.waiting[id] = want(-1)
	w.tell(in(id))
}

// TestAnyOrder drives the machine through random sequences of everything that can happen.
func TestAnyOrder(t *testing.T) {
	for _, mode := range []Mode{Normal, Enhanced, Persistent, Mobility} {
		t.Run(string(mode), func(t *testing.T) { anyOrder(t, mode) })
	}
}

func anyOrder(t *testing.T, mode Mode) {
	tickets := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, Settings{
			Mode:             mode,
			NoPromptOnInsert: rapid.Bool().Draw(t, "quiet"),
			Idle:             rapid.SampledFrom([]time.Duration{0, 10 * time.Minute}).Draw(t, "idle"),
			Grace:            rapid.SampledFrom([]time.Duration{0, 30 * time.Second}).Draw(t, "grace"),
			Reauthenticate:   rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "reauthenticate"),
		})
		w.roles = -1
		w.picks = rapid.IntRange(0, 3).Draw(t, "picks") // 3 is no role
		w.look()
		finish := func(t *rapid.T, well bool) {
			if len(w.pending) == 0 {
				return
			}
			w.finish(rapid.IntRange(0, len(w.pending)-1).Draw(t, "which"), well)
		}
		actions := map[string]func(*rapid.T){
			"insert": func(t *rapid.T) {
				w.insert(rapid.SampledFrom([]string{"555000000001", "555000000002", "expired"}).Draw(t, "who"))
			},
			"remove": func(t *rapid.T) {
				if len(w.cards) == 0 {
					return
				}
				i := rapid.IntRange(0, len(w.cards)-1).Draw(t, "which")
				w.cards = slices.Delete(w.cards, i, i+1)
				w.look()
			},
			"another program uses a try": func(t *rapid.T) {
				if len(w.cards) == 0 {
					return
				}
				if serial := w.cards[0].Serial; w.left[serial] > 1 {
					w.left[serial]--
				}
			},
			"driver fails": func(*rapid.T) { w.tell(cardsFailed{card.ErrModule}) },
			"look":         func(*rapid.T) { w.look() },
			"somebody signs in": func(*rapid.T) { // by chance alone, few do
				w.tell(screenUnlocks{})
				w.tell(wakes{})
				if w.left["certificate of "+jo] == 0 {
					w.remove(jo) // to have it unlocked
					w.left["certificate of "+jo] = 3
				}
				w.insert(jo)
				w.look()
				w.ask(ask{want: wantSignIn})
				w.some(20)
				if w.m.state() == RoleNeeded {
					w.request(func(n uint64) input { return choose{n, "role0"} })
					w.some(1)
				}
			},
			"program": func(t *rapid.T) {
				w.ask(ask{want: rapid.SampledFrom([]want{wantTicket, wantPresent, wantFresh, wantSignIn}).Draw(t, "want")})
			},
			"program, and soon": func(t *rapid.T) { w.ask(ask{want: wantPresent}) },
			"automation": func(t *rapid.T) {
				p := rapid.SampledFrom([]string{rightPasscode, wrongPasscode, "1"}).Draw(t, "passcode")
				a := ask{want: wantSignIn, passcode: secret.New([]byte(p)), lastTry: rapid.Bool().Draw(t, "last try")}
				if len(w.cards) > 0 && rapid.Bool().Draw(t, "named") {
					a.card = w.cards[len(w.cards)-1].ID
				}
				w.ask(a)
			},
			"program leaves": func(t *rapid.T) {
				for _, a := range w.m.asks {
					delete(w.waiting, a.id)
					w.tell(askGone{a.id})
					return
				}
			},
			"role": func(t *rapid.T) {
				id := rapid.SampledFrom([]string{"role0", "role1", "no such role"}).Draw(t, "role")
				w.request(func(n uint64) input { return choose{n, id} })
			},
			"lock":     func(*rapid.T) { w.request(func(n uint64) input { return lockNow{n} }) },
			"sign out": func(*rapid.T) { w.request(func(n uint64) input { return leaveNow{n} }) },
			"screen": func(t *rapid.T) {
				w.tell(rapid.SampledFrom([]input{screenLocks{}, screenUnlocks{}}).Draw(t, "how"))
			},
			"power": func(t *rapid.T) { w.tell(rapid.SampledFrom([]input{sleeps{}, wakes{}}).Draw(t, "how")) },
			"time": func(t *rapid.T) {
				w.now = w.now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour, -time.Minute}).Draw(t, "how long"))
				w.tell(timePasses{})
			},
			"server forgets": func(*rapid.T) { clear(w.alive) },
			"well":           func(t *rapid.T) { finish(t, true) },
			"well again":     func(t *rapid.T) { finish(t, true) },
			"well, too":      func(t *rapid.T) { finish(t, true) },
			"badly":          func(t *rapid.T) { finish(t, false) },
		}
		names := slices.Sorted(maps.Keys(actions))
		for range rapid.IntRange(150, 250).Draw(t, "steps") {
			actions[rapid.SampledFrom(names).Draw(t, "action")](t)
		}

		// At the end nothing is left: nobody waits, the server knows of no session that it could be told the end of.
		w.tell(ends{})
		for n := 0; len(w.pending) > 0; n++ {
			w.finish(0, true)
			if n > 1000 {
				t.Fatalf("it doesn't come to an end: %+v", w.pending)
			}
		}
		if len(w.waiting) > 0 || w.m.live != nil || w.m.attempt != nil || len(w.m.logouts) > 0 && w.m.deadline().IsZero() {
			t.Fatalf("left over: %d asks, session %v, attempt %v, logouts %v", len(w.waiting), w.m.live, w.m.attempt, w.m.logouts)
		}
		for _, p := range w.given {
			if p.Len() > 0 {
				t.Fatal("a passcode isn't wiped")
			}
		}
		tickets += w.tickets
	})
	if tickets < 50 {
		t.Errorf("%d tickets were given out in all: what must hold of them isn't tried", tickets)
	}
}

// some does up to n pending effects, well.
func (w *world) some(n int) {
	for ; len(w.pending) > 0 && n > 0; n-- {
		w.finish(0, true)
	}
}
