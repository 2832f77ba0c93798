package spinesim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
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

func TestUnwrap(t *testing.T) {
	der := fuzzObject()
	blob := base64.StdEncoding.EncodeToString(der)
	for _, text := range []string{"", "MIME-Version: 1.0", "MIME-Version: 1.0\n\n", "no base64", blob[:5], "MI" + "!"} {
		if got, err := unwrap([]byte(text)); err == nil {
			t.Errorf("%q gives %x", text, got)
		}
	}
}
