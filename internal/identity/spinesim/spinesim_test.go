package spinesim_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/identity/spinesim"
	"nhos.org/nhos/internal/identity/virtualcard"
)

const jo, ada = "555000000101", "555000000102"

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	authority = sync.OnceValue(func() *virtualcard.Authority { return must(virtualcard.NewAuthority("SubCA02")) })
	josCard   = sync.OnceValue(func() *virtualcard.Card { return must(authority().Issue(virtualcard.CardSpec{UID: jo})) })
)

// A visitor is a client that somebody else wrote: plain HTTP, with text put together by hand.
type visitor struct {
	t       *testing.T
	sim     *spinesim.Server
	running *spinesim.Running
	client  *http.Client
	now     time.Time
}

func visit(t *testing.T, set func(*spinesim.Options)) *visitor {
	t.Helper()
	v := &visitor{t: t, now: time.Now()}
	o := spinesim.Options{CardCAs: []*x509.Certificate{authority().Certificate}, Now: func() time.Time { return v.now }}
	if set != nil {
		set(&o)
	}
	var err error
	if v.sim, err = spinesim.New(o); err != nil {
		t.Fatal(err)
	}
	if v.running, err = v.sim.Start(spinesim.Listen{}); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: v.running.CAs}}
	v.client = &http.Client{Transport: transport, Timeout: time.Minute}
	t.Cleanup(func() { transport.CloseIdleConnections(); _ = v.running.Close() })
	return v
}

// send makes a request; header is "Name: value" or "".
func (v *visitor) send(method, path, body, header string) string {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.running.URL+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if name, value, ok := strings.Cut(header, ": "); ok {
		r.Header.Set(name, value)
	}
	response, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(text)
}

// field is what a field of an answer says.
func field(answer, name string) string {
	m := regexp.MustCompile(`<gpPARAM name="` + name + `"[^>]*>(.*?)</gpPARAM>`).FindStringSubmatch(answer)
	if m == nil {
		return ""
	}
	return m[1]
}

// activate gives a challenge's fields, and its bytes.
func (v *visitor) activate() (challenge, signature string, content []byte) {
	v.t.Helper()
	a := v.send("POST", "/login/authactivate", `<gpOBJECT><gpPARAM name="service">ACTIVATION</gpPARAM></gpOBJECT>`, "")
	challenge, signature = field(a, "challenge"), field(a, "signature")
	content, err := base64.StdEncoding.DecodeString(challenge)
	if err != nil || len(content) != 48 || signature == "" {
		v.t.Fatalf("no challenge in %s", a)
	}
	return challenge, signature, content
}

// validate sends the response (decoded) as uid.
func (v *visitor) validate(uid, challenge, signature string, response []byte, header string) string {
	v.t.Helper()
	return v.send("POST", "/login/authvalidate", fmt.Sprintf(`<gpOBJECT><gpPARAM name="mobility">0</gpPARAM>
<gpPARAM encoding="base64" name="response">%s</gpPARAM><gpPARAM name="signature">%s</gpPARAM><gpPARAM name="challenge">%s</gpPARAM>
<gpPARAM name="uid">%s</gpPARAM><gpPARAM name="log_session_id">A & B</gpPARAM></gpOBJECT>`,
		base64.StdEncoding.EncodeToString(response), signature, challenge, uid), header)
}

func signer(key *rsa.PrivateKey, digest crypto.Hash) func([]byte) ([]byte, error) {
	return func(content []byte) ([]byte, error) {
		h := digest.New()
		h.Write(content)
		return rsa.SignPKCS1v15(rand.Reader, key, digest, h.Sum(nil))
	}
}

