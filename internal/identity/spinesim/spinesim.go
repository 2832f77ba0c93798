// Package spinesim is a server that plays CIS1, the Spine's login, to test, to show and to train with.
//
// It checks what it is sent as the real one has to: the signed challenge against its CA, the challenge's age and that it
// is used once, sessions with their idle and absolute ends, roles. It serves clients that others wrote: it takes any
// Content-Type, any order of fields, any head of the MIME text, requests with and without Analytics, and a logout by
// GET or POST. Where the real server's words aren't public (how it refuses), they are this package's own.
//
//	sim, err := spinesim.New(spinesim.Options{CardCAs: cas})
//	running, err := sim.Start(spinesim.Listen{})
//	… running.URL, running.CAPEM …
//	err = sim.Break(spinesim.Fault{Name: "http-status", Value: "503", At: "validate", Times: 1})
package spinesim

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Options say what a server knows. The zero value of each field but CardCAs is a good default.
type Options struct {
	CardCAs []*x509.Certificate // the CAs whose cards are taken
	People  *Directory          // default: Invented
	Digests []crypto.Hash       // of signatures; default: SHA-1 and SHA-256
	Now     func() time.Time
	// Before is called with the place of each request (as in Fault.At) before it is answered: a test may wait in it, and
	// do what it does at that moment. It may be nil.
	Before      func(at string)
	Log         *slog.Logger  // who signed in and out and what was refused, without tickets; default: none
	Challenge   time.Duration // how long a challenge is good; default 2 minutes
	SessionTime time.Duration // until an idle session ends, in whole minutes; default 10 hours
	MaxSession  time.Duration // until any session ends, in whole minutes; default 10 hours
}

// Server is a Spine. It is safe for use by many goroutines.
type Server struct {
	options    Options
	verifier   verifier
	challenges *challenges
	sessions   *sessions
	faults     *faults
}

// New makes a server that doesn't listen yet.
func New(o Options) (*Server, error) {
	if len(o.CardCAs) == 0 {
		return nil, errors.New("making a Spine: it trusts no CA of cards")
	}
	if o.People == nil {
		o.People = Invented()
	}
	if len(o.Digests) == 0 {
		o.Digests = []crypto.Hash{crypto.SHA1, crypto.SHA256}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Challenge = cmp.Or(o.Challenge, 2*time.Minute)
	o.SessionTime = cmp.Or(o.SessionTime, 10*time.Hour)
	o.MaxSession = cmp.Or(o.MaxSession, 10*time.Hour)
	for _, d := range []time.Duration{o.SessionTime, o.MaxSession} {
		if d < time.Minute || d%time.Minute != 0 {
			return nil, fmt.Errorf("making a Spine: a session of %v: CIS1 counts in whole minutes", d)
		}
	}
	cas := x509.NewCertPool()
	for _, c := range o.CardCAs {
		cas.AddCert(c)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return &Server{
		options:    o,
		verifier:   verifier{cas: cas, digests: o.Digests},
		challenges: newChallenges(key, o.Challenge),
		sessions:   newSessions(o.SessionTime, o.MaxSession),
		faults:     &faults{},
	}, nil
}

// Break makes a fault happen from now on, and Mend ends it ("" ends all).
func (s *Server) Break(f Fault) error {
	if f.Name == "expire" {
		s.Expire()
		return nil
	}
	return s.faults.set(f)
}

// Mend ends a fault; "" ends all.
func (s *Server) Mend(name string) { s.faults.clear(name) }

// Faults are those that happen.
func (s *Server) Faults() []Fault { return s.faults.list() }

// Expire ends all sessions as if their time had come.
func (s *Server) Expire() { s.sessions.clear() }

// Sessions are those that go on, without their tickets.
func (s *Server) Sessions() []Session { return s.sessions.list(s.options.Now()) }

// Handler answers requests of CIS1.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/login/authactivate", s.endpoint("activate", s.activate))
	mux.Handle("/login/authvalidate", s.endpoint("validate", s.validate))
	mux.Handle("/login/authlogout", s.endpoint("logout", s.logout))
	mux.Handle("/login/ssoupdate", s.endpoint("update", s.update))
	mux.Handle("/saml/RoleSelectionGP.jsp", s.endpoint("select", s.selectRole))
	mux.Handle("/saml/RoleAssertion", s.endpoint("assertion", s.assertion))
	return mux
}
