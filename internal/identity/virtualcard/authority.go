package virtualcard

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"regexp"
	"time"
)

// Authority issues cards for tests. Nothing but a test server should trust it.
type Authority struct {
	Certificate *x509.Certificate
	key         *rsa.PrivateKey
}

// CardSpec is what a new card is to be. The zero value of all but UID is an ordinary good card.
type CardSpec struct {
	UID      string // 12 digits
	Passcode string // 4 to 8 digits; 1234 when empty
	Tries    int    // wrong passcodes until the card locks; 3 when 0

	NotBefore time.Time // of its certificates; an hour ago when zero
	NotAfter  time.Time // two years after NotBefore when zero

	// SecondAuthentication adds a second certificate that could sign its holder in, in slot 9D.
	SecondAuthentication bool
	// NoAuthentication leaves slot 9A empty: a card that can sign prescriptions, and nobody in.
	NoAuthentication bool
}

var (
	uidForm      = regexp.MustCompile(`^[0-9]{12}$`)
	passcodeForm = regexp.MustCompile(`^[0-9]{4,8}$`)

	oidKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 15}
)

// Key usages as the bit string of the extension has them (RFC 5280, 4.2.1.3).
const (
	usageDigitalSignature  = 0x80
	usageContentCommitment = 0x40
)

// NewAuthority makes an authority with a new key. Its name (common name) shows in every certificate that it issues.
func NewAuthority(name string) (*Authority, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making the key of the authority %q: %w", name, err)
	}
	template := &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               pkix.Name{Organization: []string{"nhs"}, OrganizationalUnit: []string{"CA"}, CommonName: name},
		NotBefore:             time.Now().Add(-30 * 24 * time.Hour).Truncate(time.Second),
		NotAfter:              time.Now().Add(20 * 365 * 24 * time.Hour).Truncate(time.Second),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of the authority %q: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of the authority %q: %w", name, err)
	}
	return &Authority{Certificate: certificate, key: key}, nil
}

// Issue makes a card: its keys, and certificates as those of the NHS look (O=nhs, OU=people, CN=uid), one for
// authentication in slot 9A and one for content commitment in 9C. It takes up to a second for the keys.
func (a *Authority) Issue(spec CardSpec) (*Card, error) {
	spec.Passcode = cmp.Or(spec.Passcode, "1234")
	spec.Tries = cmp.Or(spec.Tries, 3)
	if spec.NotBefore.IsZero() {
		spec.NotBefore = time.Now().Add(-time.Hour)
	}
	if spec.NotAfter.IsZero() {
		spec.NotAfter = spec.NotBefore.AddDate(2, 0, 0)
	}
	switch {
	case !uidForm.MatchString(spec.UID):
		return nil, fmt.Errorf("issuing a card: the uid %q isn't 12 digits", spec.UID)
	case !passcodeForm.MatchString(spec.Passcode):
		return nil, fmt.Errorf("issuing the card of %s: a passcode has 4 to 8 digits", spec.UID)
	case spec.Tries < 1 || spec.Tries > 15:
		return nil, fmt.Errorf("issuing the card of %s: %d tries, but a card counts 1 to 15", spec.UID, spec.Tries)
	}

	card := &Card{uid: spec.UID, tries: spec.Tries, left: spec.Tries, passcode: spec.Passcode}
	_, _ = rand.Read(card.guid[:]) // never fails
	slots := []struct {
		name  string
		usage byte
		skip  bool
	}{
		{name: SlotAuthentication, usage: usageDigitalSignature, skip: spec.NoAuthentication},
		{name: SlotSignature, usage: usageContentCommitment},
		{name: SlotManagement, usage: usageDigitalSignature, skip: !spec.SecondAuthentication},
	}
	for _, slot := range slots {
		if slot.skip {
			continue
		}
		key, err := a.issueKey(spec, slot.name, slot.usage)
		if err != nil {
			return nil, fmt.Errorf("issuing the card of %s, slot %s: %w", spec.UID, slot.name, err)
		}
		card.keys = append(card.keys, key)
	}
	return card, nil
}

func (a *Authority) issueKey(spec CardSpec, slot string, usage byte) (slotKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return slotKey{}, err
	}
	// Not critical, as on real cards, which is why x509's own KeyUsage doesn't serve.
	bits, err := asn1.Marshal(asn1.BitString{Bytes: []byte{usage}, BitLength: 2})
	if err != nil {
		return slotKey{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               pkix.Name{Organization: []string{"nhs"}, OrganizationalUnit: []string{"people"}, CommonName: spec.UID},
		NotBefore:             spec.NotBefore,
		NotAfter:              spec.NotAfter,
		BasicConstraintsValid: true,
		ExtraExtensions:       []pkix.Extension{{Id: oidKeyUsage, Value: bits}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, key.Public(), a.key)
	if err != nil {
		return slotKey{}, err
	}
	return slotKey{slot: slot, key: key, der: der}, nil
}

func serialNumber() *big.Int {
	bytes := make([]byte, 8)
	_, _ = rand.Read(bytes) // never fails
	bytes[0] = bytes[0]&0x7F | 0x40
	return new(big.Int).SetBytes(bytes)
}
