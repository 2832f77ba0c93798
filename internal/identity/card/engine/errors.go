package engine

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"nhos.org/nhos/internal/identity/card"
)

// removals are the codes by which modules say that a card is gone: each has its own.
var removals = []uint{
	pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_SESSION_HANDLE_INVALID,
	pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_SLOT_ID_INVALID,
}

// isCode says whether a module answered with code.
func isCode(err error, code uint) bool {
	answer, ok := errors.AsType[pkcs11.Error](err)
	return ok && uint(answer) == code
}

func isRemoval(err error) bool {
	for _, code := range removals {
		if isCode(err, code) {
			return true
		}
	}
	return false
}

// moduleError is what a module answered against expectation.
func moduleError(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", card.ErrModule, doing, err)
}

// classify makes one of card's errors of what a module answered about a card. When the card is gone, that is the
// reason, whatever the code says.
func (m *module) classify(s *slot, doing string, err error) error {
	if isRemoval(err) {
		return fmt.Errorf("%w (%s)", card.ErrRemoved, doing)
	}
	info, slotErr := m.p11.GetSlotInfo(s.number)
	if slotErr != nil || info.Flags&pkcs11.CKF_TOKEN_PRESENT == 0 {
		return fmt.Errorf("%w (%s)", card.ErrRemoved, doing)
	}
	return moduleError(doing, err)
}
