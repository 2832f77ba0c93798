package spine_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/identity/spinesim"
)

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func TestSignIn(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	login := d.mustSignIn(t)
	if login.UID != jo || login.Name != "Bloggs Jo Dr" || login.SessionTime != 10*time.Hour || login.MaxSessionTime != 10*time.Hour {
		t.Errorf("login %+v", login)
	}
	if login.LogoutURL != d.running.URL+"/login/authlogout" || login.SessionURL != d.running.URL+"/login/ssoupdate" {
		t.Errorf("URLs %q, %q", login.LogoutURL, login.SessionURL)
	}
	want := []spine.Role{
		{ID: "555100000101", OrgCode: "Z9X01", Organisation: "EXAMPLE & PARTNERS (J BLOGGS)", Area: "Clinical", Group: "Clinical Provision", Name: "Health Professional Access Role"},
		{ID: "555100000102", OrgCode: "Z9X02", Organisation: "SAMPLE GENERAL HOSPITAL NHS TRUST", Area: "Clinical", Group: "Clinical Provision", Name: "Clinical Practitioner Access Role"},
	}
	if diff := cmp.Diff(want, login.Roles); diff != "" {
		t.Error(diff)
	}
	// Tickets have what queries must have encoded.
	for _, c := range "+/=@#" {
		if !strings.ContainsRune(string(login.Ticket.Reveal()), c) {
			t.Fatalf("a ticket without %q tries nothing", c)
		}
	}
	assertion, err := d.client.Assertion(ctx, login.Ticket)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := assertion.Selected(); ok || assertion.UID != jo || assertion.Name != "Bloggs Jo Dr" || len(assertion.Roles) != 2 || assertion.Training {
		t.Errorf("assertion %+v", assertion)
	}
	for _, role := range want { // and another one without a new login
		if err := d.client.SelectRole(ctx, login.Ticket, role.ID); err != nil {
			t.Fatal(err)
		}
		if assertion, err = d.client.Assertion(ctx, login.Ticket); err != nil {
			t.Fatal(err)
		}
		selected, ok := assertion.Selected()
		if diff := cmp.Diff(role, selected.Role); !ok || diff != "" {
			t.Error(diff)
		}
	}
	if got := assertion.Roles[0]; got.Code != "S8000:G8000:R8003" || !cmp.Equal(got.FunctionCodes, []string{"B0085", "B0370"}) || !cmp.Equal(got.Workgroups, []string{"Surgery team"}) {
		t.Errorf("role %+v", got)
	}
	if window := assertion.NotOnOrAfter.Sub(assertion.NotBefore); window != 4*time.Minute {
		t.Errorf("the assertion is good for %v", window)
	}
	if err := d.client.SelectRole(ctx, login.Ticket, "555999999999"); !errors.Is(err, spine.ErrRefused) {
		t.Errorf("a role of nobody: %v", err)
	}
	if err := d.client.Logout(ctx, login); err != nil {
		t.Fatal(err)
	}
	if sessions := d.sim.Sessions(); len(sessions) != 0 {
		t.Errorf("after logging out: %+v", sessions)
	}
}

