package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/spine"
)

const jo, sam = "555000000001", "555000000002"

// all does what is pending, well, until nothing is.
func (w *world) all() {
	for len(w.pending) > 0 {
		w.finish(0, true)
	}
}

// signedIn is a world in which Jo is, with the role role0 of two.
func signedIn(t *testing.T, s Settings) *world {
	w := newWorld(t, s)
	w.roles = 2
	w.insert(jo)
	w.all()
	w.is(RoleNeeded)
	w.request(func(n uint64) input { return choose{n, "role0"} })
	w.all()
	w.is(SignedIn)
	return w
}

func (w *world) remove(who string) {
	w.cards = slices.DeleteFunc(w.cards, func(c card.Card) bool { return c.Label == who })
	w.look()
}

func (w *world) is(s State) {
	if got := w.m.state(); got != s {
		w.t.Fatalf("it is %q, not %q; %s; problem %q", got, s, w.story(), w.m.problem)
	}
}

func (w *world) story() string {
	var s []string
	for _, e := range w.events {
		s = append(s, string(e.To)+" ("+e.Reason+")")
	}
	return strings.Join(s, " → ")
}

func (w *world) passes(d time.Duration) {
	w.now = w.now.Add(d)
	w.tell(timePasses{})
}

func TestRemoval(t *testing.T) {
	for mode, want := range map[Mode]State{Normal: SigningOut, Enhanced: SigningOut, Persistent: Locked, Mobility: SignedIn} {
		w := signedIn(t, Settings{Mode: mode})
		w.remove(jo)
		w.is(want)
		told := slices.ContainsFunc(w.pending, func(e effect) bool { _, ok := e.(logOut); return ok })
		if told != (want == SigningOut) {
			t.Errorf("%s: the server is told: %v", mode, told)
		}
	}
}

func TestRemovalWithoutServer(t *testing.T) {
	w := signedIn(t, Settings{LogoutFor: time.Minute})
	w.remove(jo)
	w.finish(0, false)
	w.is(NoCard)
	tries := 1
	for range 100 {
		w.passes(time.Second)
		for len(w.pending) > 0 {
			tries++
			w.finish(0, false)
		}
	}
	if tries < 4 || tries > 8 || len(w.m.logouts) != 0 || !strings.Contains(w.story(), "couldn't be told") {
		t.Errorf("%d tries, %d logouts are left; %s", tries, len(w.m.logouts), w.story())
	}
}

func TestPersistentResumesForTheSameCardAlone(t *testing.T) {
	w := signedIn(t, Settings{Mode: Persistent})
	w.remove(jo)
	w.insert(sam)
	w.is(Locked)
	if len(w.pending) > 0 {
		t.Errorf("Sam is asked for something: %+v", w.pending)
	}
	// A card that bears Jo's number but is another one.
	w.remove(sam)
	w.cards = []card.Card{{ID: "forged", Label: jo, Serial: "another certificate", MinPasscode: 4, MaxPasscode: 8, TriesLeft: 3}}
	w.left["another certificate"] = 3
	w.look()
	w.is(Locked)
	if len(w.pending) > 0 {
		t.Errorf("the other card is asked for something: %+v", w.pending)
	}
	w.cards = nil
	w.insert(jo)
	w.is(PasscodeNeeded)
	w.all()
	w.is(SignedIn)
	if len(w.mine) != 1 || w.m.live.role == nil {
		t.Errorf("%d logins, role %v: the session is to be the one that there was", len(w.mine), w.m.live.role)
	}
}

// Certificates are public: a card that has the session's, and another key, resumes nothing.
func TestResumingTakesTheKey(t *testing.T) {
	w := signedIn(t, Settings{})
	w.request(func(n uint64) input { return lockNow{n} })
	w.ask(ask{want: wantTicket})
	w.finish(0, true) // the prompt
	s, ok := w.pending[0].(sign)
	if !ok || s.request.Digest != card.SHA256 || string(s.request.Content) != "nonce" {
		t.Fatalf("pending is %+v", w.pending[0])
	}
	s.request.Passcode.Wipe()
	w.pending = nil
	w.tell(signed{s.op, []byte("by another key"), nil})
	w.is(Locked)
	if len(w.waiting) != 0 || !strings.Contains(w.m.problem, "another key") {
		t.Errorf("%d wait, problem %q", len(w.waiting), w.m.problem)
	}
}

