package signature

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"nhos.org/nhos/internal/ui"
)

// ErrWrongKey says that the manifest was signed by another key.
var ErrWrongKey = errors.New("signed by another key")

// A Report is what a verification found.
type Report struct {
	SignedBy string    `json:"signed_by"` // the key's fingerprint
	Files    []Verdict `json:"files"`     // in the manifest's order
}

// Verify holds the manifest of a folder against its signature by key, and then every file against the manifest; or only
// the one that is named. An error says what isn't as it was signed; the report has what was found until then.
func Verify(dir, only string, key *PublicKey) (*Report, error) {
	name := OpenSSHFile
	if key.pgp != nil {
		name = OpenPGPFile
	}
	signed, err := readSmall(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, unsigned(dir, name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the signature: %w", err)
	}
	text, err := readSmall(filepath.Join(dir, SumsFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing", filepath.Join(dir, SumsFile))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	if err := key.verify(text, signed); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, SumsFile), err)
	}
	// What the manifest says counts only from here on.
	r := &Report{SignedBy: key.String(), Files: []Verdict{}}
	sums, err := ParseSums(text)
	if err != nil {
		return r, fmt.Errorf("reading %s: %w", filepath.Join(dir, SumsFile), err)
	}
	var bad []error
	for _, s := range sums {
		if only != "" && s.Name != only {
			continue
		}
		state, err := s.check(dir)
		if err != nil {
			return r, err
		}
		r.Files = append(r.Files, Verdict{s.Name, s.SHA256, state})
		if state != Good {
			bad = append(bad, fmt.Errorf("%s is %s", filepath.Join(dir, s.Name), state))
		}
	}
	if only != "" && len(r.Files) == 0 {
		return r, fmt.Errorf("%s is not in the manifest that was signed", only)
	}
	return r, errors.Join(bad...)
}

// unsigned says that there is no signature of this form, and whether there is another one.
func unsigned(dir, name string) error {
	err := fmt.Errorf("%s is missing: not signed by a key of this kind", filepath.Join(dir, name))
	for _, other := range Files {
		if _, there := os.Stat(filepath.Join(dir, other)); there == nil {
			return ui.Hint(err, "there is "+other+": verify with a key of its kind, or by "+programs(other))
		}
	}
	return ui.Hint(err, "nhos sign signs it")
}

func (k *PublicKey) verify(text, signed []byte) error {
	if k.pgp != nil {
		return k.verifyPGP(text, signed)
	}
	s, err := sshsig.Unarmor(signed)
	if err != nil {
		return fmt.Errorf("its signature can't be read: %w", err)
	}
	switch err := sshsig.Verify(bytes.NewReader(text), s, k.ssh, s.HashAlgorithm, namespace); {
	case errors.Is(err, sshsig.ErrPublicKeyMismatch):
		return fmt.Errorf("%w: %s, not %s", ErrWrongKey, ssh.FingerprintSHA256(s.PublicKey), k)
	case errors.Is(err, sshsig.ErrNamespaceMismatch):
		return fmt.Errorf("its signature was made for another purpose: %.40q, not %q", s.Namespace, namespace)
	case err != nil:
		return errors.New("altered since it was signed, or its signature was")
	}
	return nil
}

func (k *PublicKey) verifyPGP(text, signed []byte) error {
	if !bytes.Contains(signed, []byte("-----BEGIN PGP SIGNATURE-----")) {
		return errors.New("its signature can't be read: it is no armoured OpenPGP signature")
	}
	_, err := openpgp.CheckArmoredDetachedSignature(k.pgp, bytes.NewReader(text), bytes.NewReader(signed), nil)
	var broken pgperrors.SignatureError
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return fmt.Errorf("%w, not %s", ErrWrongKey, k)
	case errors.As(err, &broken):
		return errors.New("altered since it was signed, or its signature was")
	case err != nil:
		return fmt.Errorf("its signature: %s", strings.TrimPrefix(err.Error(), "openpgp: "))
	}
	return nil
}
