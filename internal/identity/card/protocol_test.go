package card

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// Errors are the same on both sides of the pipe.
func TestFailureCarriesErrors(t *testing.T) {
	for _, err := range []error{
		ErrRemoved, ErrModule, ErrNoService,
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
