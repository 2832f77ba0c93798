package agent_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/agent"
	"nhos.org/nhos/internal/identity/cardtest"
	"nhos.org/nhos/internal/identity/policy"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spinesim"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/identity/transcript"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// engine is nhos-identity-card, built from these sources.
var engine string

func TestMain(m *testing.M) { os.Exit(cardtest.WithEngine(m, &engine)) }

const (
	person   = "555000000101" // of two roles, in spinesim
	passcode = "739164"
	patience = time.Minute
)

// office is an agent as nhos-identityd runs one: with a process of drivers and a token of SoftHSM in it, a Spine over TLS,
// and a script for a pinentry. It has no pcscd.
type office struct {
	t      *testing.T
	spine  *spinesim.Server
	pad    *cardtest.Pad
	client *ticket.Client
	audit  transcript.Buffer
	folder string
	end    func()
}

// furniture is how an office differs from the usual one.
type furniture struct {
	policy  string // lines of TOML
	session string // of its table session
	pad     string // what comes of logins at the reader's keys (cardtest.Pad), which policy then trusts
	sha256  bool   // the environment has that digest, and the Spine takes no other
	number  string // of the role that the person types; none declines
	bus     string
}

// open sets an office up, and has the agent answer.
func open(t *testing.T, f furniture) *office {
	t.Helper()
	o := &office{t: t, folder: t.TempDir()}
	holder := cardtest.Issue(t, virtualcard.CardSpec{UID: person})
	token := cardtest.NewToken(t, "A token", passcode)
	token.Hold(t, "01", holder, virtualcard.SlotAuthentication)
	o.pad = cardtest.NewPad(t, token)
	environ := append(token.Environ(), "PCSCLITE_CSOCK_NAME="+filepath.Join(o.folder, "no-pcscd"))
	module, digest := cardtest.SoftHSM, "sha1"
	if f.pad != "" {
		module, environ = o.pad.Module, append(environ, o.pad.Environ()...)
		o.pad.Answer(t, f.pad)
	}
	digests := []crypto.Hash{crypto.SHA1}
	if f.sha256 {
		digest, digests = "sha256", []crypto.Hash{crypto.SHA256}
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	var err error
	if o.spine, err = spinesim.New(spinesim.Options{CardCAs: []*x509.Certificate{cardtest.Authority().Certificate}, Digests: digests}); err != nil {
		t.Fatal(err)
	}
	running, err := o.spine.Start(spinesim.Listen{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Close() })
	answer := "echo 'ERR 83886179 cancelled'"
	if f.number != "" {
		answer = "echo 'D " + f.number + "'; echo OK"
	}
	for name, text := range map[string]string{
		"ca.pem":            string(running.CAPEM),
		"environments.yaml": "environments:\n  office:\n    title: An office\n    login: " + running.URL + "\n    ca_file: ca.pem\n    digest: " + digest + "\n",
		"policy.toml": fmt.Sprintf("environment = \"office\"\nenvironments_file = %q\n%s\n[card]\nmodules = [%q]\npad = %v\n[prompt]\npinentry = %q\n[session]\n%s\n",
			o.path("environments.yaml"), f.policy, module, f.pad != "", o.path("pinentry"), f.session),
		"pinentry": fmt.Sprintf(pinentry, o.path("told"), answer, passcode),
	} {
		if err := os.WriteFile(o.path(name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	o.start(f.bus)
	return o
}

// pinentry writes down what it is told in %[1]q, types the passcode %[3]s, and answers the question for a role by %[2]s.
const pinentry = `#!/bin/sh
echo OK
while read -r line; do
  echo "$line" >>%[1]q
  case "$line" in
  SETPROMPT*) prompt=$line; echo OK ;;
  GETPIN) if [ "$prompt" = "SETPROMPT Number:" ]; then %[2]s; else echo 'D %[3]s'; echo OK; fi ;;
  BYE) echo OK; exit ;;
  *) echo OK ;;
  esac
done
`

// start runs the agent until the test ends, or end is called.
func (o *office) start(bus string) {
	o.t.Helper()
	p, err := policy.Load(o.path("policy.toml"))
	if err != nil {
		o.t.Fatal(err)
	}
	l, err := ticket.Listen(o.path("agent.socket"))
	if err != nil {
		o.t.Fatal(err)
	}
	if bus == "" {
		bus = "unix:path=" + o.path("no-bus")
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan struct{})
	go func() {
		ended <- agent.Run(ctx, agent.Options{
			Policy: p, Version: "test", Listener: l, Audit: &ticket.Lines{W: &o.audit}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Engine: engine, Bus: bus, Ready: func() { close(ready) },
		})
	}()
	o.end = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				o.t.Error(err)
			}
		case <-time.After(patience):
			o.t.Error("the agent doesn't end")
		}
	})
	o.t.Cleanup(o.end)
	<-ready
	if o.client, err = ticket.Dial(o.t.Context(), o.path("agent.socket")); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = o.client.Close() })
}

func (o *office) path(name string) string { return filepath.Join(o.folder, name) }

// call asks the agent for something.
func (o *office) call(r ticket.Request) (ticket.Answer, error) {
	r.WaitSeconds = int(patience.Seconds())
	return o.client.Call(o.t.Context(), r)
}

// becomes waits for a state.
func (o *office) becomes(want session.State) session.Status {
	o.t.Helper()
	return o.becomesBy(func() {}, want)
}

// becomesBy does something again and again until it has led to a state: nobody says when the agent listens to logind.
func (o *office) becomesBy(do func(), want session.State) session.Status {
	o.t.Helper()
	var s session.Status
	for began := time.Now(); time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
		do()
		a, err := o.call(ticket.Request{Method: ticket.Status})
		if err != nil {
			o.t.Fatal(err)
		}
		if s = *a.Status; s.State == want {
			return s
		}
	}
	o.t.Fatalf("it is %q (%s), and doesn't become %q", s.State, s.Problem, want)
	return s
}

// told is what pinentry was told so far.
func (o *office) told() string {
	text, err := os.ReadFile(o.path("told"))
	if err != nil && !os.IsNotExist(err) {
		o.t.Error(err)
	}
	return string(text)
}
