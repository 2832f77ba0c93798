package virtualcard

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/google/renameio/v2"
)

// maxFile bounds what is read as a card or an authority: several times of what the largest has.
const maxFile = 64 << 10

// cardFile is a card in a file (JSON). It holds the private keys and the passcode: that is what makes it a test card.
type cardFile struct {
	UID       string    `json:"uid"`
	Passcode  string    `json:"passcode"`
	Tries     int       `json:"tries"`
	TriesLeft int       `json:"triesLeft"`
	GUID      []byte    `json:"guid"`
	Keys      []keyFile `json:"keys"`
}

type keyFile struct {
	Slot        string `json:"slot"`
	Key         string `json:"key"`         // PEM, PKCS#8
	Certificate string `json:"certificate"` // PEM
}

// Save writes the card with its keys and its passcode to a file that its owner alone can read.
func (c *Card) Save(path string) error {
	c.mu.Lock()
	file := cardFile{UID: c.uid, Passcode: c.passcode, Tries: c.tries, TriesLeft: c.left, GUID: c.guid[:]}
	c.mu.Unlock()
	for _, key := range c.keys {
		block, err := keyPEM(key.key)
		if err != nil {
			return fmt.Errorf("saving the card %s: %w", path, err)
		}
		file.Keys = append(file.Keys, keyFile{Slot: key.slot, Key: string(block), Certificate: string(certificatePEM(key.der))})
	}
	data, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("saving the card %s: %w", path, err)
	}
	return renameio.WriteFile(path, append(data, '\n'), 0o600, renameio.WithStaticPermissions(0o600))
}

// LoadCard reads a card that Save wrote.
func LoadCard(path string) (*Card, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a virtual card: %w", err)
	}
	card, err := parseCard(data)
	if err != nil {
		return nil, fmt.Errorf("reading the virtual card %s: %w", path, err)
	}
	return card, nil
}

func parseCard(data []byte) (*Card, error) {
	var file cardFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	card := &Card{uid: file.UID, passcode: file.Passcode, tries: file.Tries, left: file.TriesLeft}
	switch {
	case !uidForm.MatchString(file.UID):
		return nil, errors.New("its uid isn't 12 digits")
	case !passcodeForm.MatchString(file.Passcode):
		return nil, errors.New("its passcode isn't 4 to 8 digits")
	case file.Tries < 1 || file.Tries > 15 || file.TriesLeft < 0 || file.TriesLeft > file.Tries:
		return nil, errors.New("its tries aren't a number from 1 to 15 with as many or fewer left")
	case len(file.GUID) != len(card.guid):
		return nil, fmt.Errorf("its guid has %d bytes instead of %d", len(file.GUID), len(card.guid))
	}
	copy(card.guid[:], file.GUID)
	for _, entry := range file.Keys {
		key, err := parseKey(entry)
		if err != nil {
			return nil, fmt.Errorf("slot %q: %w", entry.Slot, err)
		}
		card.keys = append(card.keys, key)
	}
	return card, nil
}

func parseKey(entry keyFile) (slotKey, error) {
	switch entry.Slot {
	case SlotAuthentication, SlotSignature, SlotManagement:
	default:
		return slotKey{}, errors.New("a card has no such slot")
	}
	key, certificate, err := parsePair([]byte(entry.Key + "\n" + entry.Certificate))
	if err != nil {
		return slotKey{}, err
	}
	return slotKey{slot: entry.Slot, key: key, der: certificate.Raw}, nil
}

// CertificatePEM is the authority's certificate, for those who are to trust it.
func (a *Authority) CertificatePEM() []byte {
	return certificatePEM(a.Certificate.Raw)
}

// Save writes the authority's certificate and key (PEM) to a file that its owner alone can read.
func (a *Authority) Save(path string) error {
	key, err := keyPEM(a.key)
	if err != nil {
		return fmt.Errorf("saving the authority %s: %w", path, err)
	}
	return renameio.WriteFile(path, append(a.CertificatePEM(), key...), 0o600, renameio.WithStaticPermissions(0o600))
}

// LoadAuthority reads an authority that Save wrote.
func LoadAuthority(path string) (*Authority, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a test authority: %w", err)
	}
	key, certificate, err := parsePair(data)
	if err != nil {
		return nil, fmt.Errorf("reading the test authority %s: %w", path, err)
	}
	return &Authority{Certificate: certificate, key: key}, nil
}

// parsePair reads a certificate and its key of 2048 bits from PEM blocks in any order.
func parsePair(data []byte) (*rsa.PrivateKey, *x509.Certificate, error) {
	var key *rsa.PrivateKey
	var certificate *x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY":
			parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("its key: %w", err)
			}
			key, _ = parsed.(*rsa.PrivateKey)
		case "CERTIFICATE":
			var err error
			if certificate, err = x509.ParseCertificate(block.Bytes); err != nil {
				return nil, nil, fmt.Errorf("its certificate: %w", err)
			}
		}
	}
	switch {
	case key == nil || key.N.BitLen() != 8*modulusBytes:
		return nil, nil, errors.New("it has no RSA key of 2048 bits")
	case certificate == nil:
		return nil, nil, errors.New("it has no certificate")
	case !key.PublicKey.Equal(certificate.PublicKey):
		return nil, nil, errors.New("its certificate is of another key")
	}
	return key, certificate, nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(data) > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return data, err
}

func keyPEM(key *rsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
