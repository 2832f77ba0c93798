package engine

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" // what CIS1 accepts
	_ "crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
)

// digestInfo is what stands before a digest in a PKCS#1 v1.5 signature (RFC 8017, 9.2, note 1). The engine writes it
// itself: CKM_RSA_PKCS is the one mechanism that every card has.
var digestInfo = map[card.Digest]struct {
	hash   crypto.Hash
	prefix []byte
}{
	card.SHA1: {crypto.SHA1, []byte{0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14}},
	card.SHA256: {crypto.SHA256, []byte{
		0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
	}},
}

// sign makes one signature. It logs out behind it, so that the card asks for the passcode the next time, and checks the
// signature against the card's certificate.
func (m *module) sign(s *slot, request card.SignOrder, passcode *secret.Text, trustPad bool) ([]byte, error) {
	form, ok := digestInfo[request.Digest]
	if !ok || len(request.Content) == 0 || len(request.Content) > card.MaxContent {
		return nil, fmt.Errorf("signing %d bytes with digest %q: that isn't offered", len(request.Content), request.Digest)
	}
	public, err := publicKey(s.card, request.KeyID)
	if err != nil {
		return nil, err
	}
	token, err := m.p11.GetTokenInfo(s.number)
	if err != nil {
		return nil, m.classify(s, "reading how many tries are left", err)
	}
	describe(s.card, token)
	if err := mayLogin(s.card, passcode, trustPad); err != nil {
		return nil, err
	}
	if s.card.TriesLeft == 1 && !request.LastTry {
		// Another program may have used the others up since anybody asked.
		return nil, card.ErrLastTry
	}

	session, err := m.p11.OpenSession(s.number, pkcs11.CKF_SERIAL_SESSION) // read-only
	if err != nil {
		return nil, m.classify(s, "opening a session", err)
	}
	defer func() { _ = m.p11.CloseSession(session) }()
	if err := m.login(s, session, pkcs11.CKU_USER, passcode); err != nil {
		return nil, err
	}
	defer func() {
		_ = m.p11.Logout(session) // a card that is gone has forgotten by itself
		resetCard(s.name)
	}()
	key, err := m.privateKey(s, session, request.KeyID)
	if err != nil {
		return nil, err
	}
	if err := m.p11.SignInit(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil)}, key); err != nil {
		return nil, m.classify(s, "beginning the signature", err)
	}
	if m.wantsPasscodeAgain(session, key) {
		if err := m.login(s, session, pkcs11.CKU_CONTEXT_SPECIFIC, passcode); err != nil {
			return nil, err
		}
	}
	hash := form.hash.New()
	hash.Write(request.Content)
	digest := hash.Sum(nil)
	signature, err := m.p11.Sign(session, append(bytes.Clone(form.prefix), digest...))
	if err != nil {
		return nil, m.classify(s, "signing", err)
	}
	if err := rsa.VerifyPKCS1v15(public, form.hash, digest, signature); err != nil {
		return nil, fmt.Errorf("%w: its signature isn't that of the card's certificate", card.ErrModule)
	}
	return signature, nil
}

// mayLogin says whether a passcode may be sent to the card at all, as a wrong one costs a try.
func mayLogin(c *card.Card, passcode *secret.Text, trustPad bool) error {
	switch {
	case c.TriesLeft == 0:
		return &card.PasscodeError{Left: 0, Locked: true}
	case passcode == nil && c.PasscodePad && trustPad:
		return nil
	case passcode == nil && c.PasscodePad:
		return errors.New("the reader claims a key pad that isn't trusted here: give the passcode")
	case passcode == nil:
		return errors.New("signing needs the passcode")
	case passcode.Len() == 0 || passcode.Len() < c.MinPasscode || (c.MaxPasscode > 0 && passcode.Len() > c.MaxPasscode):
		return &card.PasscodeError{Left: c.TriesLeft, Length: true}
	}
	return nil
}

// login gives the passcode to the card; without one, it is typed at the reader.
func (m *module) login(s *slot, session pkcs11.SessionHandle, user uint, passcode *secret.Text) error {
	code := m.raw.login(uint(session), user, passcode)
	if code == pkcs11.CKR_USER_ALREADY_LOGGED_IN {
		// Of a signature whose logout failed. Being logged in proves nothing about this passcode.
		if err := m.p11.Logout(session); err != nil {
			return m.classify(s, "logging out", err)
		}
		code = m.raw.login(uint(session), user, passcode)
	}
	switch code {
	case pkcs11.CKR_OK:
		s.card.TriesLeft = card.Unknown // all of them again, however many that are
		return nil
	case pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_INVALID:
		return &card.PasscodeError{Left: s.card.TriesLeft, Length: true}
	case pkcs11.CKR_ARGUMENTS_BAD, pkcs11.CKR_FUNCTION_NOT_SUPPORTED:
		if passcode == nil {
			return card.ErrNoPad
		}
	case pkcs11.CKR_FUNCTION_CANCELED, pkcs11.CKR_CANCEL:
		if err := m.classify(s, "waiting for the passcode at the reader", pkcs11.Error(code)); passcode != nil || errors.Is(err, card.ErrRemoved) {
			return err
		}
		return card.ErrPadCancelled
	case pkcs11.CKR_PIN_LOCKED:
		return &card.PasscodeError{Left: 0, Locked: true}
	case pkcs11.CKR_PIN_INCORRECT:
		token, err := m.p11.GetTokenInfo(s.number)
		if err != nil {
			return &card.PasscodeError{Left: card.Unknown}
		}
		describe(s.card, token)
		if s.card.TriesLeft == card.Unknown && isPIV(s.card) {
			s.card.TriesLeft = pivTries(s.name)
		}
		return &card.PasscodeError{Left: s.card.TriesLeft, Locked: s.card.TriesLeft == 0}
	}
	return m.classify(s, "giving the passcode", pkcs11.Error(code))
}

func (m *module) privateKey(s *slot, session pkcs11.SessionHandle, id []byte) (pkcs11.ObjectHandle, error) {
	keys, err := m.find(session, 2,
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	if err != nil {
		return 0, m.classify(s, "looking for the key", err)
	}
	if len(keys) == 0 {
		return 0, &card.CertificateError{Reason: "the card has a certificate without its key"}
	}
	return keys[0], nil
}

// wantsPasscodeAgain is for keys that ask for each signature.
func (m *module) wantsPasscodeAgain(session pkcs11.SessionHandle, key pkcs11.ObjectHandle) bool {
	attributes, err := m.p11.GetAttributeValue(session, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ALWAYS_AUTHENTICATE, nil)})
	return err == nil && len(attributes) == 1 && len(attributes[0].Value) > 0 && attributes[0].Value[0] != 0
}

func publicKey(c *card.Card, id []byte) (*rsa.PublicKey, error) {
	for _, certificate := range c.Certificates {
		if !bytes.Equal(certificate.KeyID, id) {
			continue
		}
		parsed, err := x509.ParseCertificate(certificate.DER)
		if err != nil {
			return nil, &card.CertificateError{Reason: "the card has a certificate that can't be read"}
		}
		if key, ok := parsed.PublicKey.(*rsa.PublicKey); ok {
			return key, nil
		}
		return nil, &card.CertificateError{Reason: "the card's certificate isn't for an RSA key"}
	}
	return nil, &card.CertificateError{Reason: "the card has no such certificate"}
}
