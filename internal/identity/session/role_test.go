package session

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/spine"
)

// atRole is a world in which Jo is signed in, and is being asked for one of two roles.
func atRole(t *testing.T) *world {
	w := newWorld(t, Settings{})
	w.roles = 2
	w.insert(jo)
	for range 4 { // passcode, challenge, signature, login
		w.finish(0, true)
	}
	w.is(RoleNeeded)
	if q := w.question(); q.Kind != AskRole || len(q.Options) != 2 {
		t.Fatalf("the question is %+v; %s", q, w.story())
	}
	return w
}

// question is what the person is being asked; the zero value is nothing.
func (w *world) question() Question {
	for _, e := range w.pending {
		if p, ok := e.(openPrompt); ok {
			return p.q
		}
	}
	return Question{}
}

func TestRoleIsAskedFor(t *testing.T) {
	w := atRole(t)
	w.ask(ask{want: wantTicket})
	w.picks = 2
	w.all()
	w.is(SignedIn)
	if w.m.live.role.ID != "role1" || len(w.waiting) > 0 || w.m.problem != "" {
		t.Errorf("role %s, %d wait, problem %q", w.m.live.role.ID, len(w.waiting), w.m.problem)
	}
}

// Whoever declines has chosen nothing. A program that asks again has the person asked again.
func TestRoleIsNeverChosenForAnybody(t *testing.T) {
	for name, reply := range map[string]promptDone{
		"declined": {err: ErrCancelled}, "out of range": {reply: Reply{Choice: 2}}, "below it": {reply: Reply{Choice: -1}},
		"pinentry fails": {err: errors.New("no pinentry")},
	} {
		w := atRole(t)
		w.ask(ask{want: wantTicket})
		reply.id = w.m.prompt.id
		w.pending = nil
		w.tell(reply)
		w.is(RoleNeeded)
		if w.m.live.role != nil || len(w.pending) > 0 || len(w.waiting) > 0 {
			t.Errorf("%s: role %v, pending %v, %d wait", name, w.m.live.role, w.pending, len(w.waiting))
		}
		if told := strings.Contains(w.m.problem, "no pinentry"); told != (name == "pinentry fails") {
			t.Errorf("%s: the problem is %q", name, w.m.problem)
		}
		w.ask(ask{want: wantPresent})
		if w.question().Kind == AskRole {
			t.Errorf("%s: a program that wants nobody to be asked has the person asked", name)
		}
		w.ask(ask{want: wantTicket})
		w.picks = 1
		w.all()
		w.is(SignedIn)
	}
}

// What comes first counts, and the window closes.
func TestRoleByCommandClosesTheWindow(t *testing.T) {
	w := atRole(t)
	late := w.m.prompt.id
	w.pending = nil
	w.request(func(n uint64) input { return choose{n, "role1"} })
	if !w.m.prompt.closing {
		t.Error("the window stays open")
	}
	w.tell(promptDone{id: late, reply: Reply{Choice: 0}})
	w.all()
	w.is(SignedIn)
	if w.m.live.role.ID != "role1" || len(w.pending) > 0 {
		t.Errorf("role %s, pending %v", w.m.live.role.ID, w.pending)
	}
}

func TestNobodyIsAskedForARole(t *testing.T) {
	one := newWorld(t, Settings{})
	one.roles = 1
	one.insert(jo)
	one.all()
	one.is(SignedIn)

	// Automation isn't at the screen.
	w := newWorld(t, Settings{NoPromptOnInsert: true})
	w.roles = 2
	w.insert(jo)
	w.ask(ask{want: wantSignIn, passcode: secret.New([]byte(rightPasscode))})
	for len(w.pending) > 0 && w.question().Kind == "" {
		w.finish(0, true)
	}
	w.is(RoleNeeded)
	if q := w.question(); q.Kind != "" {
		t.Errorf("automation is asked %+v", q)
	}
}

// The window closes where nobody sees it any more, and comes back with the person.
func TestRoleWindowComesBack(t *testing.T) {
	for name, test := range map[string]struct{ away, back []input }{
		"screen": {[]input{screenLocks{}}, []input{screenUnlocks{}}},
		"sleep":  {[]input{sleeps{}}, []input{wakes{}}},
	} {
		w := atRole(t)
		for _, in := range test.away {
			w.tell(in)
		}
		if !w.m.prompt.closing {
			t.Errorf("%s: the window stays open", name)
		}
		w.finish(0, false)
		if w.question().Kind != "" {
			t.Errorf("%s: it opens behind the screen", name)
		}
		for _, in := range test.back {
			w.tell(in)
		}
		w.picks = 1
		w.all()
		w.is(SignedIn)
	}
	w := atRole(t)
	w.request(func(n uint64) input { return lockNow{n} })
	w.finish(0, false) // the window closes
	w.ask(ask{want: wantSignIn})
	w.picks = 1
	w.all()
	w.is(SignedIn)
}

func TestRoleWindowClosesWithTheSession(t *testing.T) {
	w := atRole(t)
	w.remove(jo)
	if !w.m.prompt.closing {
		t.Error("the window stays open after the card was pulled")
	}
	w.insert(sam)
	w.finish(slices.IndexFunc(w.pending, func(e effect) bool { _, ok := e.(openPrompt); return ok }), true) // as if it had been answered
	if w.m.live != nil || w.m.state() == SignedIn {
		t.Errorf("the answer counts for another session; %s", w.story())
	}
}

// Somebody who signs in anew is asked for the passcode first, and for the role afterwards.
func TestNewLoginTakesTheRoleWindowsPlace(t *testing.T) {
	w := atRole(t)
	w.ask(ask{want: wantFresh})
	if !w.m.prompt.closing {
		t.Error("the window stays open")
	}
	w.finish(0, false)
	if q := w.question(); q.Kind != AskPasscode {
		t.Fatalf("the question is %+v; %s", q, w.story())
	}
	w.picks = 2
	w.all()
	w.is(SignedIn)
	if len(w.mine) != 2 || len(w.waiting) > 0 {
		t.Errorf("%d logins, %d wait", len(w.mine), len(w.waiting))
	}
}

func TestServerThatRefusesTheRole(t *testing.T) {
	w := atRole(t)
	w.ask(ask{want: wantTicket})
	w.picks = 1
	w.finish(0, true)
	w.finish(0, false)
	w.is(RoleNeeded)
	if !strings.Contains(w.m.problem, "choosing a role: HTTP 500") || len(w.waiting) > 0 || len(w.pending) > 0 {
		t.Errorf("problem %q, %d wait, pending %v", w.m.problem, len(w.waiting), w.pending)
	}
}

func TestRolesThatReadTheSame(t *testing.T) {
	q := roleQuestion(spine.Login{UID: jo, Roles: []spine.Role{
		{ID: "1", Name: "Nurse", Organisation: "EXAMPLE", OrgCode: "Z9X01"},
		{ID: "2", Name: "Nurse", Organisation: "EXAMPLE", OrgCode: "Z9X01"},
		{ID: "3", Name: "Nurse", Organisation: "EXAMPLE", OrgCode: "Z9X02"},
		{ID: "4", Organisation: "as the server wrote it"},
	}})
	want := []string{"Nurse at EXAMPLE (Z9X01) 1", "Nurse at EXAMPLE (Z9X01) 2", "Nurse at EXAMPLE (Z9X02)", "as the server wrote it"}
	if !slices.Equal(q.Options, want) || !strings.Contains(q.Text, jo) {
		t.Errorf("%+v", q)
	}
}
