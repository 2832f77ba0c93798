package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/card/wire"
	"nhos.org/nhos/internal/identity/secret"
)

func TestPasscodeIsSentOnlyWhereItMayBe(t *testing.T) {
	good := card.Card{MinPasscode: 4, MaxPasscode: 8, TriesLeft: card.Unknown}
	pad := good
	pad.PasscodePad = true
	locked, lockedPad := good, pad
	locked.TriesLeft, lockedPad.TriesLeft = 0, 0
	noLimits := card.Card{TriesLeft: card.Unknown}
	tests := map[string]struct {
		card     card.Card
		passcode string // "-" is none
		trustPad bool
		want     string
	}{
		"right length":                   {good, "1234", false, "<nil>"},
		"too short":                      {good, "123", false, "the passcode is too short or too long for this card"},
		"too long":                       {good, "123456789", false, "the passcode is too short or too long for this card"},
		"empty, and the card says none":  {noLimits, "", false, "the passcode is too short or too long for this card"},
		"no limits":                      {noLimits, "1", false, "<nil>"},
		"locked":                         {locked, "1234", false, "the card is locked"},
		"locked, at the reader":          {lockedPad, "-", true, "the card is locked"},
		"at the reader":                  {pad, "-", true, "<nil>"},
		"at a reader that isn't trusted": {pad, "-", false, "the reader claims a key pad that isn't trusted here: give the passcode"},
		"typed, though there is a pad":   {pad, "1234", true, "<nil>"},
		"typed, as the pad isn't one":    {pad, "1234", false, "<nil>"},
		"none":                           {good, "-", true, "signing needs the passcode"},
	}
	for name, test := range tests {
		var passcode *secret.Text
		if test.passcode != "-" {
			passcode = secret.New([]byte(test.passcode))
		}
		if got := fmt.Sprint(mayLogin(&test.card, passcode, test.trustPad)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestTriesLeft(t *testing.T) {
	for flags, want := range map[uint]int{
		0:                                card.Unknown,
		pkcs11.CKF_USER_PIN_COUNT_LOW:    card.Unknown,
		pkcs11.CKF_USER_PIN_FINAL_TRY:    1,
		pkcs11.CKF_USER_PIN_LOCKED:       0,
		pkcs11.CKF_USER_PIN_INITIALIZED:  card.Unknown,
		pkcs11.CKF_USER_PIN_LOCKED | 0x7: 0,
		pkcs11.CKF_USER_PIN_FINAL_TRY | pkcs11.CKF_USER_PIN_COUNT_LOW: 1,
		pkcs11.CKF_USER_PIN_FINAL_TRY | pkcs11.CKF_USER_PIN_LOCKED:    0,
	} {
		if got := triesLeft(flags); got != want {
			t.Errorf("flags %x: %d tries, want %d", flags, got, want)
		}
	}
}

func TestMerge(t *testing.T) {
	usable := func(serial string) *card.Card {
		return &card.Card{Serial: serial, Certificates: []card.Certificate{{KeyID: []byte{1}}}}
	}
	bare, unknown := &card.Card{Serial: "bare"}, &card.Card{Fault: "unknown"}
	tests := map[string]struct {
		slots []card.Reader
		want  string // "name/serial" of each reader, in order
	}{
		"nothing":                          {nil, ""},
		"two readers":                      {[]card.Reader{{Name: "A"}, {Name: "B"}}, "A/ B/"},
		"several slots of one":             {[]card.Reader{{Name: "A"}, {Name: "A"}, {Name: "A", Card: usable("x")}}, "A/x"},
		"one card by two modules":          {[]card.Reader{{Name: "A", Card: usable("x")}, {Name: "A", Card: usable("x")}}, "A/x"},
		"a card that only one knows":       {[]card.Reader{{Name: "A", Card: unknown}, {Name: "A", Card: usable("x")}}, "A/x"},
		"a card without certificates":      {[]card.Reader{{Name: "A", Card: unknown}, {Name: "A", Card: bare}, {Name: "A"}}, "A/bare"},
		"a card that nobody knows":         {[]card.Reader{{Name: "A"}, {Name: "A", Card: unknown}}, "A/!"},
		"two readers under a cut name":     {[]card.Reader{{Name: "A", Card: usable("x")}, {Name: "A", Card: usable("y")}}, "A/x A/y"},
		"cards that have no serial number": {[]card.Reader{{Name: "A", Card: usable("")}, {Name: "A", Card: usable("")}, {Name: "B"}}, "A/ " + "A/ B/"},
	}
	for name, test := range tests {
		var got []string
		for _, reader := range merge(test.slots) {
			what := ""
			if reader.Card != nil {
				what = reader.Card.Serial
				if reader.Card.Fault != "" {
					what = "!"
				}
			}
			got = append(got, reader.Name+"/"+what)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// Whatever arrives on the pipe, the engine answers with reports and ends.
func FuzzServe(f *testing.F) {
	for _, order := range []card.Order{
		{Number: 1}, {Number: 2, Sign: &card.SignOrder{Card: "x", KeyID: []byte{1}, Digest: card.SHA1, Content: []byte("x")}},
	} {
		var pipe bytes.Buffer
		if err := wire.Send(&pipe, order, secret.New([]byte("1234"))); err != nil {
			f.Fatal(err)
		}
		f.Add(pipe.Bytes())
	}
	f.Fuzz(func(t *testing.T, orders []byte) {
		if bytes.Contains(bytes.ToLower(orders), []byte("mod")) || json.Valid(orders) {
			t.Skip("loads modules")
		}
		var reports bytes.Buffer
		_ = Serve(t.Context(), bytes.NewReader(orders), &reports)
	})
}
