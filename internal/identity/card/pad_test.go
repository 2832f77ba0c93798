package card_test

import (
	"errors"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/cardtest"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// atPad signs without giving a passcode.
func (w *watcher) atPad(c card.Card) ([]byte, error) {
	w.t.Helper()
	certificate, err := card.Choose(c.Certificates, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return w.Sign(w.t.Context(), card.SignRequest{Card: c.ID, KeyID: certificate.KeyID, Digest: card.SHA1, Content: content})
}

// TestKeyPads is a module in C, at a reader that says it has keys: it may have some, or none after all, or nobody types.
func TestKeyPads(t *testing.T) {
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	token := cardtest.NewToken(t, "A token", "123456")
	token.Hold(t, "01", virtual, virtualcard.SlotAuthentication)
	pad := cardtest.NewPad(t, token)
	w := start(t, card.Options{Modules: []string{pad.Module}, Environ: pad.Environ(), TrustPad: true})
	c := w.untilCards(1)[0]
	if !c.PasscodePad {
		t.Fatal("the reader's keys aren't seen")
	}
	for _, test := range []struct {
		answer string
		want   error // nil is a signature
	}{
		{"accept 123456", nil}, {"arguments", card.ErrNoPad}, {"unsupported", card.ErrNoPad}, {"canceled", card.ErrPadCancelled}, {"accept 123456", nil},
	} {
		pad.Answer(t, test.answer)
		signature, err := w.atPad(c)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.answer, err, test.want)
		}
		if test.want == nil && err == nil {
			verify(t, virtual, signature)
		}
		// The card was given nothing that could cost a try.
		if logins := pad.Logins(t); logins != "pad\n" {
			t.Errorf("%s: logins\n%s", test.answer, logins)
		}
	}
	pad.Answer(t, "accept 999999")
	if _, err := w.atPad(c); passcodeError(t, err).Length {
		t.Errorf("a wrong passcode at the reader: %v", err)
	}
	pad.Logins(t)

	// A reader that only claims to have keys takes the passcode from the screen.
	pad.Answer(t, "unsupported")
	signature, err := w.sign(c, "123456")
	if err != nil {
		t.Fatal(err)
	}
	verify(t, virtual, signature)
	if logins := pad.Logins(t); logins != "typed\n" {
		t.Errorf("logins\n%s", logins)
	}
}

// Nothing is left to a reader's keys that the policy doesn't trust, and the passcode from the screen does.
func TestPadIsNotTrustedUnlessPolicySaysSo(t *testing.T) {
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	token := cardtest.NewToken(t, "A token", "123456")
	token.Hold(t, "01", virtual, virtualcard.SlotAuthentication)
	pad := cardtest.NewPad(t, token)
	pad.Answer(t, "accept 123456")
	w := start(t, card.Options{Modules: []string{pad.Module}, Environ: pad.Environ()})
	c := w.untilCards(1)[0]
	if _, err := w.atPad(c); err == nil || errors.Is(err, card.ErrNoPad) {
		t.Errorf("signing at a reader that isn't trusted: %v", err)
	}
	if logins := pad.Logins(t); logins != "" {
		t.Errorf("logins\n%s", logins)
	}
	signature, err := w.sign(c, "123456")
	if err != nil {
		t.Fatal(err)
	}
	verify(t, virtual, signature)
}
