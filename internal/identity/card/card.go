// Package card is smartcards as the Identity Agent sees them: which readers there are, which cards are in them, which
// certificate of a card signs a person in, and one signature by it.
//
// The vendor's module (PKCS#11) runs in a process of its own, nhos-identity-card, so that one that crashes or hangs
// takes nothing else along. This package is that process's client and needs no cgo.
package card

import (
	"errors"
	"fmt"
	"time"

	"nhos.org/nhos/internal/identity/secret"
)

// ID names one card as long as it stays in its reader: a card that was pulled and comes back has a new one.
type ID string

// Unknown is how many passcode tries are left where the card doesn't say.
const Unknown = -1

// Reader is a smartcard reader.
type Reader struct {
	Name string `json:"name"` // as the driver calls it; changes with the port, so it is for people only
	Card *Card  `json:"card,omitempty"`
}

// Card is a card in a reader. It holds nothing secret.
type Card struct {
	ID           ID     `json:"id"`
	Label        string `json:"label"` // changes while a driver caches certificates, so it is for people only
	Manufacturer string `json:"manufacturer"`
	Model        string `json:"model"`
	Serial       string `json:"serial"`

	MinPasscode int `json:"minPasscode"` // bytes
	MaxPasscode int `json:"maxPasscode"` // bytes
	// TriesLeft is how many wrong passcodes the card still takes: 0 is a locked card, 1 the last try, Unknown where
	// the driver tells neither.
	TriesLeft int `json:"triesLeft"`
	// PasscodePad says that the reader claims to have a key pad of its own.
	PasscodePad bool `json:"passcodePad"`

	Certificates []Certificate `json:"certificates"` // those whose private key is on the card
	// Fault says why a card that is in the reader can't be used (an unknown kind, upside down), in words for a person.
	Fault string `json:"fault,omitempty"`
}

// Certificate is one of a card's, with the place of its key.
type Certificate struct {
	KeyID []byte `json:"keyId"` // CKA_ID, which the private key shares
	DER   []byte `json:"der"`
	Slot  string `json:"slot,omitempty"` // 9A, 9C, … on a PIV card
}

// SignRequest asks a card for one signature.
type SignRequest struct {
	Card     ID
	KeyID    []byte
	Passcode *secret.Text // nil only where the passcode is typed at the reader
	LastTry  bool         // the passcode may be tried where a wrong one locks the card
	Digest   Digest
	Content  []byte // what is signed; the digest of it is made by the engine
}

// Digest is which digest a signature is over.
type Digest string

// The digests.
const (
	SHA1   Digest = "sha1" // what CIS1 accepts; see docs/identity.md
	SHA256 Digest = "sha256"
)

var (
	// ErrRemoved says that the card left its reader.
	ErrRemoved = errors.New("the card is no longer in the reader")
	// ErrModule says that the vendor's module crashed, hung or answered against the standard.
	ErrModule = errors.New("the smartcard driver failed")
	// ErrNoPad says that a reader that claims a key pad refuses it. No try was used: the passcode can be given instead.
	ErrNoPad = errors.New("the passcode can't be typed at this reader")
	// ErrPadCancelled says that nothing was typed at the reader's keys. No try was used.
	ErrPadCancelled = errors.New("no passcode was typed at the reader: it was cancelled there, or took too long")
	// ErrNoService says that pcscd doesn't answer.
	ErrNoService = errors.New("the smartcard service (pcscd) doesn't answer")
	// ErrLastTry says that the passcode wasn't sent to the card: a wrong one would lock it, and nobody allowed that.
	ErrLastTry = errors.New("only one passcode try is left, and it isn't risked without a confirmation")
)

// PasscodeError says that a card didn't take the passcode.
type PasscodeError struct {
	Left   int  // tries left after it, or Unknown
	Locked bool // the card takes no further passcode
	Length bool // it was too short or too long, and wasn't sent to the card: no try was used
}

func (e *PasscodeError) Error() string {
	switch {
	case e.Locked:
		return "the card is locked"
	case e.Length:
		return "the passcode is too short or too long for this card"
	case e.Left == Unknown:
		return "wrong passcode"
	case e.Left == 1:
		return "wrong passcode: one try is left"
	}
	return fmt.Sprintf("wrong passcode: %d tries are left", e.Left)
}

// CertificateError says why no certificate of a card signs its holder in.
type CertificateError struct {
	Reason   string    // in words for a person
	NotAfter time.Time // of an expired certificate, otherwise zero
}

func (e *CertificateError) Error() string { return e.Reason }
