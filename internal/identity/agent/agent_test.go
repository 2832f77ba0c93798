package agent_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/agent"
	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/cardtest"
	"nhos.org/nhos/internal/identity/policy"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spinesim"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/identity/virtualcard"
	"nhos.org/nhos/internal/ui"
)

// TestFromCardToTicket is the whole way, by each digest that an environment may have: the card signs by it, and the CMS
// says so.
func TestFromCardToTicket(t *testing.T) {
	for name, f := range map[string]furniture{"sha1": {number: "2"}, "sha256": {number: "2", sha256: true}} {
		t.Run(name, func(t *testing.T) {
			o := open(t, f)
			s := o.becomes(session.SignedIn)
			if s.UID != person || len(s.Roles) != 2 || s.Role == nil || s.Role.ID != s.Roles[1].ID || s.Ends.IsZero() {
				t.Errorf("%+v", s)
			}
			a, err := o.call(ticket.Request{Method: ticket.GetTicket})
			if err != nil || a.Ticket.Len() == 0 {
				t.Fatal(err)
			}
			theirs := o.spine.Sessions()
			if len(theirs) != 1 || theirs[0].UID != person || theirs[0].Role != s.Roles[1].ID {
				t.Errorf("the Spine has %+v", theirs)
			}
			for _, want := range []string{"SETTITLE Smartcard\n", "SETDESC Passcode of the smartcard of " + person, person + " is signed in. Which role?"} {
				if !strings.Contains(o.told(), want) {
					t.Errorf("pinentry wasn't told %q, but\n%s", want, o.told())
				}
			}
			o.audited(ticket.GetTicket, "SUCCESS")

			// An agent that ends tells the Spine.
			o.end()
			if left := o.spine.Sessions(); len(left) != 0 {
				t.Errorf("the Spine still has %+v", left)
			}
		})
	}
}

// audited holds that the audit has this program's request last.
func (o *office) audited(m ticket.Method, result string) {
	o.t.Helper()
	lines := strings.Split(strings.TrimSpace(o.audit.String()), "\n")
	var r ticket.Record
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		o.t.Fatal(err)
	}
	if r.Method != m || r.Result != result || r.Person != person || r.Program.PID != os.Getpid() || time.Since(r.Time) > patience {
		o.t.Errorf("the audit's last record is %+v", r)
	}
}

// What policy says of sessions holds: nobody is asked when a card comes, and the mode is the one that goes before.
func TestPolicyReachesTheSession(t *testing.T) {
	o := open(t, furniture{session: "prompt_on_insert = false\nenhanced = true\npersistent = true"})
	if s := o.becomes(session.CardPresent); s.Mode != session.Persistent {
		t.Errorf("the mode is %s", s.Mode)
	}
	if _, err := o.call(ticket.Request{Method: ticket.SignIn}); err != nil {
		t.Fatal(err)
	}
	o.becomes(session.RoleNeeded)
	if o.told() == "" {
		t.Error("nobody was asked after all")
	}
}

// An end of the session at the Spine is one here, whoever notices: its own words become the session's.
func TestSessionThatTheSpineEnded(t *testing.T) {
	o := open(t, furniture{session: "prompt_on_insert = false"})
	o.becomes(session.CardPresent)
	if _, err := o.call(ticket.Request{Method: ticket.SignIn, Passcode: secret.New([]byte(passcode))}); err != nil {
		t.Fatal(err)
	}
	s := o.becomes(session.RoleNeeded)
	o.spine.Expire()
	if _, err := o.call(ticket.Request{Method: ticket.SelectRole, Role: s.Roles[0].ID}); ticket.CodeOf(err) != ticket.AuthNotValid {
		t.Errorf("choosing a role: %v", err)
	}
	if s := o.becomes(session.CardPresent); s.Problem != session.ErrSessionEnded.Error() {
		t.Errorf("the problem is %q", s.Problem)
	}
	if strings.Contains(o.told(), "GETPIN") {
		t.Errorf("automation was asked:\n%s", o.told())
	}
}

// What logind says reaches the session: in enhanced mode either locks it. After sleep the Spine is asked at the next use.
func TestScreenAndSleep(t *testing.T) {
	desktop := newDesktop(t)
	o := open(t, furniture{session: "enhanced = true", number: "1", bus: desktop.address})
	o.becomes(session.SignedIn)
	for name, test := range map[string]struct{ away, back func() }{
		"screen": {func() { desktop.screen("Lock") }, func() { desktop.screen("Unlock") }},
		"sleep":  {func() { desktop.sleep(true) }, func() { desktop.sleep(false) }},
	} {
		o.becomesBy(test.away, session.Locked)
		if _, err := o.call(ticket.Request{Method: ticket.GetTicketNoAuth}); ticket.CodeOf(err) != ticket.TicketNotAvailable {
			t.Errorf("%s: %v", name, err)
		}
		test.back() // and the person is asked to resume
		o.becomes(session.SignedIn)
		if n := len(o.spine.Sessions()); n != 1 {
			t.Errorf("%s: the Spine has %d sessions", name, n)
		}
	}
}