func TestAnotherPersonTakesOver(t *testing.T) {
	w := signedIn(t, Settings{Mode: Persistent})
	w.remove(jo)
	w.insert(sam)
	w.ask(ask{want: wantSignIn})
	w.all()
	if w.m.live.holder.UID != sam || len(w.alive) != 1 {
		t.Errorf("signed in is %s, the server has %d sessions; %s", w.m.live.holder.UID, len(w.alive), w.story())
	}
}

func TestGrace(t *testing.T) {
	w := signedIn(t, Settings{Grace: 30 * time.Second})
	w.remove(jo)
	w.is(Locked)
	w.passes(29 * time.Second)
	w.insert(jo)
	w.all()
	w.is(SignedIn)
	w.remove(jo)
	w.passes(30 * time.Second)
	w.is(SigningOut)
}

func TestTimers(t *testing.T) {
	w := signedIn(t, Settings{Mode: Mobility, Idle: 10 * time.Minute, Reauthenticate: time.Hour})
	for range 6 {
		w.passes(9 * time.Minute)
		w.is(SignedIn)
		w.ask(ask{want: wantTicket})
		w.all()
	}
	w.passes(6 * time.Minute)
	w.is(Locked)
	w.tell(screenUnlocks{})
	w.is(Locked)
	w.ask(ask{want: wantSignIn})
	w.all()
	w.is(SignedIn)
	w.passes(10 * time.Minute)
	w.is(Locked)
	w.passes(10 * time.Hour)
	w.is(SigningOut)
}

func TestScreen(t *testing.T) {
	for mode, want := range map[Mode]State{Normal: SignedIn, Enhanced: Locked, Persistent: SignedIn, Mobility: SignedIn} {
		w := signedIn(t, Settings{Mode: mode})
		w.tell(screenLocks{})
		w.is(want)
		w.ask(ask{want: wantTicket})
		w.all()
		if n := len(w.waiting); n != 0 {
			t.Errorf("%s: %d wait behind the locked screen", mode, n)
		}
		w.is(want)
		w.tell(screenUnlocks{})
		if want == Locked {
			w.is(PasscodeNeeded)
			w.all()
		}
		w.is(SignedIn)
	}
}

func TestSleep(t *testing.T) {
	w := signedIn(t, Settings{})
	w.tell(sleeps{})
	w.now = w.now.Add(10 * time.Second) // too soon for a check, if there had been no sleep
	clear(w.alive)
	w.tell(wakes{})
	w.is(SignedIn)
	w.ask(ask{want: wantPresent})
	w.all()
	w.is(CardPresent)
	w = signedIn(t, Settings{})
	w.tell(sleeps{})
	w.now = w.now.Add(11 * time.Hour)
	w.tell(wakes{})
	w.is(SigningOut)
	w = signedIn(t, Settings{Mode: Enhanced})
	w.tell(sleeps{})
	w.is(Locked)
	w.tell(wakes{})
	w.is(PasscodeNeeded)
	w.all()
	w.is(SignedIn)
	if len(w.mine) != 1 {
		t.Errorf("%d logins: the session is to be the one that there was", len(w.mine))
	}
}

// A prompt behind a locked screen is seen by nobody.
func TestNoPromptBehindALockedScreen(t *testing.T) {
	for _, mode := range []Mode{Normal, Enhanced, Persistent, Mobility} {
		w := newWorld(t, Settings{Mode: mode})
		w.insert(jo)
		w.is(PasscodeNeeded)
		w.ask(ask{want: wantTicket})
		w.tell(screenLocks{})
		w.is(CardPresent)
		if len(w.waiting) != 0 || !w.m.prompt.closing {
			t.Errorf("%s: %d wait, the prompt is %+v", mode, len(w.waiting), w.m.prompt)
		}
		w.ask(ask{want: wantTicket})
		w.all()
		w.is(CardPresent)
	}
}

