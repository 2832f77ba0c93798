package card_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nhos.org/nhos/internal/identity/card"
)

// now is the time of these tests.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// like is how a certificate of these tests differs from an ordinary one: digitalSignature, CN 555123456789, valid from
// a year ago for two.
type like struct {
	cn         []string
	usage      x509.KeyUsage
	from, till time.Time
	ca         bool
	slot       string
	moreNames  bool // in the subject, whose third part is otherwise the number
}

func certificate(t testing.TB, id byte, like like) card.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if like.cn == nil {
		like.cn = []string{"555123456789"}
	}
	if like.usage == 0 {
		like.usage = x509.KeyUsageDigitalSignature
	}
	if like.from.IsZero() {
		like.from = now.AddDate(-1, 0, 0)
	}
	if like.till.IsZero() {
		like.till = like.from.AddDate(2, 0, 0)
	}
	subject := pkix.Name{Organization: []string{"nhs"}, OrganizationalUnit: []string{"people", "another"}}
	if like.moreNames {
		subject.Country, subject.SerialNumber = []string{"GB"}, "7"
	}
	for _, cn := range like.cn {
		subject.ExtraNames = append(subject.ExtraNames, pkix.AttributeTypeAndValue{Type: []int{2, 5, 4, 3}, Value: cn})
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(id) + 1), Subject: subject, NotBefore: like.from, NotAfter: like.till,
		KeyUsage: like.usage, IsCA: like.ca, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return card.Certificate{KeyID: []byte{id}, DER: der, Slot: like.slot}
}

func TestChoose(t *testing.T) {
	last := now.AddDate(0, -1, 0)
	commitment := x509.KeyUsageContentCommitment
	tests := map[string]struct {
		certificates []like
		want         int    // which one
		reason       string // or why none
	}{
		"the only one":                       {certificates: []like{{}}},
		"not the one for prescriptions":      {certificates: []like{{usage: commitment, slot: "9C"}, {slot: "9A"}}, want: 1},
		"not one for both":                   {certificates: []like{{usage: commitment | x509.KeyUsageDigitalSignature}, {}}, want: 1},
		"not one for encryption":             {certificates: []like{{usage: x509.KeyUsageKeyEncipherment}, {}}, want: 1},
		"not one of an authority":            {certificates: []like{{ca: true}, {}}, want: 1},
		"not one of a machine":               {certificates: []like{{cn: []string{"PIV authentication"}}, {}}, want: 1},
		"newest":                             {certificates: []like{{}, {from: last}}, want: 1},
		"newest, whatever the order":         {certificates: []like{{from: last}, {}}},
		"slot 9A before a newer one":         {certificates: []like{{from: last, slot: "9D"}, {slot: "9A"}}, want: 1},
		"valid before slot 9A":               {certificates: []like{{till: last, slot: "9A"}, {slot: "9D"}}, want: 1},
		"none":                               {reason: "the card has no certificates"},
		"none for signing in":                {certificates: []like{{usage: commitment}}, reason: "no certificate for signing in"},
		"11 digits":                          {certificates: []like{{cn: []string{"55512345678"}}}, reason: "no certificate for signing in"},
		"13 digits":                          {certificates: []like{{cn: []string{"5551234567890"}}}, reason: "no certificate for signing in"},
		"digits of another script":           {certificates: []like{{cn: []string{"٥٥٥١٢٣٤٥٦٧٨٩"}}}, reason: "no certificate for signing in"},
		"two names":                          {certificates: []like{{cn: []string{"555123456789", "555000000001"}}}, reason: "no certificate for signing in"},
		"no name":                            {certificates: []like{{cn: []string{}}}, reason: "no certificate for signing in"},
		"expired":                            {certificates: []like{{till: last}}, reason: "expired on 2026-10-22"},
		"expired last":                       {certificates: []like{{till: last}, {till: last.AddDate(0, -1, 0)}}, reason: "expired on 2026-10-22"},
		"not yet valid":                      {certificates: []like{{from: now.AddDate(0, 1, 0)}}, reason: "valid only from 2026-12-22 on"},
		"two alike":                          {certificates: []like{{}, {}}, reason: "nothing tells which one"},
		"two people":                         {certificates: []like{{}, {cn: []string{"555000000001"}, from: last}}, reason: "two people"},
		"two people, one of them in slot 9A": {certificates: []like{{slot: "9A"}, {cn: []string{"555000000001"}}}, reason: "two people"},
		"another person's, but expired":      {certificates: []like{{}, {cn: []string{"555000000001"}, till: last}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var certificates []card.Certificate
			for i, like := range test.certificates {
				certificates = append(certificates, certificate(t, byte(i), like))
			}
			chosen, err := card.Choose(certificates, now)
			if test.reason != "" {
				refused, ok := errors.AsType[*card.CertificateError](err)
				if !ok || !strings.Contains(refused.Reason, test.reason) {
					t.Fatalf("chose %v, %v; want an error with %q", chosen.KeyID, err, test.reason)
				}
				if expired := strings.HasPrefix(test.reason, "expired"); refused.NotAfter.IsZero() == expired {
					t.Errorf("the end is %v", refused.NotAfter)
				}
				return
			}
			if err != nil || chosen.KeyID[0] != byte(test.want) {
				t.Errorf("chose %v, %v; want %d", chosen.KeyID, err, test.want)
			}
		})
	}
}

// Neither order nor label has a say.
func TestChooseIgnoresOrder(t *testing.T) {
	var certificates []card.Certificate
	for i, like := range []like{
		{usage: x509.KeyUsageContentCommitment, slot: "9C"}, {slot: "9A"}, {from: now.AddDate(0, -1, 0), slot: "9D"}, {ca: true}, {till: now.AddDate(0, -1, 0)},
	} {
		certificates = append(certificates, certificate(t, byte(i), like))
	}
	rapid.Check(t, func(t *rapid.T) {
		chosen, err := card.Choose(rapid.Permutation(certificates).Draw(t, "order"), now)
		if err != nil || chosen.KeyID[0] != 1 {
			t.Fatalf("chose %v, %v", chosen.KeyID, err)
		}
	})
}

func TestUID(t *testing.T) {
	for _, like := range []like{{}, {moreNames: true}} { // wherever it stands
		if uid, err := card.UID(certificate(t, 0, like)); uid != "555123456789" || err != nil {
			t.Errorf("%q, %v", uid, err)
		}
	}
	for _, wrong := range []card.Certificate{{}, {DER: []byte("no certificate")}, certificate(t, 0, like{cn: []string{"Bloggs Jo"}})} {
		if uid, err := card.UID(wrong); uid != "" || err == nil {
			t.Errorf("%q, %v", uid, err)
		}
	}
}

func FuzzChoose(f *testing.F) {
	f.Add(certificate(f, 0, like{}).DER)
	f.Fuzz(func(t *testing.T, der []byte) {
		chosen, err := card.Choose([]card.Certificate{{KeyID: []byte{1}, DER: der}}, now)
		if err != nil {
			return
		}
		if uid, err := card.UID(chosen); err != nil || len(uid) != 12 {
			t.Fatalf("chose a certificate of %q, %v", uid, err)
		}
	})
}
