package engine

import (
	"errors"
	"fmt"
	"time"

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

// noticeTime is how long pcscd may take to notice that a card is gone: it asks many readers every 0.4 s.
const noticeTime = time.Second

// classify makes one of card's errors of what a module answered about a card. When the card is gone, that is the
// reason, whatever the code says: a driver in the middle of a command often only says that something failed.
func (m *module) classify(s *slot, doing string, err error) error {
	for until := time.Now().Add(noticeTime); ; time.Sleep(noticeTime / 20) {
		if isRemoval(err) || !m.present(s) {
			return fmt.Errorf("%w (%s)", card.ErrRemoved, doing)
		}
		if time.Now().After(until) {
			return moduleError(doing, err)
		}
	}
}

// present says whether a card is in a slot. The list of slots is asked for first, without need for it: OpenSC keeps what it
// knows of a slot for a second, unless it is asked for the list.
func (m *module) present(s *slot) bool {
	if _, err := m.p11.GetSlotList(false); err != nil {
		return false
	}
	info, err := m.p11.GetSlotInfo(s.number)
	return err == nil && info.Flags&pkcs11.CKF_TOKEN_PRESENT != 0
}