// TestOrderOfASignIn has the card see the passcode only once the server has given a challenge.
func TestOrderOfASignIn(t *testing.T) {
	w := newWorld(t, Settings{})
	w.roles = 1
	w.insert(jo)
	var order []string
	for len(w.pending) == 1 {
		order = append(order, strings.TrimPrefix(fmt.Sprintf("%T", w.pending[0]), "session."))
		w.finish(0, true)
	}
	if want := []string{"openPrompt", "activate", "sign", "validate", "selectRole"}; !slices.Equal(order, want) {
		t.Errorf("what is done is %q, not %q", order, want)
	}
	w.is(SignedIn)
}

// Whoever waits for an earlier session's end is answered when the computer sleeps or the screen is locked: a passcode that a
// program brought isn't kept for afterwards.
func TestNobodyWaitsThroughASleep(t *testing.T) {
	for name, in := range map[string]input{"sleep": sleeps{}, "screen": screenLocks{}} {
		w := signedIn(t, Settings{})
		w.request(func(n uint64) input { return leaveNow{n} })
		w.is(SigningOut)
		passcode := secret.New([]byte(rightPasscode))
		w.ask(ask{want: wantSignIn, passcode: passcode})
		w.ask(ask{want: wantTicket})
		w.is(SigningOut)
		w.tell(in)
		if len(w.waiting) != 0 || passcode.Len() != 0 {
			t.Errorf("%s: %d wait, the passcode has %d bytes", name, len(w.waiting), passcode.Len())
		}
	}
}

// A passcode that was typed before the screen was locked proves nothing of who unlocks it: in enhanced mode it is asked for
// again, however far signing in, or resuming, was.
func TestScreenLocksDuringASignIn(t *testing.T) {
	for step := range 5 {
		w := newWorld(t, Settings{Mode: Enhanced})
		w.roles = 1
		w.insert(jo)
		for range step {
			w.finish(0, true)
		}
		w.tell(screenLocks{})
		w.all()
		if w.m.live != nil && !w.m.live.locked || w.m.attempt != nil {
			t.Errorf("locked at step %d: it is %q; %s", step, w.m.state(), w.story())
		}
		w.tell(screenUnlocks{})
		w.ask(ask{want: wantTicket})
		w.is(PasscodeNeeded)
	}
	w := signedIn(t, Settings{Mode: Enhanced})
	w.request(func(n uint64) input { return lockNow{n} })
	w.ask(ask{want: wantSignIn})
	w.finish(0, true) // the prompt
	w.tell(screenLocks{})
	w.all()
	w.is(Locked)
}

func TestServerSideExpiryIsFoundAtTheNextUse(t *testing.T) {
	w := signedIn(t, Settings{})
	clear(w.alive)
	w.passes(2 * time.Minute)
	w.is(SignedIn)
	w.ask(ask{want: wantTicket})
	w.finish(0, true) // the check
	w.is(PasscodeNeeded)
	w.all()
	w.request(func(n uint64) input { return choose{n, "role0"} })
	w.all()
	if len(w.waiting) != 0 || len(w.mine) != 2 {
		t.Errorf("%d wait, %d logins; %s", len(w.waiting), len(w.mine), w.story())
	}
}

// A clock that was put back says nothing of when the server was last known to have the session.
func TestServerSideExpiryIsFoundByAClockThatWasPutBack(t *testing.T) {
	w := signedIn(t, Settings{})
	clear(w.alive)
	w.passes(-time.Hour)
	w.ask(ask{want: wantPresent})
	w.all()
	w.is(CardPresent)
}

