package card

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/card/wire"
)

// Errors are the same on both sides of the pipe.
func TestFailureCarriesErrors(t *testing.T) {
	for _, err := range []error{
		ErrRemoved, ErrModule, ErrNoService, ErrLastTry,
		fmt.Errorf("%w (giving the passcode)", ErrRemoved), fmt.Errorf("%w: signing: CKR_X", ErrModule),
		&PasscodeError{Left: 2}, &PasscodeError{Left: 1}, &PasscodeError{Left: Unknown},
		&PasscodeError{Left: 0, Locked: true}, &PasscodeError{Left: Unknown, Length: true},
		&CertificateError{Reason: "a reason"}, &CertificateError{Reason: "expired", NotAfter: time.Unix(1_000_000, 0).UTC()},
		errors.New("something else"),
	} {
		text, marshalErr := json.Marshal(NewFailure(err))
		if marshalErr != nil {
			t.Fatal(marshalErr)
		}
		var failure Failure
		if err := json.Unmarshal(text, &failure); err != nil {
			t.Fatal(err)
		}
		got := failure.Err()
		passcode, isPasscode := errors.AsType[*PasscodeError](err)
		certificate, isCertificate := errors.AsType[*CertificateError](err)
		switch {
		case isPasscode || isCertificate:
			if !reflect.DeepEqual(got, err) {
				t.Errorf("%v became %v (%v, %v)", err, got, passcode, certificate)
			}
		default:
			for _, sentinel := range sentinels {
				if errors.Is(got, sentinel) != errors.Is(err, sentinel) {
					t.Errorf("%v became %v", err, got)
				}
			}
		}
	}
	if NewFailure(nil) != nil || (*Failure)(nil).Err() != nil {
		t.Error("no error isn't none")
	}
}

func TestDriversAreKeptFromWritingDown(t *testing.T) {
	got := engineEnviron([]string{"A=1", "OPENSC_DEBUG=9", "PKCS11SPY=/x.so", "PKCS11SPY_OUTPUT=/y"}, []string{"B=2"})
	if want := []string{"A=1", "B=2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("the driver's environment is %q", got)
	}
}

// FuzzReport holds that nothing that the card process says breaks the agent, or becomes a signature beside a failure.
func FuzzReport(f *testing.F) {
	for _, report := range []Report{
		{Number: 1, Signature: []byte("x")},
		{Number: 2, Failure: NewFailure(&PasscodeError{Left: 2})},
		{Number: 3, Unknown: true},
		{Readers: []Reader{{Name: "A"}, {Name: "A", Card: &Card{ID: "1", Serial: "x", Certificates: []Certificate{{KeyID: []byte{1}, DER: []byte("y")}}}}}},
		{Failure: &Failure{Kind: kindLocked}},
		{Failure: &Failure{Kind: "unheard of"}},
	} {
		var pipe bytes.Buffer
		if err := wire.Send(&pipe, report, nil); err != nil {
			f.Fatal(err)
		}
		f.Add(pipe.Bytes())
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		p := presence{absence: DefaultAbsence}
		now := time.Unix(1_000_000, 0)
		for pipe := bytes.NewReader(said); ; now = now.Add(100 * time.Millisecond) {
			var report Report
			passcode, err := wire.Receive(pipe, &report)
			passcode.Wipe()
			if err != nil {
				return
			}
			if failure := report.Failure.Err(); (failure == nil) != (report.Failure == nil) || failure != nil && failure.Error() == "" {
				t.Fatalf("%+v is %v", report.Failure, failure)
			}
			shown := p.observe(now, report.Readers)
			for _, reader := range shown {
				if reader.Card != nil && reader.Card.Fault == "" {
					_, _ = Choose(reader.Card.Certificates, now)
				}
			}
		}
	})
}
