package card_test

import (
	"errors"
	"path/filepath"
	"testing"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/cardtest"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// A token in software needs no pcscd: where there is none, one that is removed is gone, and no service is to blame.
func TestTokenIsRemovedWherePcscdIsNot(t *testing.T) {
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	token := cardtest.NewToken(t, "A token", "123456")
	token.Hold(t, "01", virtual, virtualcard.SlotAuthentication)
	none := "PCSCLITE_CSOCK_NAME=" + filepath.Join(t.TempDir(), "none")
	w := start(t, card.Options{Modules: []string{cardtest.SoftHSM}, Environ: append(token.Environ(), none)})
	c := w.untilCards(1)[0]
	if w.last.Fault != nil {
		t.Errorf("with a token there is the fault %v", w.last.Fault)
	}
	token.Remove(t)
	if _, err := w.sign(c, "123456"); !errors.Is(err, card.ErrRemoved) {
		t.Errorf("signing with a token that was removed: %v", err)
	}
	s := w.until("the token gone", func(s card.Snapshot) bool { return s.Readers != nil && len(cards(s)) == 0 || s.Fault != nil })
	if s.Fault != nil {
		t.Errorf("without the token: %v", s.Fault)
	}
}