func TestServerSideExpiryIsFoundWhenARoleIsChosen(t *testing.T) {
	w := signedIn(t, Settings{})
	w.request(func(n uint64) input { return choose{n, "role1"} })
	op := w.pending[0].(selectRole).op
	w.pending = nil
	w.tell(roleSelected{op, ErrSessionEnded})
	w.is(CardPresent)
	if len(w.waiting) != 0 || len(w.pending) != 0 {
		t.Errorf("%d wait, %v is pending: the server knows that it has ended", len(w.waiting), w.pending)
	}
}

func TestConcurrentAskersShareOnePrompt(t *testing.T) {
	w := newWorld(t, Settings{NoPromptOnInsert: true})
	w.insert(jo)
	for range 50 {
		w.ask(ask{want: wantTicket})
	}
	if len(w.pending) != 1 {
		t.Fatalf("%d prompts", len(w.pending))
	}
	prompt := w.pending[0].(openPrompt)
	w.pending = nil
	w.tell(promptDone{id: prompt.id, err: ErrCancelled})
	w.is(CardPresent)
	if len(w.waiting) != 0 || len(w.pending) != 0 {
		t.Errorf("after a cancel %d wait, %d effects are pending", len(w.waiting), len(w.pending))
	}
}

func TestLastTry(t *testing.T) {
	w := newWorld(t, Settings{})
	w.left["certificate of "+jo] = 1
	w.insert(jo)
	if q := w.pending[0].(openPrompt).q; q.Kind != AskLastTry {
		t.Fatalf("the question is %+v", q)
	}
	w.pending = nil
	w.tell(promptDone{id: w.m.prompt.id})
	w.is(CardPresent)
	w.ask(ask{want: wantSignIn, passcode: secret.New([]byte(wrongPasscode))})
	w.is(CardPresent)
	if w.left["certificate of "+jo] != 1 || len(w.pending) != 0 {
		t.Error("automation risked the last try")
	}
	w.ask(ask{want: wantSignIn, passcode: secret.New([]byte(wrongPasscode)), lastTry: true})
	w.all()
	w.ask(ask{want: wantSignIn, passcode: secret.New([]byte(rightPasscode)), lastTry: true})
	w.is(CardPresent)
	if !strings.Contains(w.m.problem, "locked") || len(w.pending) != 0 || w.left["certificate of "+jo] != 0 {
		t.Errorf("problem %q, pending %v", w.m.problem, w.pending)
	}
}

// What is too short or too long for the card is asked for again, and shown to nobody.
func TestPasscodeOfAWrongLength(t *testing.T) {
	w := newWorld(t, Settings{})
	w.insert(jo)
	for _, typed := range []string{"", "123", "123456789"} {
		prompt, ok := w.pending[0].(openPrompt)
		if !ok || len(w.pending) != 1 {
			t.Fatalf("pending is %+v", w.pending)
		}
		w.pending = nil
		passcode := secret.New([]byte(typed))
		w.given = append(w.given, passcode)
		w.tell(promptDone{id: prompt.id, reply: Reply{Passcode: passcode}})
		w.is(PasscodeNeeded)
		if q := w.m.attempt.question; !strings.Contains(q.Error, "too short or too long") || passcode.Len() > 0 {
			t.Errorf("after %q the question is %+v", typed, q)
		}
	}
	w.all()
	w.is(SignedIn)
}

// Another program used tries up since the card was looked at: the driver finds one left, and the passcode isn't sent.
func TestLastTryThatNobodyKnewOf(t *testing.T) {
	w := newWorld(t, Settings{})
	w.insert(jo)
	w.left["certificate of "+jo] = 1
	for range 3 { // the prompt, the challenge, the card
		w.finish(0, true)
	}
	if q := w.pending[0].(openPrompt).q; q.Kind != AskLastTry {
		t.Fatalf("the question is %+v", q)
	}
	w.all()
	w.is(SignedIn)

	w = newWorld(t, Settings{NoPromptOnInsert: true})
	w.insert(jo)
	w.left["certificate of "+jo] = 1
	w.ask(ask{want: wantSignIn, passcode: secret.New([]byte(wrongPasscode))})
	w.all()
	w.is(CardPresent)
	if !strings.Contains(w.m.problem, ErrLastTry.Error()) || w.left["certificate of "+jo] != 1 {
		t.Errorf("problem %q, %d tries left", w.m.problem, w.left["certificate of "+jo])
	}
}

