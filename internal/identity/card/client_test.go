package card_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/cardtest"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// engine is nhos-identity-card, built from these sources.
var engine string

func TestMain(m *testing.M) { os.Exit(cardtest.WithEngine(m, &engine)) }

// patience is for the slowest machine.
const patience = time.Minute

var content = []byte("a challenge of a server")

// watcher is a client whose snapshots are waited for.
type watcher struct {
	*card.Client
	t       testing.TB
	last    card.Snapshot
	careful bool // the last try isn't risked
}

func start(t testing.TB, options card.Options) *watcher {
	t.Helper()
	options.Engine = engine
	client, err := card.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return &watcher{Client: client, t: t}
}

// withOpenSC is a client of OpenSC on a rig.
func withOpenSC(t testing.TB, rig *cardtest.Rig) *watcher {
	t.Helper()
	return start(t, card.Options{Modules: []string{cardtest.OpenSC}, Environ: rig.Environ()})
}

// until waits for a snapshot of which ok is true.
func (w *watcher) until(what string, ok func(card.Snapshot) bool) card.Snapshot {
	w.t.Helper()
	deadline := time.After(patience)
	for !ok(w.last) {
		select {
		case w.last = <-w.Snapshots():
		case <-deadline:
			w.t.Fatalf("no snapshot with %s; the last one: %+v, fault %v", what, w.last.Readers, w.last.Fault)
		}
	}
	return w.last
}

// cards are the cards of a snapshot that can be used.
func cards(snapshot card.Snapshot) []card.Card {
	var found []card.Card
	for _, reader := range snapshot.Readers {
		if reader.Card != nil && len(reader.Card.Certificates) > 0 {
			found = append(found, *reader.Card)
		}
	}
	return found
}

func (w *watcher) untilCards(n int) []card.Card {
	w.t.Helper()
	return cards(w.until(fmt.Sprintf("%d cards", n), func(s card.Snapshot) bool { return s.Readers != nil && len(cards(s)) == n }))
}

// sign signs the content with the certificate that Choose gives.
func (w *watcher) sign(c card.Card, passcode string) ([]byte, error) {
	w.t.Helper()
	certificate, err := card.Choose(c.Certificates, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	text := secret.New([]byte(passcode))
	defer text.Wipe()
	return w.Sign(ctx, card.SignRequest{Card: c.ID, KeyID: certificate.KeyID, Passcode: text, LastTry: !w.careful, Digest: card.SHA1, Content: content})
}

func verify(t *testing.T, virtual *virtualcard.Card, signature []byte) {
	t.Helper()
	digest := sha1.Sum(content)
	public := virtual.Certificate(virtualcard.SlotAuthentication).PublicKey.(*rsa.PublicKey)
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA1, digest[:], signature); err != nil {
		t.Error(err)
	}
}

func TestOpenSCSignsWithACard(t *testing.T) {
	rig := cardtest.New(t)
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789", Passcode: "135790"})
	w := withOpenSC(t, rig)
	w.until("two empty readers", func(s card.Snapshot) bool { return len(s.Readers) == 2 })

	rig.MustInsert(t, 0, virtual)
	c := w.untilCards(1)[0]
	certificate, err := card.Choose(c.Certificates, time.Now())
	if err != nil || certificate.Slot != "9A" {
		t.Errorf("chose slot %q, %v", certificate.Slot, err)
	}
	if uid, err := card.UID(certificate); uid != "555123456789" {
		t.Errorf("its uid is %q, %v", uid, err)
	}
	if c.MinPasscode != 4 || c.MaxPasscode != 8 || c.TriesLeft != card.Unknown {
		t.Errorf("passcodes of %d to %d bytes, %d tries", c.MinPasscode, c.MaxPasscode, c.TriesLeft)
	}
	for range 2 {
		signature, err := w.sign(c, "135790")
		if err != nil {
			t.Fatal(err)
		}
		verify(t, virtual, signature)
		if virtual.Verified() {
			t.Error("the card would sign again without the passcode")
		}
	}

	rig.Pull(0)
	w.untilCards(0)
	if _, err := w.sign(c, "135790"); !errors.Is(err, card.ErrRemoved) {
		t.Errorf("signing with a card that was pulled: %v", err)
	}
	rig.MustInsert(t, 0, virtual)
	if again := w.untilCards(1)[0]; again.ID == c.ID {
		t.Error("a card that was pulled came back under the same id")
	}
}
