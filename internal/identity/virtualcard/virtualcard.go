// Package virtualcard is a smartcard without the plastic: a PIV card (NIST SP 800-73-4, the parts that signing in needs)
// that looks like a person's card of the NHS to whoever reads it, for tests, demonstrations and training.
//
// An Authority issues cards. A Card answers APDUs. A door puts it into a reader: VPCD for a pcscd on this machine, QEMU
// for a guest. What goes wrong with cards in practice is asked for with Faults.
//
// Its keys lie in a file and its arithmetic takes no care of timing: it protects nothing, and no real system should
// trust its authority.
package virtualcard

import (
	"crypto/rsa"
	"crypto/x509"
	"sync"
	"time"
)

// The places of keys on a PIV card that a Card may have.
const (
	SlotAuthentication = "9A" // digitalSignature: what signs a person in
	SlotSignature      = "9C" // contentCommitment: what signs prescriptions; asks for the passcode each time
	SlotManagement     = "9D" // where a second authentication certificate is put, see CardSpec
)

// Card is one virtual card. It may be in one reader at a time; its methods may be called by several goroutines.
type Card struct {
	uid   string
	tries int // that a correct passcode restores
	guid  [16]byte
	keys  []slotKey

	mu       sync.Mutex
	passcode string
	left     int
	state    powered
	faults   Faults
	stats    Stats
}

// slotKey is a key on the card with its certificate.
type slotKey struct {
	slot string
	key  *rsa.PrivateKey
	der  []byte
}

// powered is what a card forgets when it loses power.
type powered struct {
	selected bool
	verified bool
	fresh    bool // the passcode was given by the command before: what slot 9C wants
	chain    []byte
	chained  *command // the first command of an unfinished chain
	pending  []byte   // of an answer, for GET RESPONSE
}

// Stats is what was done with a card since it was made, for tests.
type Stats struct {
	Commands   int
	Verifies   int // VERIFY commands that carried a passcode: what counts as a try
	Signatures int
	// Powered is when a reader last powered the card up after it was inserted; First and Last are of its commands since
	// then. They are zero until it happened.
	Powered, First, Last time.Time
}

// UID is the 12 digits of the card's holder.
func (c *Card) UID() string { return c.uid }

// Certificate is the certificate in a slot, or nil.
func (c *Card) Certificate(slot string) *x509.Certificate {
	key := c.key(slot)
	if key == nil {
		return nil
	}
	certificate, err := x509.ParseCertificate(key.der)
	if err != nil {
		return nil
	}
	return certificate
}

// PrivateKey is the key in a slot, or nil: for tests that sign without a reader.
func (c *Card) PrivateKey(slot string) *rsa.PrivateKey {
	key := c.key(slot)
	if key == nil {
		return nil
	}
	return key.key
}

// TriesLeft is how many wrong passcodes the card still takes; 0 is a locked card.
func (c *Card) TriesLeft() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left
}

// SetTriesLeft sets the passcode counter: 0 locks the card, 1 leaves the last try.
func (c *Card) SetTriesLeft(left int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = min(max(left, 0), c.tries)
}

// Verified says whether the card would sign now without being given the passcode again.
func (c *Card) Verified() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.verified
}

// Stats is what was done with the card so far.
func (c *Card) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// SetFaults replaces the faults of the card; the zero value heals it.
func (c *Card) SetFaults(faults Faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = faults
}

// inserted forgets when what happened to the card.
func (c *Card) inserted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Powered, c.stats.First, c.stats.Last = time.Time{}, time.Time{}, time.Time{}
}

// powerUp is a Reset by which a reader begins.
func (c *Card) powerUp() {
	c.Reset()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats.Powered.IsZero() {
		c.stats.Powered = time.Now()
	}
}

// Reset is what a reader does when it powers the card up or resets it: the passcode has to be given again.
func (c *Card) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = powered{}
}

func (c *Card) key(slot string) *slotKey {
	for i := range c.keys {
		if c.keys[i].slot == slot {
			return &c.keys[i]
		}
	}
	return nil
}
