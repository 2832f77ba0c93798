package spinesim

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/spine"
)

// OpenChallenges is how many challenges wait for their answer, for tests.
func (s *Server) OpenChallenges() int {
	s.challenges.mutex.Lock()
	defer s.challenges.mutex.Unlock()
	return len(s.challenges.open)
}

const fuzzUID = "555000000101"

// fuzzCard is a key with a certificate that it has signed itself.
var fuzzCard = sync.OnceValues(func() (*rsa.PrivateKey, *x509.Certificate) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: fuzzUID}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return key, certificate
})

func fuzzObject() []byte {
	key, certificate := fuzzCard()
	der, err := spine.CMS(certificate.Raw, []byte("challenge"), crypto.SHA1, func(content []byte) ([]byte, error) {
		h := crypto.SHA1.New()
		h.Write(content)
		return rsa.SignPKCS1v15(nil, key, crypto.SHA1, h.Sum(nil))
	})
	if err != nil {
		panic(err)
	}
	return der
}

// FuzzSigned changes a good object: whatever is still taken has this content, signed by this key.
func FuzzSigned(f *testing.F) {
	f.Add(0, byte(0), 0, []byte(nil))
	f.Add(40, byte(1), 3, []byte{5, 0})
	_, certificate := fuzzCard()
	good := fuzzObject()
	cas := x509.NewCertPool()
	cas.AddCert(certificate)
	v := verifier{cas: cas, digests: []crypto.Hash{crypto.SHA1}}
	if err := v.verify(good, []byte("challenge"), fuzzUID, time.Now()); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, at int, flip byte, cut int, insert []byte) {
		der := append([]byte(nil), good...)
		at = int(uint(at) % uint(len(der)))
		der[at] ^= flip
		cut = int(uint(cut) % uint(len(der)-at))
		der = append(append(append([]byte(nil), der[:at]...), insert...), der[at+cut:]...)
		if err := v.verify(der, []byte("another challenge"), fuzzUID, time.Now()); err == nil {
			t.Error("another content is taken")
		}
		if err := v.verify(der, []byte("challenge"), "555000000102", time.Now()); err == nil {
			t.Error("another person is taken")
		}
		_ = v.verify(der, []byte("challenge"), fuzzUID, time.Now())
	})
}

// FuzzCMS reads any bytes.
func FuzzCMS(f *testing.F) {
	f.Add([]byte{0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2, 0xa0, 0})
	f.Add(fuzzObject())
	v := verifier{cas: x509.NewCertPool(), digests: []crypto.Hash{crypto.SHA1}}
	f.Fuzz(func(t *testing.T, der []byte) {
		if v.verify(der, []byte("challenge"), fuzzUID, time.Now()) == nil {
			t.Error("it is taken by a server that trusts no CA")
		}
	})
}

// FuzzResponse reads the MIME text of any client.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("MIME-Version: 1.0\n\nMIIBAA==\n"))
	f.Add([]byte("Content-Type: x;\r\n\tname=y\r\n\r\nMIIB\r\nAAAA\r\n--\r\n"))
	f.Add([]byte{0x30, 0x82, 1})
	f.Fuzz(func(t *testing.T, text []byte) {
		der, err := unwrap(text)
		if err == nil && (len(der) == 0 || len(der) > len(text)) {
			t.Errorf("%d bytes of %d", len(der), len(text))
		}
	})
}

// FuzzRequest reads the gpOBJECT of any client.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE USER SYSTEM "gpOBJECT.DTD"><gpOBJECT><gpPARAM name="uid">1 & 2</gpPARAM><gpPARAM name="response" encoding="base64">TUlJQg==</gpPARAM></gpOBJECT>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := parseRequest(body)
		if err != nil {
			return
		}
		for name := range fields {
			if name == "" {
				t.Error("a field without a name")
			}
		}
		_, _ = fields.signedObject()
	})
}

// FuzzControl asks the control API for anything: it answers, and what it keeps is a fault that there is.
func FuzzControl(f *testing.F) {
	_, certificate := fuzzCard()
	sim, err := New(Options{CardCAs: []*x509.Certificate{certificate}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("PUT", "/faults", "127.0.0.1", []byte(`{"name":"slow","value":"2s","at":"validate","times":1}`))
	f.Add("DELETE", "/faults?name=slow", "localhost:8444", []byte(nil))
	f.Add("PUT", "/faults", "[::1]:1", []byte(`{"name":"roles","value":"1000","times":9223372036854775807}`))
	f.Add("GET", "/sessions", "evil.example.test", []byte("{}"))
	f.Fuzz(func(t *testing.T, method, path, host string, body []byte) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1/", bytes.NewReader(body))
		if err != nil {
			return
		}
		if r.URL, err = r.URL.Parse(path); err != nil {
			return
		}
		r.Host = host
		w := httptest.NewRecorder()
		sim.Control().ServeHTTP(w, r)
		if !isLoopback(host) && w.Code != http.StatusForbidden {
			t.Errorf("%q is answered with %d", host, w.Code)
		}
		for _, fault := range sim.Faults() {
			if kind, err := kindOf(fault.Name); err != nil || fault.Times < 0 || kind.check != nil && kind.check(fault.Value) != nil {
				t.Errorf("kept: %+v", fault)
			}
		}
		sim.Mend("")
	})
}

// FuzzVisit sends anything to each step, with the faults that change answers.
func FuzzVisit(f *testing.F) {
	_, certificate := fuzzCard()
	sim, err := New(Options{CardCAs: []*x509.Certificate{certificate}})
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"ampersand", "comma", "dtd", "no-orgcode", "reverse", "windows-1252"} {
		if err := sim.Break(Fault{Name: name}); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(uint8(0), "token=x&selectedRoleUid=1", []byte(`<gpPARAM name="service">LOGOUT</gpPARAM><gpPARAM name="sso_ticket">x</gpPARAM>`))
	paths := []string{"/login/authactivate", "/login/authvalidate", "/login/authlogout", "/login/ssoupdate", "/saml/RoleSelectionGP.jsp", "/saml/RoleAssertion"}
	f.Fuzz(func(t *testing.T, at uint8, query string, body []byte) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://127.0.0.1"+paths[int(at)%len(paths)], bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		sim.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK && len(body) <= maxRequest || len(sim.Sessions()) != 0 {
			t.Errorf("%d, and %d sessions", w.Code, len(sim.Sessions()))
		}
	})
}

// FuzzDirectory reads a file of people.
func FuzzDirectory(f *testing.F) {
	f.Add(builtin)
	f.Add([]byte("people: [{uid: '555000000101', roles: [{id: '555000000101', organisation: X1}]}]\norganisations: {X1: A}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := parseDirectory("people.yaml", text)
		if err != nil {
			return
		}
		for _, p := range d.People {
			if found, ok := d.find(p.UID); !ok || found.UID != p.UID || !twelveDigits.MatchString(p.UID) {
				t.Errorf("%+v", p)
			}
		}
	})
}

func TestUnwrap(t *testing.T) {
	der := fuzzObject()
	blob := base64.StdEncoding.EncodeToString(der)
	for _, text := range []string{"", "MIME-Version: 1.0", "MIME-Version: 1.0\n\n", "no base64", blob[:5], "MI" + "!"} {
		if got, err := unwrap([]byte(text)); err == nil {
			t.Errorf("%q gives %x", text, got)
		}
	}
}