// answer signs content with a slot of a card.
func answer(t *testing.T, card *virtualcard.Card, slot string, digest crypto.Hash, content []byte) []byte {
	t.Helper()
	der, err := spine.CMS(card.Certificate(slot).Raw, content, digest, signer(card.PrivateKey(slot), digest))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestHeads has the heads of the MIME text that clients are known to write, with other headers of HTTP.
func TestHeads(t *testing.T) {
	v := visit(t, nil)
	const pad = "        "
	for name, form := range map[string]string{
		"plain":      "MIME-Version: 1.0\nContent-Disposition: attachment; filename=\"smime.p7m\"\nContent-Type: application/x-pkcs7-mime; name=\"smime.p7m\"\nContent-Transfer-Encoding: base64\n\nBLOB\n",
		"first ones": "MIME-Version: 1.0\n" + pad + "Content-Disposition: attachment; filename=\"smime.p7m\"\n" + pad + "Content-Type: application/x-pkcs7-mime; name=\"smime.p7m\"\n" + pad + "Content-Transfer-Encoding: base64\n" + pad + "\n" + pad + "BLOB",
		"CRLF":       "Content-Type: application/pkcs7-mime\r\n\r\nBLOB\r\n\r\n",
		"folded":     "Content-Type: application/pkcs7-mime;\n\tname=x\n\nLINES\n",
		"no head":    "BLOB",
		"DER":        "DER",
		"a tail":     "MIME-Version: 1.0\n\nBLOB\n--boundary--\nMIIB\n",
	} {
		for _, header := range []string{"", "Content-Type: application/x-www-form-urlencoded", "Content-Type: text/plain;charset=UTF-8", `Analytics: {"IAVersion":"2.1.2.16"}`} {
			challenge, signature, content := v.activate()
			der := answer(t, josCard(), "9A", crypto.SHA1, content)
			blob := base64.StdEncoding.EncodeToString(der)
			text := strings.NewReplacer("BLOB", blob, "LINES", regexp.MustCompile(`.{64}`).ReplaceAllString(blob, "$0\r\n"), "DER", string(der)).Replace(form)
			if a := v.validate(jo, challenge, signature, []byte(text), header); field(a, "sso_ticket") == "" {
				t.Errorf("%s, %q: %s", name, header, a)
			}
		}
	}
}

// TestOpenSSLSigns has a whole login with what OpenSSL signed.
func TestOpenSSLSigns(t *testing.T) {
	v := visit(t, nil)
	dir := t.TempDir()
	card := josCard()
	key := must(x509.MarshalPKCS8PrivateKey(card.PrivateKey("9A")))
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keyFile, certFile := write("key.der", key), write("cert.der", card.Certificate("9A").Raw)
	run := func(args ...string) {
		if out, err := exec.CommandContext(t.Context(), "openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	run("x509", "-inform", "DER", "-in", certFile, "-out", filepath.Join(dir, "cert.pem"))
	run("pkey", "-inform", "DER", "-in", keyFile, "-out", filepath.Join(dir, "key.pem"))
	for name, c := range map[string]struct {
		args []string
		good bool
	}{
		"sha1":              {[]string{"-noattr", "-nodetach", "-md", "sha1"}, true},
		"sha256":            {[]string{"-noattr", "-nodetach", "-md", "sha256"}, true},
		"sha512":            {[]string{"-noattr", "-nodetach", "-md", "sha512"}, false},
		"signed attributes": {[]string{"-nodetach", "-md", "sha1"}, false},
		"no content":        {[]string{"-noattr", "-md", "sha1"}, false},
		"no certificate":    {[]string{"-noattr", "-nodetach", "-nocerts", "-md", "sha1"}, false},
	} {
		challenge, signature, content := v.activate()
		in, out := write("content", content), filepath.Join(dir, "out.der")
		run(append([]string{"cms", "-sign", "-binary", "-in", in, "-signer", filepath.Join(dir, "cert.pem"), "-inkey", filepath.Join(dir, "key.pem"), "-outform", "DER", "-out", out}, c.args...)...)
		a := v.validate(jo, challenge, signature, must(os.ReadFile(out)), "")
		if (field(a, "sso_ticket") != "") != c.good {
			t.Errorf("%s: %s", name, a)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	v := visit(t, nil)
	other := must(virtualcard.NewAuthority("SubCA02"))
	year := 365 * 24 * time.Hour
	issue := func(a *virtualcard.Authority, spec virtualcard.CardSpec) *virtualcard.Card {
		return must(a.Issue(spec))
	}
	for name, c := range map[string]struct {
		card *virtualcard.Card
		slot string
		uid  string
		says string
	}{
		"expired":           {issue(authority(), virtualcard.CardSpec{UID: jo, NotBefore: v.now.Add(-year), NotAfter: v.now.Add(-time.Hour)}), "9A", jo, "expired"},
		"not yet valid":     {issue(authority(), virtualcard.CardSpec{UID: jo, NotBefore: v.now.Add(time.Hour)}), "9A", jo, "not yet valid"},
		"another CA":        {issue(other, virtualcard.CardSpec{UID: jo}), "9A", jo, "trusted"},
		"another's uid":     {josCard(), "9A", ada, "not of uid"},
		"for prescriptions": {josCard(), "9C", jo, "for signing in"},
		"unknown person":    {issue(authority(), virtualcard.CardSpec{UID: "555000009999"}), "9A", "555000009999", "nobody"},
	} {
		challenge, signature, content := v.activate()
		a := v.validate(c.uid, challenge, signature, answer(t, c.card, c.slot, crypto.SHA1, content), "")
		if field(a, "sso_ticket") != "" || !strings.Contains(field(a, "error_message"), c.says) {
			t.Errorf("%s: %s", name, a)
		}
	}
	refused := func(name, a string) {
		t.Helper()
		if field(a, "sso_ticket") != "" || field(a, "error_message") == "" {
			t.Errorf("%s: %s", name, a)
		}
	}
	challenge, signature, content := v.activate()
	good := answer(t, josCard(), "9A", crypto.SHA1, content)
	refused("another challenge's signature", v.validate(jo, challenge, base64.StdEncoding.EncodeToString([]byte("x")), good, ""))
	refused("after that", v.validate(jo, challenge, signature, good, ""))
	challenge, signature, content = v.activate()
	refused("another content", v.validate(jo, challenge, signature, answer(t, josCard(), "9A", crypto.SHA1, append([]byte("x"), content...)), ""))
	challenge, signature, content = v.activate()
	good = answer(t, josCard(), "9A", crypto.SHA1, content)
	if a := v.validate(jo, challenge, signature, good, ""); field(a, "sso_ticket") == "" || field(a, "log_session_id") != "A &amp; B" {
		t.Errorf("a good one: %s", a)
	}
	refused("a second time", v.validate(jo, challenge, signature, good, ""))
	challenge, signature, content = v.activate()
	v.now = v.now.Add(2 * time.Minute)
	refused("too late", v.validate(jo, challenge, signature, answer(t, josCard(), "9A", crypto.SHA1, content), ""))
	challenge, signature, content = v.activate()
	flipped := answer(t, josCard(), "9A", crypto.SHA1, content)
	flipped[len(flipped)-1] ^= 1
	refused("another signature", v.validate(jo, challenge, signature, flipped, ""))
	challenge, signature, content = v.activate()
	refused("more behind it", v.validate(jo, challenge, signature, append(answer(t, josCard(), "9A", crypto.SHA1, content), 0), ""))
	refused("nonsense", v.send("POST", "/login/authvalidate", "<", ""))
	if a := v.send("POST", "/login/authvalidate", strings.Repeat("x", 300<<10), ""); !strings.Contains(a, "too large") {
		t.Errorf("300 KiB: %s", a)
	}

	strict := visit(t, func(o *spinesim.Options) { o.Digests = []crypto.Hash{crypto.SHA256} })
	for digest, good := range map[crypto.Hash]bool{crypto.SHA1: false, crypto.SHA256: true} {
		challenge, signature, content := strict.activate()
		a := strict.validate(jo, challenge, signature, answer(t, josCard(), "9A", digest, content), "")
		if (field(a, "sso_ticket") != "") != good {
			t.Errorf("%v where SHA-256 alone is taken: %s", digest, a)
		}
	}
}

// signIn gives a ticket.
func (v *visitor) signIn() string {
	v.t.Helper()
	challenge, signature, content := v.activate()
	ticket := field(v.validate(jo, challenge, signature, answer(v.t, josCard(), "9A", crypto.SHA1, content), ""), "sso_ticket")
	if len(ticket) != 62 || !strings.HasPrefix(ticket, "AQIC5wM2LY4Sfc") || !strings.HasSuffix(ticket, "=@AAJTSQACMDE=#") {
		v.t.Fatalf("ticket %q", ticket)
	}
	return ticket
}

func TestSessionsEnd(t *testing.T) {
	v := visit(t, func(o *spinesim.Options) { o.SessionTime, o.MaxSession = 10*time.Minute, time.Hour })
	lives := func(ticket string) bool {
		return strings.Contains(v.send("GET", "/saml/RoleAssertion?token="+url.QueryEscape(ticket), "", ""), "samlp:Success")
	}
	ticket := v.signIn()
	if !lives(ticket) || lives(strings.ReplaceAll(ticket, "+", " ")) || lives("") {
		t.Error("a session goes on by its ticket alone")
	}
	if strings.Contains(v.send("GET", "/saml/RoleAssertion?token="+ticket, "", ""), "samlp:Success") {
		t.Error("a ticket that isn't encoded is taken")
	}
	for range 6 {
		v.now = v.now.Add(9 * time.Minute)
		if !lives(ticket) {
			t.Error("a session that is used has ended")
		}
	}
	v.now = v.now.Add(6 * time.Minute)
	if lives(ticket) {
		t.Error("a session is over an hour old")
	}
	ticket = v.signIn()
	v.now = v.now.Add(10 * time.Minute)
	if lives(ticket) || len(v.sim.Sessions()) != 0 {
		t.Error("a session has been idle for 10 minutes")
	}
	out := `<gpOBJECT><gpPARAM name="service">LOGOUT</gpPARAM><gpPARAM name="sso_ticket">%s</gpPARAM></gpOBJECT>`
	for _, method := range []string{"GET", "POST"} { // the first agents sent a GET with a body
		ticket := v.signIn()
		if a := v.send(method, "/login/ssoupdate", fmt.Sprintf(out, ticket), ""); !strings.Contains(a, "OK") {
			t.Errorf("update by %s: %s", method, a)
		}
		if a := v.send(method, "/login/authlogout", fmt.Sprintf(out, ticket), ""); !strings.Contains(a, "OK") || lives(ticket) {
			t.Errorf("%s: %s", method, a)
		}
	}
}

func TestSelectRole(t *testing.T) {
	v := visit(t, nil)
	ticket := url.QueryEscape(v.signIn())
	for query, want := range map[string]string{ // the second client sends the first two alone
		"token=" + ticket + "&selectedRoleUid=555100000102":                                                       "OK",
		"token=" + ticket + "&selectedRoleUid=555100000101&ssbMode=1&fallbackStatus=0&gacVersion=GACv7.+2.+2.+21": "OK",
		"token=" + ticket + "&selectedRoleUid=555100000201":                                                       "ERROR",
		"token=x&selectedRoleUid=555100000101":                                                                    "INVALID SESSION",
	} {
		if a := v.send("GET", "/saml/RoleSelectionGP.jsp?"+query, "", ""); !strings.Contains(a, "<STATUS>"+want) {
			t.Errorf("%s: %s", query, a)
		}
	}
}

func TestControl(t *testing.T) {
	v := visit(t, nil)
	ask := func(method, path, body string, change func(*http.Request)) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, v.running.ControlURL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(r)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode, string(must(io.ReadAll(response.Body)))
	}
	ticket := v.signIn()
	if _, a := ask("GET", "/sessions", "", nil); !strings.Contains(a, jo) || strings.Contains(a, ticket) || strings.Contains(a, ticket[14:30]) {
		t.Errorf("sessions: %s", a)
	}
	if status, a := ask("PUT", "/faults", `{"name":"http-status","at":"activate","times":2}`, nil); status != 200 {
		t.Errorf("%d %s", status, a)
	}
	var faults []spinesim.Fault
	if _, a := ask("GET", "/faults", "", nil); json.Unmarshal([]byte(a), &faults) != nil || len(faults) != 1 || faults[0].Value != "500" {
		t.Errorf("faults: %s", a)
	}
	for i, want := range []bool{false, false, true} {
		if got := strings.Contains(v.send("POST", "/login/authactivate", `<gpPARAM name="a">b</gpPARAM>`, ""), "challenge"); got != want {
			t.Errorf("answer %d has a challenge: %v", i, got)
		}
	}
	for _, body := range []string{`{"name":"slw"}`, `{"name":"slow","value":"2h"}`, `{"name":"slow","at":"logn"}`, `{"name":"slow","times":-1}`, `{"nam":1}`, `x`, ``, `{"name":"roles","value":"-1"}`} {
		if status, a := ask("PUT", "/faults", body, nil); status != 400 {
			t.Errorf("%s: %d %s", body, status, a)
		}
	}
	if _, a := ask("PUT", "/faults", `{"name":"slw"}`, nil); !strings.Contains(a, `did you mean "slow"`) {
		t.Errorf("hint: %s", a)
	}
	ask("PUT", "/faults", `{"name":"slow"}`, nil)
	ask("PUT", "/faults", `{"name":"html"}`, nil)
	if _, a := ask("DELETE", "/faults?name=slow", "", nil); strings.Contains(a, "slow") || !strings.Contains(a, "html") {
		t.Errorf("after one is mended: %s", a)
	}
	ask("DELETE", "/faults", "", nil)
	ask("PUT", "/faults", `{"name":"expire"}`, nil)
	if len(v.sim.Faults()) != 0 || len(v.sim.Sessions()) != 0 {
		t.Errorf("at the end: %v, %v", v.sim.Faults(), v.sim.Sessions())
	}
	for name, change := range map[string]func(*http.Request){
		"of a page":         func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1") },
		"under a name":      func(r *http.Request) { r.Host = "evil.example.test" },
		"of a page's links": func(r *http.Request) { r.Header.Set("Referer", "http://evil.example.test/") },
	} {
		if status, _ := ask("GET", "/faults", "", change); status != http.StatusForbidden {
			t.Errorf("a request %s: %d", name, status)
		}
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.test:0"} {
		if r, err := v.sim.Start(spinesim.Listen{Control: address}); err == nil {
			_ = r.Close()
			t.Errorf("control listens at %s", address)
		}
	}
}

// TestBounds fills the server with challenges and sessions that nobody ends.
func TestBounds(t *testing.T) {
	v := visit(t, nil)
	handler := v.sim.Handler()
	for range 10_050 {
		r := must(http.NewRequestWithContext(context.Background(), http.MethodPost, "/login/authactivate", strings.NewReader(`<gpPARAM name="a">b</gpPARAM>`)))
		w := &discard{header: http.Header{}}
		handler.ServeHTTP(w, r)
		if !bytes.Contains(w.body, []byte(`name="challenge"`)) {
			t.Fatalf("no challenge: %s", w.body)
		}
	}
	if n := v.sim.OpenChallenges(); n != 10_000 {
		t.Errorf("%d challenges are open", n)
	}
	v.signIn()
}

type discard struct {
	header http.Header
	body   []byte
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(b []byte) (int, error) {
	d.body = append(d.body, b...)
	return len(b), nil
}

func TestDirectories(t *testing.T) {
	file := filepath.Join(t.TempDir(), "people.yaml")
	for text, says := range map[string]string{
		"":                              "empty",
		"people: []":                    "no people",
		"people: [{uid: 555, name: A}]": "12 digits",
		"people: [{uid: '555000000101', nam: A}]":                                          `unknown key "nam"`,
		"people: [{uid: '555000000101'}, {uid: '555000000101'}]":                           "nobody else's",
		"people: [{uid: '555000000101', roles: [{id: '555000000101', organisation: X1}]}]": `unknown organisation "X1"`,
		"organisations: {'a b': C}\npeople: [{uid: '555000000101'}]":                       "code",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := spinesim.LoadDirectory(file); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if d := spinesim.Invented(); len(d.People) != 4 {
		t.Errorf("%d people", len(d.People))
	}
	if _, err := spinesim.New(spinesim.Options{}); err == nil {
		t.Error("a Spine without a CA")
	}
	if _, err := spinesim.New(spinesim.Options{CardCAs: []*x509.Certificate{authority().Certificate}, SessionTime: time.Second}); err == nil {
		t.Error("a session of a second, which CIS1 can't say")
	}
}

// TestDocumentation reads the example of docs/identity-spine.md.
func TestDocumentation(t *testing.T) {
	page := string(must(os.ReadFile("../../../docs/identity-spine.md")))
	_, rest, _ := strings.Cut(page, "\n    organisations:\n")
	example, _, _ := strings.Cut(rest, "\n\n")
	file := filepath.Join(t.TempDir(), "people.yaml")
	if err := os.WriteFile(file, []byte("    organisations:\n"+example+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := spinesim.LoadDirectory(file)
	if err != nil {
		t.Fatal(err)
	}
	if r := d.People[0].Roles[0]; r.Code == "" || len(r.Activities) == 0 || len(r.Workgroups) == 0 || d.Organisations[r.Organisation] == "" {
		t.Errorf("%+v", d)
	}
}
