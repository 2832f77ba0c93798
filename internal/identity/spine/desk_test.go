package spine_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/identity/spinesim"
	"nhos.org/nhos/internal/identity/virtualcard"
)

const (
	jo      = "555000000101" // two roles
	ada     = "555000000102" // one role
	noRoles = "555000000104"
)

// patient are timeouts for a machine that has other things to do.
var patient = spine.Timeouts{Connect: time.Minute, TLS: time.Minute, Answer: time.Minute, Call: time.Minute}

// authority issues the cards of all tests, and jo's card is one of them.
var (
	authority = sync.OnceValue(func() *virtualcard.Authority {
		a, err := virtualcard.NewAuthority("SubCA02")
		if err != nil {
			panic(err)
		}
		return a
	})
	josCard = sync.OnceValue(func() *virtualcard.Card {
		card, err := authority().Issue(virtualcard.CardSpec{UID: jo})
		if err != nil {
			panic(err)
		}
		return card
	})
)

// A desk is where somebody signs in: a Spine over real TLS, a client of it, and a card.
type desk struct {
	sim     *spinesim.Server
	running *spinesim.Running
	caFile  string
	client  *spine.Client
	card    *virtualcard.Card
	clock   *clock
}

// A clock stands until it is moved.
type clock struct {
	mutex sync.Mutex
	now   time.Time
}

func (c *clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(d)
}

func newDesk(t *testing.T, options ...func(*spinesim.Options, *spine.Options)) *desk {
	t.Helper()
	d := &desk{card: josCard(), clock: &clock{now: time.Now()}}
	so := spinesim.Options{CardCAs: []*x509.Certificate{authority().Certificate}, Now: d.clock.Now}
	co := spine.Options{Version: "1.2.3", Timeouts: patient}
	for _, set := range options {
		set(&so, &co)
	}
	var err error
	if d.sim, err = spinesim.New(so); err != nil {
		t.Fatal(err)
	}
	if d.running, err = d.sim.Start(spinesim.Listen{Hosts: []string{"gas.example.test"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.running.Close() })
	d.caFile = writeFile(t, "ca.pem", d.running.CAPEM)
	co.Environment = spine.Environment{Name: "test", Login: d.running.URL, CAFile: d.caFile, Training: co.Environment.Training, Proxy: co.Environment.Proxy}
	d.client = newClient(t, co)
	return d
}

func newClient(t *testing.T, o spine.Options) *spine.Client {
	t.Helper()
	c, err := spine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// at is a client of another server over TLS, which answers by handler.
func at(t *testing.T, handler http.HandlerFunc) *spine.Client {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	ca := writeFile(t, "ca.pem", pemOf(server.Certificate()))
	return newClient(t, spine.Options{Version: "1", Timeouts: patient, Environment: spine.Environment{Name: "test", Login: server.URL, CAFile: ca}})
}

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sign is the card's signature over a content.
func (d *desk) sign(digest crypto.Hash) func([]byte) ([]byte, error) {
	return signer(d.card.PrivateKey(virtualcard.SlotAuthentication), digest)
}

func signer(key *rsa.PrivateKey, digest crypto.Hash) func([]byte) ([]byte, error) {
	return func(content []byte) ([]byte, error) {
		h := digest.New()
		h.Write(content)
		return rsa.SignPKCS1v15(rand.Reader, key, digest, h.Sum(nil))
	}
}

// signIn goes through a whole login.
func (d *desk) signIn(ctx context.Context) (*spine.Login, error) {
	challenge, err := d.client.Activate(ctx)
	if err != nil {
		return nil, err
	}
	cms, err := spine.CMS(d.card.Certificate(virtualcard.SlotAuthentication).Raw, challenge.Bytes, crypto.SHA1, d.sign(crypto.SHA1))
	if err != nil {
		return nil, err
	}
	return d.client.Validate(ctx, d.card.UID(), challenge, cms)
}

func (d *desk) mustSignIn(t *testing.T) *spine.Login {
	t.Helper()
	login, err := d.signIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return login
}

func (d *desk) mustBreak(t *testing.T, f spinesim.Fault) {
	t.Helper()
	if err := d.sim.Break(f); err != nil {
		t.Fatal(err)
	}
}
