package engine

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"

	"nhos.org/nhos/internal/identity/card"
)

// Bounds on what is believed of a module.
const (
	maxSlots        = 64
	maxCertificates = 32
	maxCertificate  = 16 << 10
	// readAttempts is how often a card that can't be read is tried: one that is pushed in slowly can't at first.
	readAttempts = 3
)

// module is a loaded PKCS#11 module.
type module struct {
	path  string
	p11   *pkcs11.Ctx
	raw   rawModule
	slots map[uint]*slot
	// software says that the module has slots and that none of them is a device: pcscd has nothing to do with it.
	software bool
}

// slot is one of a module's, as it was seen last.
type slot struct {
	number  uint
	name    string
	card    *card.Card
	session pkcs11.SessionHandle // kept open while a card is there: it ends with the card, however soon another one comes
	open    bool
	tries   int // at reading the card
}

// loadModule loads a module. An absolute path is asked for, so that nothing else is looked for in odd places.
func loadModule(path string) (*module, error) {
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("loading the smartcard driver %q: its path must begin with /", path)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("loading the smartcard driver: %w", err)
	}
	m := &module{path: path, p11: pkcs11.New(path), slots: make(map[uint]*slot)}
	var err error
	if m.p11 == nil {
		err = errors.New("it isn't a PKCS#11 module for this machine")
	} else if m.raw, err = openRaw(path); err == nil {
		err = m.p11.Initialize()
	}
	if err != nil {
		return nil, fmt.Errorf("loading the smartcard driver %s: %w", path, err)
	}
	return m, nil
}

// restart has the module forget everything.
func (m *module) restart() {
	m.slots = make(map[uint]*slot)
	_ = m.p11.Finalize()
	_ = m.p11.Initialize() // a failure shows at the next look
}

// recheck looks afresh for the token that a module in software failed with, and gives the reason: SoftHSM notices at no
// other time that a token was removed.
func (m *module) recheck(serial string, failure error) error {
	m.restart()
	readers, err := m.look()
	if err == nil && !slices.ContainsFunc(readers, func(r card.Reader) bool { return r.Card != nil && r.Card.Serial == serial }) {
		return card.ErrRemoved
	}
	return failure
}

// wait waits in the module for changes, where it can.
func (m *module) wait(e *engine) {
	counted := false
	for m.raw.waitForSlotEvent() == nil {
		if !counted { // not before it has kept its word once: some return at once
			counted = true
			e.told.Add(1)
		}
		e.changed()
	}
	if counted {
		e.told.Add(-1)
	}
}

// look reads the module's slots.
func (m *module) look() ([]card.Reader, error) {
	numbers, err := m.p11.GetSlotList(false)
	if err != nil {
		m.forget(nil)
		return nil, moduleError("listing readers", err)
	}
	if len(numbers) > maxSlots {
		numbers = numbers[:maxSlots]
	}
	m.forget(numbers)
	var readers []card.Reader
	known, devices := 0, 0
	for _, number := range numbers {
		info, err := m.p11.GetSlotInfo(number)
		if err != nil {
			m.drop(number)
			continue // it went between the two calls
		}
		known++
		if info.Flags&pkcs11.CKF_HW_SLOT != 0 {
			devices++
		}
		s := m.slots[number]
		if s == nil {
			s = &slot{number: number}
			m.slots[number] = s
		}
		s.name = text(info.SlotDescription)
		if !m.lookAt(s, info.Flags&pkcs11.CKF_TOKEN_PRESENT != 0) {
			continue
		}
		reader := card.Reader{Name: s.name}
		if s.card != nil {
			shown := *s.card
			reader.Card = &shown
		}
		readers = append(readers, reader)
	}
	m.software = known > 0 && devices == 0
	return readers, nil
}

// forget drops slots that are no longer listed.
func (m *module) forget(listed []uint) {
	keep := make(map[uint]bool, len(listed))
	for _, number := range listed {
		keep[number] = true
	}
	for number := range m.slots {
		if !keep[number] {
			m.drop(number)
		}
	}
}

func (m *module) drop(number uint) {
	if s := m.slots[number]; s != nil {
		m.empty(s)
		delete(m.slots, number)
	}
}

// empty forgets the card of a slot.
func (m *module) empty(s *slot) {
	if s.open {
		_ = m.p11.CloseSession(s.session) // of a card that is gone: it fails
	}
	s.card, s.open, s.tries = nil, false, 0
}

