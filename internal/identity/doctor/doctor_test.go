package doctor_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/doctor"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/identity/spinesim"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// ward is a computer where all is well, and ways to spoil it.
type ward struct {
	t       *testing.T
	patient doctor.Patient
	status  atomic.Int32 // that the Spine answers with
	spine   *httptest.Server
}

func newWard(t *testing.T) *ward {
	t.Helper()
	dir := t.TempDir()
	w := &ward{t: t}
	w.status.Store(http.StatusNotFound) // as the Spine's, and a path that it doesn't have
	w.spine = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(int(w.status.Load()))
	}))
	w.spine.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.spine.StartTLS()
	t.Cleanup(w.spine.Close)
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.spine.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "pcscd"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	t.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(dir, "pcscd"))

	now := time.Now()
	w.patient = doctor.Patient{
		Modules: []string{ca}, Now: now, Environment: spine.Environment{Name: "test", Login: w.spine.URL, CAFile: ca},
		Status: &session.Status{State: session.CardPresent, Readers: []session.Reader{
			{Name: "A reader", Card: &session.Card{ID: "1", UID: "555000000101", TriesLeft: card.Unknown, NotAfter: now.AddDate(1, 0, 0)}},
		}},
	}
	return w
}

func (w *ward) card() *session.Card { return w.patient.Status.Readers[0].Card }

// noNames has every name be unknown, and asks no server for it.
func noNames(t *testing.T) {
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no network here")
	}}
}

func TestAllIsWell(t *testing.T) {
	w := newWard(t)
	list := doctor.Examine(t.Context(), w.patient)
	var what []string
	for _, f := range list {
		what = append(what, f.What)
	}
	want := "smartcard service, driver, agent, reader, card, certificate, name, connection (HSCN), TLS, Spine, clock"
	if got := strings.Join(what, ", "); got != want {
		t.Errorf("looked at %s; want %s", got, want)
	}
	if f, found := doctor.AtFault(list); found {
		t.Errorf("%+v is said to be at fault", f)
	}
}

func TestWhatIsAtFaultIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		spoil       func(w *ward)
		what, words string
	}{
		"no pcscd": {
			func(w *ward) { noService(w); w.patient.Status.Readers = nil }, "smartcard service", "pcscd doesn't answer",
		},
		"no module":    {func(w *ward) { w.patient.Modules = []string{"/nowhere/module.so"} }, "driver", "no such file"},
		"no agent":     {func(w *ward) { w.patient.Status = nil }, "agent", "it doesn't answer"},
		"driver fails": {driverFails, "driver", "the smartcard driver failed: it hung"},
		"no reader":    {func(w *ward) { w.patient.Status.State, w.patient.Status.Readers = session.NoReader, nil }, "reader", "none"},
		"no card":      {func(w *ward) { w.patient.Status.Readers[0].Card = nil }, "card", "none in a reader"},
		"card expired": {cardExpired, "card", "the card's certificate expired on 1 November 2020"},
		"expires while in the reader": {
			func(w *ward) { w.card().NotAfter = w.patient.Now.Add(-time.Minute) }, "certificate", "has expired",
		},
		"card locked": {func(w *ward) { w.card().TriesLeft = 0 }, "card", "it is locked"},
		"clock ahead": {func(w *ward) { w.patient.Now = w.patient.Now.Add(10 * time.Minute) }, "clock", "off"},
		"clock behind": {
			func(w *ward) { w.patient.Now = w.patient.Now.Add(-10 * time.Minute) }, "clock", "off",
		},
		"clock so far ahead that the card seems expired": {
			func(w *ward) { cardExpired(w); w.patient.Now = w.patient.Now.AddDate(3, 0, 0) }, "clock", "off",
		},
		"no such name": {
			func(w *ward) { noNames(w.t); w.patient.Environment.Login = "https://spine.invalid" }, "name", "spine.invalid isn't known to this network",
		},
		"TLS untrusted":    {otherCA, "TLS", "unknown authority"},
		"no CAs":           {func(w *ward) { w.patient.Environment.CAFile = "/nowhere/ca.pem" }, "TLS", "/nowhere/ca.pem holds no certificates"},
		"Spine down":       {func(w *ward) { w.spine.Close() }, "connection (HSCN)", "connection refused"},
		"Spine is unwell":  {func(w *ward) { w.status.Store(http.StatusServiceUnavailable) }, "Spine", "503 Service Unavailable"},
		"no address at it": {func(w *ward) { w.patient.Environment.Login = "https://%zz" }, "environment", "invalid URL"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWard(t)
			test.spoil(w)
			f, found := doctor.AtFault(doctor.Examine(t.Context(), w.patient))
			if !found || f.What != test.what || !strings.Contains(f.Found, test.words) {
				t.Errorf("%q is said to be at fault, by %q; want %q, by %q", f.What, f.Found, test.what, test.words)
			}
			if f.Advice == "" && f.What != "environment" {
				t.Error("nothing is advised")
			}
		})
	}
}

func noService(w *ward) {
	w.t.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(w.t.TempDir(), "nothing"))
}

// A card that is there without pcscd, such as SoftHSM's, has no need of it.
func TestServiceThatNobodyNeeds(t *testing.T) {
	w := newWard(t)
	noService(w)
	list := doctor.Examine(t.Context(), w.patient)
	if f, found := doctor.AtFault(list); found || !strings.Contains(list[0].Found, "no card that is there needs pcscd, which doesn't answer") {
		t.Errorf("%+v is said to be at fault; the service: %q", f, list[0].Found)
	}
}

func driverFails(w *ward) {
	w.patient.Status.State, w.patient.Status.Problem = session.Fault, "the smartcard driver failed: it hung"
}

// cardExpired is how the agent shows a card whose certificate had ended when it came.
func cardExpired(w *ward) {
	w.patient.Status.Readers[0].Card = &session.Card{ID: "1", Problem: "the card's certificate expired on 1 November 2020"}
}

// otherCA has the environment trust a CA that isn't the server's.
func otherCA(w *ward) {
	authority, err := virtualcard.NewAuthority("Another CA")
	if err != nil {
		w.t.Fatal(err)
	}
	ca := filepath.Join(w.t.TempDir(), "other.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate.Raw}), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.patient.Environment.CAFile = ca
}

// A Spine to try with is well, too.
func TestSpinesimIsWell(t *testing.T) {
	w := newWard(t)
	authority, err := virtualcard.NewAuthority("Test CA of NHoS")
	if err != nil {
		t.Fatal(err)
	}
	sim, err := spinesim.New(spinesim.Options{CardCAs: []*x509.Certificate{authority.Certificate}})
	if err != nil {
		t.Fatal(err)
	}
	running, err := sim.Start(spinesim.Listen{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Close() })
	w.patient.Environment.Login, w.patient.Environment.CAFile = running.URL, filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(w.patient.Environment.CAFile, running.CAPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	if f, found := doctor.AtFault(doctor.Examine(t.Context(), w.patient)); found {
		t.Errorf("%+v is said to be at fault", f)
	}
}

// A clock that is years off shows as a certificate of the server's that has ended, and no answer tells the time.
func TestClockGoesBeforeTheCard(t *testing.T) {
	f, found := doctor.AtFault([]doctor.Finding{{What: "reader", OK: true}, {What: "card"}, {What: "clock or TLS"}})
	if !found || f.What != "clock or TLS" {
		t.Errorf("%q is said to be at fault", f.What)
	}
	f, found = doctor.AtFault([]doctor.Finding{{What: "reader"}, {What: "clock"}})
	if !found || f.What != "reader" {
		t.Errorf("%q is said to be at fault", f.What)
	}
}