// A session is asked after at the Spine when it is used after a sleep. One that is another person's is none.
func TestSessionThatEndedDuringSleep(t *testing.T) {
	for name, during := range map[string]func(*spinesim.Server) error{
		"ended":            func(s *spinesim.Server) error { s.Expire(); return nil },
		"another person's": func(s *spinesim.Server) error { return s.Break(spinesim.Fault{Name: "other-person"}) },
	} {
		t.Run(name, func(t *testing.T) { sleepThrough(t, during) })
	}
}

func sleepThrough(t *testing.T, during func(*spinesim.Server) error) {
	desktop := newDesktop(t)
	o := open(t, furniture{number: "1", bus: desktop.address})
	o.becomes(session.SignedIn)
	if err := during(o.spine); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) { // until logind is listened to
		desktop.sleep(true)
		desktop.sleep(false)
		if _, err := o.call(ticket.Request{Method: ticket.GetTicketNoAuth}); ticket.CodeOf(err) == ticket.TicketNotAvailable {
			break
		}
		if time.Since(began) > patience {
			t.Fatal("a ticket of a session that isn't one any more is given out")
		}
	}
}

// TestKeyPads signs in at a reader with keys, at one that only claims to have some, and at one where nobody types.
func TestKeyPads(t *testing.T) {
	for answer, test := range map[string]struct {
		says  string // the error; empty is a session
		asked bool   // on the screen
	}{
		"accept " + passcode: {}, "arguments": {asked: true}, "unsupported": {asked: true}, "canceled": {says: card.ErrPadCancelled.Error()},
	} {
		t.Run(strings.Fields(answer)[0], func(t *testing.T) {
			o := open(t, furniture{pad: answer, session: "prompt_on_insert = false", number: "1"})
			o.becomes(session.CardPresent)
			_, err := o.call(ticket.Request{Method: ticket.GetTicket})
			if test.says == "" && err != nil {
				t.Error(err)
			}
			if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says) || ticket.CodeOf(err) != ticket.UserAbort) {
				t.Errorf("%v; want %q", err, test.says)
			}
			if asked := strings.Contains(o.told(), "SETPROMPT Passcode:"); asked != test.asked {
				t.Errorf("pinentry was told\n%s", o.told())
			}
			if why := strings.Contains(o.told(), "SETERROR "+card.ErrNoPad.Error()); why != test.asked {
				t.Errorf("pinentry was told\n%s", o.told())
			}
			if logins, want := o.pad.Logins(t), map[bool]string{true: "pad\ntyped\n", false: "pad\n"}[test.asked]; logins != want {
				t.Errorf("logins\n%s", logins)
			}
			if test.says == "" {
				o.becomes(session.SignedIn)
				return
			}
			// Nothing is lost: the next try is as good as any.
			o.becomes(session.CardPresent)
			o.pad.Answer(t, "accept "+passcode)
			if _, err := o.call(ticket.Request{Method: ticket.GetTicket}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatIsSetUpWrong(t *testing.T) {
	run := func(environment, engine string) error {
		p, err := policy.Load()
		if err != nil {
			t.Fatal(err)
		}
		p.Environment = environment
		return agent.Run(t.Context(), agent.Options{Policy: p, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Engine: engine})
	}
	if err := run("liev", engine); err == nil || !strings.Contains(err.Error(), `unknown environment "liev"`) {
		t.Error(err)
	}
	if err := run("live", "/nowhere/nhos-identity-card"); !errors.Is(err, os.ErrNotExist) || ui.HintOf(err) == "" {
		t.Error(err)
	}
}

func TestHolderOf(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		spec virtualcard.CardSpec
		why  string // nobody is signed in; empty is the holder
	}{
		"valid": {}, "expired": {virtualcard.CardSpec{NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(0, 0, -1)}, "expired"},
		"for prescriptions alone": {virtualcard.CardSpec{NoAuthentication: true}, "no certificate for signing in"},
	} {
		test.spec.UID = person
		held := cardtest.Issue(t, test.spec)
		c := card.Card{}
		for id, slot := range []string{virtualcard.SlotAuthentication, virtualcard.SlotSignature} {
			if certificate := held.Certificate(slot); certificate != nil {
				c.Certificates = append(c.Certificates, card.Certificate{KeyID: []byte{byte(id)}, DER: certificate.Raw, Slot: slot})
			}
		}
		holder, err := agent.HolderOf(c, now)
		if test.why != "" {
			if refused, ok := errors.AsType[*card.CertificateError](err); !ok || !strings.Contains(refused.Reason, test.why) {
				t.Errorf("%s: %+v, %v", name, holder, err)
			}
			continue
		}
		if err != nil || holder.UID != person || holder.Certificate.Slot != "9A" || !holder.NotAfter.Equal(held.Certificate("9A").NotAfter) {
			t.Errorf("%s: %+v, %v", name, holder, err)
		}
	}
}
