package agent

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spine"
)

// cards are the drivers' client as the session wants it.
type cards struct{ client *card.Client }

func (c cards) Watch(ctx context.Context, seen func([]card.Reader, error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case s, open := <-c.client.Snapshots():
			if !open {
				return
			}
			seen(s.Readers, s.Fault)
		}
	}
}

func (c cards) Sign(ctx context.Context, r card.SignRequest) ([]byte, error) {
	return c.client.Sign(ctx, r)
}

func (cards) Holder(c card.Card, now time.Time) (session.Holder, error) { return HolderOf(c, now) }

// HolderOf says whom a card signs in at a time, and by which certificate.
func HolderOf(c card.Card, now time.Time) (session.Holder, error) {
	chosen, err := card.Choose(c.Certificates, now)
	if err != nil {
		return session.Holder{}, err
	}
	uid, err := card.UID(chosen)
	if err != nil {
		return session.Holder{}, err
	}
	certificate, err := x509.ParseCertificate(chosen.DER)
	if err != nil {
		return session.Holder{}, fmt.Errorf("reading the card's certificate: %w", err)
	}
	return session.Holder{UID: uid, Certificate: chosen, NotAfter: certificate.NotAfter}, nil
}

// cis1 is the Spine's client as the session wants it.
type cis1 struct {
	client *spine.Client
	digest crypto.Hash
}

func (s cis1) Activate(ctx context.Context) (spine.Challenge, error) { return s.client.Activate(ctx) }

func (s cis1) Validate(ctx context.Context, c spine.Challenge, h session.Holder, signature []byte) (spine.Login, error) {
	made := func([]byte) ([]byte, error) { return signature, nil } // the card has signed already
	cms, err := spine.CMS(h.Certificate.DER, c.Bytes, s.digest, made)
	if err != nil {
		return spine.Login{}, err
	}
	login, err := s.client.Validate(ctx, h.UID, c, cms)
	if err != nil {
		return spine.Login{}, err
	}
	return *login, nil
}

func (s cis1) SelectRole(ctx context.Context, l spine.Login, role string) error {
	return mapped(s.client.SelectRole(ctx, l.Ticket, role))
}

// Check asks for the session's assertion, which alone says whose it is. A server that answers something else than what is
// described has a session.
func (s cis1) Check(ctx context.Context, l spine.Login) error {
	assertion, err := s.client.Assertion(ctx, l.Ticket)
	switch {
	case errors.Is(err, spine.ErrRefused):
		return fmt.Errorf("%w: %w", session.ErrSessionEnded, err)
	case err != nil:
		return mapped(err)
	case assertion.UID != l.UID:
		return fmt.Errorf("%w: it says that the session of %s is one of %s", session.ErrSessionEnded, l.UID, assertion.UID)
	}
	return nil
}

func (s cis1) Logout(ctx context.Context, l spine.Login) error {
	return mapped(s.client.Logout(ctx, &l))
}
