package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/ProtonMail/go-crypto/openpgp"
	"golang.org/x/crypto/ssh"

	"nhos.org/nhos/internal/ui"
)

// A PrivateKey signs: ed25519, or OpenPGP.
type PrivateKey struct {
	ssh ssh.Signer
	pgp *openpgp.Entity
}

// A PublicKey verifies: ed25519, or the keys of an OpenPGP key ring.
type PublicKey struct {
	ssh ssh.PublicKey
	pgp openpgp.EntityList
}

var errForm = errors.New("it is neither an ed25519 key (OpenSSH or PEM) nor an OpenPGP key")

// LoadPrivate reads a private key. ask is called for the passphrase of a locked one; it is never taken from arguments
// or environment, where others can read it. For the same reason a file that others can read is refused.
func LoadPrivate(path string, ask func(prompt string) ([]byte, error)) (*PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, ui.Hint(fmt.Errorf("the private key %s can be read by others (mode %04o)", path, info.Mode().Perm()), "chmod 600 "+path)
	}
	text, err := readSmall(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	k, err := parsePrivate(text, func() ([]byte, error) { return ask("passphrase of " + path + ": ") })
	if err != nil {
		return nil, fmt.Errorf("reading the private key %s: %w", path, err)
	}
	return k, nil
}

func parsePrivate(text []byte, ask func() ([]byte, error)) (*PrivateKey, error) {
	if ring, err := readRing(text); err == nil {
		return unlock(ring, ask)
	}
	if block, _ := pem.Decode(text); block == nil {
		return nil, errForm
	}
	raw, err := ssh.ParseRawPrivateKey(text)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		passphrase, asked := ask()
		if asked != nil {
			return nil, asked
		}
		raw, err = ssh.ParseRawPrivateKeyWithPassphrase(text, passphrase)
	}
	if err != nil {
		return nil, err
	}
	switch k := raw.(type) {
	case *ed25519.PrivateKey:
		raw = *k
	case ed25519.PrivateKey:
	default:
		return nil, ui.Hint(errForm, "nhos sign --new-key FILE makes one")
	}
	signer, err := ssh.NewSignerFromKey(raw)
	return &PrivateKey{ssh: signer}, err
}

// unlock takes the first private key of an OpenPGP key ring.
func unlock(ring openpgp.EntityList, ask func() ([]byte, error)) (*PrivateKey, error) {
	for _, e := range ring {
		if e.PrivateKey == nil {
			continue
		}
		if e.PrivateKey.Encrypted {
			passphrase, err := ask()
			if err != nil {
				return nil, err
			}
			if err := e.DecryptPrivateKeys(passphrase); err != nil {
				return nil, err
			}
		}
		return &PrivateKey{pgp: e}, nil
	}
	return nil, ui.Hint(errors.New("it is a public key"), "gpg --export-secret-keys --armor NAME gives the private one")
}

// readRing reads OpenPGP keys, armoured or not.
func readRing(text []byte) (openpgp.EntityList, error) {
	if bytes.Contains(text, []byte("-----BEGIN PGP")) {
		return openpgp.ReadArmoredKeyRing(bytes.NewReader(text))
	}
	ring, err := openpgp.ReadKeyRing(bytes.NewReader(text))
	if err == nil && len(ring) == 0 {
		err = errForm
	}
	return ring, err
}

// LoadPublic reads a public key: a line of OpenSSH's, PEM, or an OpenPGP key ring, armoured or not.
func LoadPublic(path string) (*PublicKey, error) {
	text, err := readSmall(path)
	if err == nil {
		var k *PublicKey
		if k, err = ParsePublic(text); err == nil {
			return k, nil
		}
	}
	return nil, fmt.Errorf("reading the public key %s: %w", path, err)
}

// ParsePublic reads the text of a public key.
func ParsePublic(text []byte) (*PublicKey, error) {
	if bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		return nil, ui.Hint(errors.New("it is a private key"), "verify with the public key, which is all that others may have")
	}
	if block, _ := pem.Decode(text); block != nil && block.Type == "PUBLIC KEY" {
		k, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		return ofSSH(ssh.NewPublicKey(k))
	}
	if k, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil {
		return ofSSH(k, nil)
	}
	ring, err := readRing(text)
	if err != nil {
		return nil, errForm
	}
	return &PublicKey{pgp: ring}, nil
}

func ofSSH(k ssh.PublicKey, err error) (*PublicKey, error) {
	if err == nil && k.Type() != ssh.KeyAlgoED25519 {
		err = errForm
	}
	return &PublicKey{ssh: k}, err
}

// NewKey makes an ed25519 key: the private one at path, for its owner alone, and the public one at path.pub. It
// replaces nothing.
func NewKey(path, comment string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	k, err := ssh.NewPublicKey(public)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	line := append(bytes.TrimSpace(ssh.MarshalAuthorizedKey(k)), []byte(" "+comment+"\n")...)
	if err := create(path+".pub", line, 0o644); err != nil {
		return err
	}
	if err := create(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return errors.Join(err, os.Remove(path+".pub"))
	}
	return nil
}

func create(path string, text []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	return f.Close()
}

// String names the key as its own programs do: the fingerprint.
func (k *PrivateKey) String() string {
	if k.pgp != nil {
		return fmt.Sprintf("OpenPGP %X", k.pgp.PrimaryKey.Fingerprint)
	}
	return ssh.FingerprintSHA256(k.ssh.PublicKey())
}

// String names the key as its own programs do: the fingerprint; of a key ring the first one's.
func (k *PublicKey) String() string {
	if k.pgp != nil {
		return fmt.Sprintf("OpenPGP %X", k.pgp[0].PrimaryKey.Fingerprint)
	}
	return ssh.FingerprintSHA256(k.ssh)
}