func TestTwoCards(t *testing.T) {
	w := newWorld(t, Settings{NoPromptOnInsert: true})
	w.insert(jo)
	w.insert(sam)
	w.ask(ask{want: wantSignIn})
	q := w.pending[0].(openPrompt).q
	if q.Kind != AskWhichCard || len(q.Options) != 2 || !strings.HasPrefix(q.Options[0], jo) {
		t.Fatalf("the question is %+v", q)
	}
	w.all()
	if w.m.live.holder.UID != sam {
		t.Error("the second of two was chosen, and the first signed in")
	}
	w.ask(ask{want: wantSignIn, passcode: secret.New([]byte(rightPasscode)), card: w.cards[0].ID})
	w.all()
	if w.m.live.holder.UID != jo {
		t.Errorf("signed in is %s; %s", w.m.live.holder.UID, w.story())
	}
}

// TestFaultsBetweenSteps breaks each step of a sign-in in each way, and wants a state, a message, no ticket left, and
// no try wasted.
func TestFaultsBetweenSteps(t *testing.T) {
	faults := map[string]func(w *world){
		"card gone":    func(w *world) { w.remove(jo) },
		"pcscd killed": func(w *world) { w.tell(cardsFailed{card.ErrNoService}) },
		"server gone": func(w *world) {
			if _, prompting := w.pending[0].(openPrompt); !prompting {
				w.finish(0, false)
			}
		},
		"sleep": func(w *world) { w.tell(sleeps{}) },
	}
	for name, fault := range faults {
		for step := range 5 {
			w := newWorld(t, Settings{})
			w.roles = 1 // chosen without asking
			w.insert(jo)
			for range step {
				if len(w.pending) > 0 {
					w.finish(0, true)
				}
			}
			if len(w.pending) == 0 {
				continue
			}
			at := w.m.state()
			broke := func() bool { _, prompting := w.pending[0].(openPrompt); return !prompting || name != "server gone" }()
			fault(w)
			if broke && w.m.state() != RoleNeeded {
				if w.m.state() == Authenticating || w.m.state() == PasscodeNeeded {
					t.Errorf("%s at step %d (%s): still %s", name, step, at, w.m.state())
				}
				if w.m.problem == "" && w.events[len(w.events)-1].Reason == "" {
					t.Errorf("%s at step %d (%s): no message; %s", name, step, at, w.story())
				}
			}
			if w.left["certificate of "+jo] != 3 {
				t.Errorf("%s at step %d: a try was wasted", name, step)
			}
			w.tell(ends{})
			w.all()
			if len(w.alive) != 0 {
				t.Errorf("%s at step %d: the server still has a session", name, step)
			}
		}
	}
}

func TestALoginThatComesTooLateIsEnded(t *testing.T) {
	w := newWorld(t, Settings{})
	w.insert(jo)
	for range 3 {
		w.finish(0, true)
	}
	late := w.pending[0].(validate)
	w.remove(jo)
	w.is(NoCard)
	w.pending = []effect{late}
	w.finish(0, true)
	if len(w.pending) != 1 {
		t.Fatal("the server isn't told")
	}
	w.all()
	if len(w.alive) != 0 {
		t.Error("the server still has the session")
	}
}