// lookAt brings what is known of a slot's card up to date. It says whether the slot is one to show: a software token
// that was never set up is no reader.
func (m *module) lookAt(s *slot, present bool) bool {
	if !present {
		m.empty(s)
		return true
	}
	if s.open {
		if _, err := m.p11.GetSessionInfo(s.session); err == nil {
			return true
		}
		m.empty(s) // another card
	}
	if s.card != nil && s.tries >= readAttempts {
		return true // it can't be read, and that won't change
	}
	token, err := m.p11.GetTokenInfo(s.number)
	switch {
	case isCode(err, pkcs11.CKR_TOKEN_NOT_PRESENT):
		m.empty(s)
		return true
	case err == nil && token.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0:
		m.empty(s)
		return false
	}
	id := newID()
	if s.card != nil {
		id = s.card.ID
	}
	s.tries++
	s.card = &card.Card{ID: id, TriesLeft: card.Unknown}
	if err == nil {
		describe(s.card, token)
		err = m.read(s)
	}
	switch {
	case isRemoval(err):
		m.empty(s)
	case isCode(err, pkcs11.CKR_TOKEN_NOT_RECOGNIZED):
		s.card.Fault = "this kind of card isn't known to the driver, or the card is the wrong way round"
	case err != nil:
		s.card.Fault = fmt.Sprintf("the driver can't read the card (%v)", err)
	}
	return true
}

// read opens the slot's session and reads the card's certificates.
func (m *module) read(s *slot) error {
	session, err := m.p11.OpenSession(s.number, pkcs11.CKF_SERIAL_SESSION) // read-only
	if err != nil {
		return err
	}
	certificates, err := m.certificates(session, isPIV(s.card))
	if err != nil {
		_ = m.p11.CloseSession(session)
		return err
	}
	s.session, s.open = session, true
	s.card.Certificates = certificates
	return nil
}

// certificates are those of the card that have an id, by which their keys are found. Whether the keys are there can't be
// seen yet: private keys are hidden until the passcode is given. Certificates of authorities are left out.
func (m *module) certificates(session pkcs11.SessionHandle, piv bool) ([]card.Certificate, error) {
	objects, err := m.find(session, maxCertificates,
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE),
		pkcs11.NewAttribute(pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509))
	if err != nil {
		return nil, err
	}
	var certificates []card.Certificate
	for _, object := range objects {
		attributes, err := m.p11.GetAttributeValue(session, object, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_ID, nil),
			pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil),
		})
		if isRemoval(err) {
			return nil, err
		}
		if err != nil || len(attributes) != 2 || len(attributes[0].Value) == 0 || len(attributes[1].Value) > maxCertificate {
			continue
		}
		parsed, err := x509.ParseCertificate(attributes[1].Value)
		if err != nil || parsed.IsCA {
			continue
		}
		certificate := card.Certificate{KeyID: attributes[0].Value, DER: attributes[1].Value}
		if piv {
			certificate.Slot = pivSlots[string(certificate.KeyID)]
		}
		certificates = append(certificates, certificate)
	}
	return certificates, nil
}

func (m *module) find(session pkcs11.SessionHandle, limit int, template ...*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	if err := m.p11.FindObjectsInit(session, template); err != nil {
		return nil, err
	}
	objects, _, err := m.p11.FindObjects(session, limit)
	return objects, errors.Join(err, m.p11.FindObjectsFinal(session))
}

// slotOf is the slot that a card is in.
func (m *module) slotOf(id card.ID) *slot {
	for _, s := range m.slots {
		if s.open && s.card.ID == id {
			return s
		}
	}
	return nil
}

// pivSlots is which slot of a PIV card OpenSC means by an id (its pkcs15-piv.c counts them so).
var pivSlots = map[string]string{"\x01": "9A", "\x02": "9C", "\x03": "9D", "\x04": "9E"}

// isPIV knows a card that OpenSC's PIV driver reads; other modules don't say, and count their ids differently.
func isPIV(c *card.Card) bool {
	return c.Manufacturer == "piv_II" && strings.HasPrefix(c.Model, "PKCS#15")
}

func describe(c *card.Card, token pkcs11.TokenInfo) {
	c.Label, c.Manufacturer = text(token.Label), text(token.ManufacturerID)
	c.Model, c.Serial = text(token.Model), text(token.SerialNumber)
	c.MinPasscode, c.MaxPasscode = int(token.MinPinLen), int(token.MaxPinLen)
	c.TriesLeft = triesLeft(token.Flags)
	c.PasscodePad = token.Flags&pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH != 0
}

// triesLeft reads a token's flags. CKF_USER_PIN_COUNT_LOW says that there was a wrong passcode, not how many tries are
// left.
func triesLeft(flags uint) int {
	switch {
	case flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return 0
	case flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return 1
	}
	return card.Unknown
}

// text is what PKCS#11 pads with blanks, some modules with zeros.
func text(padded string) string {
	return strings.ToValidUTF8(strings.TrimRight(padded, " \x00"), "?")
}

func newID() card.ID {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	return card.ID(hex.EncodeToString(id))
}
