package card

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Order is what a Client asks of the process that holds the driver. Each is answered by one Report with its number,
// in any order.
type Order struct {
	Number uint64     `json:"number"` // from 1
	Open   *OpenOrder `json:"open,omitempty"`
	Sign   *SignOrder `json:"sign,omitempty"` // the passcode travels beside the message; see package wire
	// An order for neither only wants to be answered: it shows that the driver hasn't hung.
}

// OpenOrder loads drivers. It comes first, and once.
type OpenOrder struct {
	Modules []string `json:"modules"` // absolute paths of PKCS#11 modules
	// TrustPad lets the passcode be typed at readers that claim a key pad.
	TrustPad bool `json:"trustPad"`
	// NoWait keeps to asking the driver at intervals instead of waiting in it: for one that can't do both at once.
	NoWait bool `json:"noWait"`
}

// SignOrder is a SignRequest without its passcode.
type SignOrder struct {
	Card    ID     `json:"card"`
	KeyID   []byte `json:"keyId"`
	LastTry bool   `json:"lastTry,omitempty"`
	Digest  Digest `json:"digest"`
	Content []byte `json:"content"`
}

// MaxContent bounds what one signature is over; a challenge has 48 bytes.
const MaxContent = 64 << 10

// Report is what the process says: an answer, or with number 0 how readers and cards stand now.
type Report struct {
	Number    uint64   `json:"number,omitempty"`
	Readers   []Reader `json:"readers,omitempty"`
	Signature []byte   `json:"signature,omitempty"`
	Failure   *Failure `json:"failure,omitempty"`
	// Unknown says that no card has the order's id (any more), so that nothing was sent to any.
	Unknown bool `json:"unknown,omitempty"`
}

// Failure is an error of this package on its way between processes.
type Failure struct {
	Kind     string    `json:"kind"`
	Text     string    `json:"text,omitempty"`
	Left     int       `json:"left,omitempty"`
	NotAfter time.Time `json:"notAfter,omitzero"`
}

// The kinds of failures.
const (
	kindRemoved     = "removed"
	kindModule      = "module"
	kindService     = "service"
	kindLocked      = "locked"
	kindLength      = "length"
	kindPasscode    = "passcode"
	kindLastTry     = "last try"
	kindCertificate = "certificate"
	kindNoPad       = "no pad"
	kindCancelled   = "cancelled at the pad"
	kindOther       = "other"
)

// sentinels are the errors that are known by identity.
var sentinels = map[string]error{
	kindRemoved: ErrRemoved, kindModule: ErrModule, kindService: ErrNoService, kindLastTry: ErrLastTry, kindNoPad: ErrNoPad,
	kindCancelled: ErrPadCancelled,
}

// NewFailure packs an error; nil for nil.
func NewFailure(err error) *Failure {
	if err == nil {
		return nil
	}
	if passcode, ok := errors.AsType[*PasscodeError](err); ok {
		kind := kindPasscode
		switch {
		case passcode.Locked:
			kind = kindLocked
		case passcode.Length:
			kind = kindLength
		}
		return &Failure{Kind: kind, Left: passcode.Left}
	}
	if certificate, ok := errors.AsType[*CertificateError](err); ok {
		return &Failure{Kind: kindCertificate, Text: certificate.Reason, NotAfter: certificate.NotAfter}
	}
	for kind, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			return &Failure{Kind: kind, Text: err.Error()}
		}
	}
	return &Failure{Kind: kindOther, Text: err.Error()}
}

// Err unpacks the error; nil for nil.
func (f *Failure) Err() error {
	if f == nil {
		return nil
	}
	switch f.Kind {
	case kindLocked:
		return &PasscodeError{Left: f.Left, Locked: true}
	case kindLength:
		return &PasscodeError{Left: f.Left, Length: true}
	case kindPasscode:
		return &PasscodeError{Left: f.Left}
	case kindCertificate:
		return &CertificateError{Reason: f.Text, NotAfter: f.NotAfter}
	}
	if sentinel := sentinels[f.Kind]; sentinel != nil {
		if f.Text == "" || f.Text == sentinel.Error() {
			return sentinel
		}
		return &remoteError{text: f.Text, is: sentinel}
	}
	return fmt.Errorf("the card process: %s", cmp.Or(f.Text, "an error without words"))
}

// remoteError is an error of the other process that is one of this package's.
type remoteError struct {
	text string
	is   error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.is }