func TestEndedSession(t *testing.T) {
	for name, end := range map[string]func(*desk, *spine.Login){
		"logged out": func(d *desk, l *spine.Login) { _ = d.client.Logout(context.Background(), l) },
		"idle":       func(d *desk, _ *spine.Login) { d.clock.pass(10 * time.Hour) },
		"at once":    func(d *desk, _ *spine.Login) { d.sim.Expire() },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			login := d.mustSignIn(t)
			if err := d.client.SelectRole(t.Context(), login.Ticket, login.Roles[0].ID); err != nil {
				t.Fatal(err)
			}
			end(d, login)
			_, assertion := d.client.Assertion(t.Context(), login.Ticket)
			for call, err := range map[string]error{
				"assertion": assertion,
				"select":    d.client.SelectRole(t.Context(), login.Ticket, login.Roles[0].ID),
				"logout":    d.client.Logout(t.Context(), login),
			} {
				if !errors.Is(err, spine.ErrExpired) {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
}

func TestTrainingSessionsAreMarked(t *testing.T) {
	d := newDesk(t, func(_ *spinesim.Options, o *spine.Options) { o.Environment.Training = true })
	login := d.mustSignIn(t)
	if err := d.client.SelectRole(t.Context(), login.Ticket, login.Roles[0].ID); err != nil {
		t.Fatal(err)
	}
	if a, err := d.client.Assertion(t.Context(), login.Ticket); err != nil || !a.Training {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestFaults has every fault of the server between the steps of a login.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fault spinesim.Fault
		kind  error  // nil: it goes well
		says  string // in the error
	}{
		{spinesim.Fault{Name: "http-status"}, spine.ErrStatus, "asking for a challenge: 127.0.0.1:"},
		{spinesim.Fault{Name: "http-status", Value: "502", At: "validate"}, spine.ErrStatus, "signing in: 127.0.0.1:"},
		{spinesim.Fault{Name: "http-status", Value: "502", At: "select"}, spine.ErrStatus, "selecting the role: 127.0.0.1:"},
		{spinesim.Fault{Name: "http-status", Value: "502", At: "assertion"}, spine.ErrStatus, "asking for the roles of the session: 127.0.0.1:"},
		{spinesim.Fault{Name: "http-status", Value: "502", At: "logout"}, spine.ErrStatus, "signing out: 127.0.0.1:"},
		{spinesim.Fault{Name: "http-status", Value: "503", At: "validate"}, spine.ErrStatus, "Service Unavailable"},
		{spinesim.Fault{Name: "http-status", Value: "401", At: "select"}, spine.ErrExpired, ""},
		{spinesim.Fault{Name: "http-status", Value: "401", At: "activate"}, spine.ErrStatus, "HTTP 401"},
		{spinesim.Fault{Name: "missing"}, spine.ErrSyntax, "it has no challenge"},
		{spinesim.Fault{Name: "missing", Value: "signature"}, spine.ErrSyntax, "it has no signature"},
		{spinesim.Fault{Name: "missing", Value: "sso_ticket"}, spine.ErrSyntax, "it has no sso_ticket"},
		{spinesim.Fault{Name: "missing", Value: "sso_logout_url"}, nil, ""},
		{spinesim.Fault{Name: "slow", Value: "100ms"}, nil, ""},
		{spinesim.Fault{Name: "close", At: "validate"}, spine.ErrUnreachable, "closed the connection"},
		{spinesim.Fault{Name: "close", At: "assertion"}, spine.ErrUnreachable, "closed the connection"},
		{spinesim.Fault{Name: "cut", At: "validate"}, spine.ErrUnreachable, "closed the connection"},
		{spinesim.Fault{Name: "html", At: "activate"}, spine.ErrSyntax, `an HTML page ("Sign in to the network")`},
		{spinesim.Fault{Name: "html", At: "validate"}, spine.ErrSyntax, "HTML page"},
		{spinesim.Fault{Name: "html", At: "select"}, spine.ErrSyntax, "HTML page"},
		{spinesim.Fault{Name: "html", Value: "Invalid TOKEN", At: "select"}, spine.ErrSyntax, "HTML page"},
		{spinesim.Fault{Name: "html", At: "assertion"}, spine.ErrSyntax, "HTML page"},
		{spinesim.Fault{Name: "html", At: "logout"}, spine.ErrSyntax, "HTML page"},
		{spinesim.Fault{Name: "huge"}, spine.ErrSyntax, "larger than 1048576 bytes"},
		{spinesim.Fault{Name: "redirect"}, spine.ErrStatus, "redirects to https://elsewhere.invalid, which isn't followed"},
		{spinesim.Fault{Name: "redirect", Value: "http://127.0.0.1/", At: "assertion"}, spine.ErrStatus, "redirects to http://127.0.0.1"},
		{spinesim.Fault{Name: "redirect", Value: "/login/authactivate", At: "activate"}, spine.ErrSyntax, "circle"},
		{spinesim.Fault{Name: "redirect", Value: "/login/authactivate", At: "activate", Times: 1}, nil, ""},
		{spinesim.Fault{Name: "refuse", Value: "no such person"}, spine.ErrRefused, "no such person"},
		{spinesim.Fault{Name: "ampersand"}, nil, ""},
		{spinesim.Fault{Name: "comma"}, nil, ""},
		{spinesim.Fault{Name: "dtd"}, nil, ""},
		{spinesim.Fault{Name: "no-orgcode"}, nil, ""},
		{spinesim.Fault{Name: "other-host"}, nil, ""},
		{spinesim.Fault{Name: "reverse"}, nil, ""},
		{spinesim.Fault{Name: "roles"}, nil, ""},
		{spinesim.Fault{Name: "roles", Value: "200"}, nil, ""},
		{spinesim.Fault{Name: "windows-1252"}, nil, ""},
		{spinesim.Fault{Name: "expire", At: ""}, nil, ""},
	} {
		t.Run(strings.TrimSpace(c.fault.Name+" "+c.fault.Value+" "+c.fault.At), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.mustBreak(t, c.fault)
			err := d.day(t.Context())
			if c.kind == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *spine.Error
			if !errors.Is(err, c.kind) || !errors.As(err, &e) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is: %v", err)
			}
			if !strings.Contains(err.Error(), strings.TrimPrefix(d.running.URL, "https://")) {
				t.Errorf("the error names no server: %v", err)
			}
			// The next try is as if nothing had been.
			d.sim.Mend("")
			if err := d.day(t.Context()); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

// day is all that a client does, from signing in to signing out.
func (d *desk) day(ctx context.Context) error {
	login, err := d.signIn(ctx)
	if err != nil {
		return err
	}
	if err := d.client.SelectRole(ctx, login.Ticket, login.Roles[len(login.Roles)-1].ID); err != nil {
		return err
	}
	assertion, err := d.client.Assertion(ctx, login.Ticket)
	if err != nil {
		return err
	}
	if _, ok := assertion.Selected(); !ok {
		return errors.New("the session has no role")
	}
	return d.client.Logout(ctx, login)
}

func TestWhatServersSend(t *testing.T) {
	for name, c := range map[string]struct {
		fault spinesim.Fault
		check func(*desk, *spine.Login) bool
	}{
		"forty roles":       {spinesim.Fault{Name: "roles"}, func(_ *desk, l *spine.Login) bool { return len(l.Roles) == 40 }},
		"two hundred roles": {spinesim.Fault{Name: "roles", Value: "200"}, func(_ *desk, l *spine.Login) bool { return len(l.Roles) == 200 && l.Roles[199].OrgCode == "Z8199" }},
		"no role":           {spinesim.Fault{Name: "roles", Value: "0"}, func(_ *desk, l *spine.Login) bool { return len(l.Roles) == 0 }},
		"bare ampersands": {spinesim.Fault{Name: "ampersand"}, func(_ *desk, l *spine.Login) bool {
			return l.Roles[0].Organisation == "EXAMPLE & PARTNERS (J BLOGGS) & <SONS> &C AT&T;"
		}},
		"commas": {spinesim.Fault{Name: "comma"}, func(_ *desk, l *spine.Login) bool {
			return l.Roles[0].Organisation == `EXAMPLE & PARTNERS (J BLOGGS), "LOWER HOUSE", WEST` && l.Roles[0].Area == "Clinical"
		}},
		"other bytes": {spinesim.Fault{Name: "windows-1252"}, func(_ *desk, l *spine.Login) bool {
			return l.Roles[0].Organisation == "EXAMPLE & PARTNERS (J BLOGGS) CAFÉ Ô’R CWM"
		}},
		"no orgcode":    {spinesim.Fault{Name: "no-orgcode"}, func(_ *desk, l *spine.Login) bool { return l.Roles[0].OrgCode == "" && l.Roles[0].ID == "555100000101" }},
		"another order": {spinesim.Fault{Name: "reverse"}, func(_ *desk, l *spine.Login) bool { return l.Name == "Bloggs Jo Dr" && l.Roles[0].ID == "555100000102" }},
		"another's URLs": {spinesim.Fault{Name: "other-host"}, func(d *desk, l *spine.Login) bool {
			return l.LogoutURL == "" && l.SessionURL == "" && d.client.Logout(context.Background(), l) == nil
		}},
		"entities of a DTD":  {spinesim.Fault{Name: "dtd"}, func(_ *desk, l *spine.Login) bool { return l.Name == "Bloggs Jo Dr" }},
		"no time of session": {spinesim.Fault{Name: "missing", Value: "sso_session_time"}, func(_ *desk, l *spine.Login) bool { return l.SessionTime == 0 && l.MaxSessionTime == 10*time.Hour }},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.mustBreak(t, c.fault)
			if login := d.mustSignIn(t); !c.check(d, login) {
				t.Errorf("%+v", login)
			}
		})
	}
}

// TestWhatIsSent holds the client against the recorded requests of the first agents, and against what it promises.
func TestWhatIsSent(t *testing.T) {
	var seen []string
	client := at(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("User-Agent") != "nhos-identity/1" || r.Header.Get("Analytics") != "" || r.Header.Get("Content-Type") != "" ||
			r.Header.Get("Cookie") != "" || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("headers %v", r.Header)
		}
		seen = append(seen, r.Method+" "+r.RequestURI+"\n"+string(body))
		switch r.URL.Path {
		case "/login/authactivate":
			fmt.Fprint(w, `<gpOBJECT><gpPARAM name="challenge">Y2hhbGxlbmdl</gpPARAM><gpPARAM name="signature">A&B</gpPARAM></gpOBJECT>`)
		case "/login/authvalidate":
			fmt.Fprint(w, `<gpOBJECT><gpPARAM name="sso_ticket">a+b/c=@d#</gpPARAM></gpOBJECT>`)
		default:
			fmt.Fprint(w, "OK")
		}
	})
	ctx := t.Context()
	challenge, err := client.Activate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	login, err := client.Validate(ctx, jo, challenge, []byte("cms"))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.SelectRole(ctx, login.Ticket, "1 2&3"); err != nil {
		t.Fatal(err)
	}
	if err := client.Logout(ctx, login); err != nil {
		t.Fatal(err)
	}
	if len(challenge.LogID) != 10 || len(challenge.DeviceID) != len("0badcafe,ClientIP=127.0.0.1") {
		t.Errorf("ids %q, %q", challenge.LogID, challenge.DeviceID)
	}
	const head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE USER SYSTEM \"gpOBJECT.DTD\">\n<gpOBJECT>\n"
	ids := `<gpPARAM name="log_session_id">` + challenge.LogID + "</gpPARAM>\n" + `<gpPARAM name="device_id">` + challenge.DeviceID + "</gpPARAM>\n"
	want := []string{
		"POST /login/authactivate\n" + head + `<gpPARAM name="auth_method">3</gpPARAM>
<gpPARAM name="app_url">NHST</gpPARAM>
` + ids + `<gpPARAM name="service">ACTIVATION</gpPARAM>
</gpOBJECT>
`,
		"POST /login/authvalidate\n" + head + `<gpPARAM name="auth_method">3</gpPARAM>
<gpPARAM name="app_url">NHST</gpPARAM>
` + ids + `<gpPARAM name="service">AUTHENTICATION</gpPARAM>
<gpPARAM name="challenge">Y2hhbGxlbmdl</gpPARAM>
<gpPARAM name="signature">A&amp;B</gpPARAM>
<gpPARAM name="uid">555000000101</gpPARAM>
<gpPARAM name="card_type">p11</gpPARAM>
<gpPARAM name="response" encoding="base64">TUlNRS1WZXJzaW9uOiAxLjAKQ29udGVudC1EaXNwb3NpdGlvbjogYXR0YWNobWVudDsgZmlsZW5hbWU9InNtaW1lLnA3bSIKQ29udGVudC1UeXBlOiBhcHBsaWNhdGlvbi94LXBrY3M3LW1pbWU7IG5hbWU9InNtaW1lLnA3bSIKQ29udGVudC1UcmFuc2Zlci1FbmNvZGluZzogYmFzZTY0CgpZMjF6Cg==</gpPARAM>
<gpPARAM name="mobility">0</gpPARAM>
</gpOBJECT>
`,
		"GET /saml/RoleSelectionGP.jsp?token=a%2Bb%2Fc%3D%40d%23&selectedRoleUid=1%202%263&ssbMode=0&fallbackStatus=0&gacVersion=nhos-identity%2F1\n",
		"POST /login/authlogout\n" + head + `<gpPARAM name="service">LOGOUT</gpPARAM>
<gpPARAM name="sso_ticket">a+b/c=@d#</gpPARAM>
` + ids + `<gpPARAM name="uid">555000000101</gpPARAM>
</gpOBJECT>
`,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

// TestRedirections has a server that sends a client to another page of its own: what was posted goes there only where it
// stays what it is.
func TestRedirections(t *testing.T) {
	for status, follows := range map[int]struct{ post, get bool }{301: {false, true}, 302: {false, true}, 303: {false, true}, 307: {true, true}, 308: {true, true}} {
		for method, want := range map[string]bool{"POST": follows.post, "GET": follows.get} {
			var asked []string
			client := at(t, func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Method)
				if r.URL.Path != "/there" {
					w.Header().Set("Location", "/there")
					w.WriteHeader(status)
					return
				}
				fmt.Fprint(w, `<gpOBJECT><gpPARAM name="challenge">Y2hhbGxlbmdl</gpPARAM><gpPARAM name="signature">x</gpPARAM></gpOBJECT> OK`)
			})
			var err error
			if method == "POST" {
				_, err = client.Activate(t.Context())
			} else {
				err = client.SelectRole(t.Context(), secret.New([]byte("x")), "1")
			}
			if (err == nil) != want || want != (len(asked) == 2) || !want && !errors.Is(err, spine.ErrStatus) {
				t.Errorf("HTTP %d to a %s: the server is asked by %v, %v", status, method, asked, err)
			}
		}
	}
}

func TestAnalytics(t *testing.T) {
	header := ""
	client := at(t, func(_ http.ResponseWriter, r *http.Request) { header = r.Header.Get("Analytics") })
	_, _ = client.Activate(t.Context())
	if header != "" {
		t.Errorf("sent unasked: %s", header)
	}
	d := newDesk(t, func(_ *spinesim.Options, o *spine.Options) {
		o.Analytics = func() spine.Analytics {
			return spine.Analytics{OS: "Debian GNU/Linux 13", Mode: "Normal", Readers: []string{"Lés 1"}, ATR: []byte{0x3b, 0xf9}}
		}
	})
	d.mustSignIn(t) // the server takes it with the header as well
	got := spine.Analytics{OS: "Debian GNU/Linux 13", Mode: "Normal", Readers: []string{"Lés\n1"}, ATR: []byte{0x3b, 0xf9}, Driver: "OpenSC 0.26"}.Header("nhos-identity/1", "Qw3rTy")
	const want = `{"IAVersion":"nhos-identity/1","OSVersion":"Debian GNU/Linux 13","Mode":"Normal","TrainingMode":"False","MiddlewareInstalled":["OpenSC 0.26"],` +
		`"CardReaders":["L\u00e9s\n1"],"RemoteSession":"False","ATR":"3B-F9","ActiveCardReader":"","SessionId":"Qw3rTy"}`
	if got != want {
		t.Errorf("header\n%s\nwant\n%s", got, want)
	}
}

// TestNoTicketInErrors searches every error that a call with a ticket can give, and all that it wraps.
func TestNoTicketInErrors(t *testing.T) {
	const ticket = "AQIC5wM2LY4Sfc+1/2=@AAJTSQACMDE=#"
	forms := []string{ticket, url.QueryEscape(ticket), url.PathEscape(ticket), "AQIC5wM2", "token="}
	search := func(t *testing.T, err error) {
		t.Helper()
		if err == nil {
			t.Fatal("no error")
		}
		var all strings.Builder
		var walk func(error)
		walk = func(err error) {
			fmt.Fprintf(&all, "%v\n%+v\n%#v\n%q\n", err, err, err, err)
			switch e := err.(type) { //nolint:errorlint // it walks
			case interface{ Unwrap() error }:
				if inner := e.Unwrap(); inner != nil {
					walk(inner)
				}
			case interface{ Unwrap() []error }:
				for _, inner := range e.Unwrap() {
					walk(inner)
				}
			}
		}
		walk(err)
		for _, form := range forms {
			if strings.Contains(all.String(), form) {
				t.Errorf("%q is in\n%s", form, all.String())
			}
		}
	}
	calls := func(t *testing.T, client *spine.Client) {
		login := &spine.Login{UID: jo, Ticket: secret.New([]byte(ticket))}
		_, err := client.Assertion(t.Context(), login.Ticket)
		search(t, err)
		search(t, client.SelectRole(t.Context(), login.Ticket, "1"))
		search(t, client.Logout(t.Context(), login))
	}
	// Servers that repeat what they were sent, wherever they can.
	echo := map[string]http.HandlerFunc{
		"title": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "<html><title>no %s %s</title>", r.URL, ticket)
		},
		"status": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "<STATUS>bad: '%s'</STATUS>", ticket) },
		"location": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://else/%zz?token="+ticket)
			w.WriteHeader(http.StatusFound)
		},
		"host": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://AQIC5wM2LY4Sfc+1/2=@AAJTSQACMDE=#")
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"saml": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `<Response><Status><StatusCode Value="x:%s"/><StatusMessage>%s</StatusMessage></Status></Response>`, ticket, ticket)
		},
		"header": func(w http.ResponseWriter, r *http.Request) {
			c, _, _ := http.NewResponseController(w).Hijack()
			fmt.Fprintf(c, "HTTP/1.1 %s\r\n\r\n", ticket)
			_ = c.Close()
		},
		"header line": func(w http.ResponseWriter, r *http.Request) {
			c, _, _ := http.NewResponseController(w).Hijack()
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%s\r\n\r\n", ticket)
			_ = c.Close()
		},
	}
	for name, handler := range echo {
		t.Run(name, func(t *testing.T) { calls(t, at(t, handler)) })
	}
	for name, environment := range map[string]spine.Environment{
		"refused":   {Login: "https://127.0.0.1:1"},
		"no name":   {Login: "https://gas.invalid"},
		"bad proxy": {Login: "https://gas.invalid", Proxy: "http://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) { calls(t, newClient(t, spine.Options{Environment: environment})) })
	}
	t.Run("untrusted", func(t *testing.T) {
		calls(t, newClient(t, spine.Options{Environment: spine.Environment{Login: newDesk(t).running.URL}}))
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		client := newClient(t, spine.Options{Environment: spine.Environment{Login: "https://127.0.0.1:1"}})
		_, err := client.Assertion(ctx, secret.New([]byte(ticket)))
		search(t, err)
		if !errors.Is(err, context.Canceled) || errors.Is(err, spine.ErrUnreachable) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

// TestSlow has a server that holds its answer back longer than the client waits.
func TestSlow(t *testing.T) {
	d := newDesk(t, func(_ *spinesim.Options, o *spine.Options) { o.Timeouts.Answer = 100 * time.Millisecond })
	d.mustBreak(t, spinesim.Fault{Name: "slow", Value: "1m", At: "activate"})
	began := time.Now()
	if _, err := d.client.Activate(t.Context()); !errors.Is(err, spine.ErrUnreachable) || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

// TestEndless has a server whose answer doesn't end: no more of it is read than an answer may have.
func TestEndless(t *testing.T) {
	const enough = 64 << 20
	sent := make(chan int, 1)
	client := at(t, func(w http.ResponseWriter, _ *http.Request) {
		all := 0
		defer func() { sent <- all }()
		for part := make([]byte, 64<<10); all < enough; all += len(part) {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	})
	if _, err := client.Activate(t.Context()); !errors.Is(err, spine.ErrSyntax) || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
	// What is on its way when the client hangs up is in buffers of the kernel.
	if got := <-sent; got > enough/2 {
		t.Errorf("%d bytes were read", got)
	}
}

// TestHangs has a server that takes connections and says nothing.
func TestHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	client := newClient(t, spine.Options{Environment: spine.Environment{Login: "https://" + l.Addr().String()}, Timeouts: spine.Timeouts{TLS: 200 * time.Millisecond}})
	began := time.Now()
	_, err = client.Activate(t.Context())
	if !errors.Is(err, spine.ErrUnreachable) || time.Since(began) > 20*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err = client.Activate(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, spine.ErrUnreachable) {
		t.Errorf("by a deadline: %v", err)
	}
}