func TestTheServerMustSignInTheHolder(t *testing.T) {
	w := newWorld(t, Settings{})
	w.insert(jo)
	for range 3 {
		w.finish(0, true)
	}
	v := w.pending[0].(validate)
	w.pending = nil
	w.tell(validated{v.op, spine.Login{UID: sam, Ticket: secret.New([]byte("x"))}, nil})
	w.is(CardPresent)
	if !strings.Contains(w.m.problem, ErrWrongPerson.Error()) {
		t.Error(w.m.problem)
	}
	if len(w.pending) != 1 {
		t.Fatalf("the server isn't told that the session of somebody else is over: %v", w.pending)
	}
	if l, ok := w.pending[0].(logOut); !ok || l.login.UID != sam {
		t.Errorf("the server is told %+v", w.pending[0])
	}
}

func TestExpiredCardIsRefusedWithoutAQuestion(t *testing.T) {
	w := newWorld(t, Settings{})
	w.insert("expired")
	w.is(CardPresent)
	if len(w.pending) != 0 || !strings.Contains(w.m.problem, "expired") {
		t.Errorf("pending %v, problem %q", w.pending, w.m.problem)
	}
}

// The clock goes on while a card lies in its reader, and may have been wrong when it came.
func TestCertificateEndsOrBeginsInTheReader(t *testing.T) {
	w := newWorld(t, Settings{NoPromptOnInsert: true})
	began, ended := w.now.Add(time.Hour), w.now.Add(2*time.Hour)
	w.m.holder = func(c card.Card, now time.Time) (Holder, error) {
		if now.Before(began) || now.After(ended) {
			return Holder{}, &card.CertificateError{Reason: "it isn't valid now"}
		}
		return Holder{UID: c.Label, Certificate: card.Certificate{DER: []byte(c.Serial)}, NotAfter: ended}, nil
	}
	refused := func() {
		t.Helper()
		w.ask(ask{want: wantTicket})
		w.is(CardPresent)
		if len(w.pending) != 0 || len(w.waiting) != 0 {
			t.Errorf("pending %v, %d wait", w.pending, len(w.waiting))
		}
	}
	w.insert(jo)
	refused()
	w.passes(90 * time.Minute)
	w.ask(ask{want: wantTicket})
	w.is(PasscodeNeeded)
	prompt := w.pending[0].(openPrompt)
	w.pending = nil
	w.tell(promptDone{id: prompt.id, err: ErrCancelled})
	w.passes(time.Hour)
	refused()
}

func TestADriverThatComesBackKeepsTheSession(t *testing.T) {
	w := signedIn(t, Settings{})
	w.tell(cardsFailed{card.ErrModule})
	w.passes(9 * time.Second)
	w.is(SignedIn)
	w.cards[0].ID = "a new name"
	w.look()
	w.is(SignedIn)
	w.tell(cardsFailed{card.ErrModule})
	w.passes(10 * time.Second)
	w.is(SigningOut)
}

func TestEffective(t *testing.T) {
	all := []Mode{Normal, Enhanced, Persistent, Mobility}
	for i := range all {
		set := slices.Clone(all[:i+1])
		slices.Reverse(set)
		if got := Effective(set...); got != all[i] {
			t.Errorf("%v: %s", set, got)
		}
	}
	if Effective() != Normal {
		t.Error("nothing set")
	}
}

func TestNotices(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	w := newWorld(t, Settings{})
	h := Holder{NotAfter: now.AddDate(0, 0, 100)}
	told := map[int]string{}
	for day := range 102 {
		w.m.now, w.m.reason = now.AddDate(0, 0, day), ""
		w.m.notice(h)
		w.m.notice(h)
		if w.m.reason != "" {
			told[100-day] = w.m.reason
		}
	}
	for _, day := range []int{90, 30, 7, 1} {
		if told[day] == "" {
			t.Errorf("nothing is told %d days before the end", day)
		}
	}
	if len(told) != 4 {
		t.Errorf("told on %d days: %v", len(told), told)
	}
}

func TestFailureKeepsItsCause(t *testing.T) {
	f := fail("signing", card.ErrRemoved, secret.New([]byte("reader")))
	if !errors.Is(f, card.ErrRemoved) || strings.Contains(f.Error(), "reader") {
		t.Error(f)
	}
}
