package virtualcard

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testAuthority = sync.OnceValues(func() (*Authority, error) { return NewAuthority("A test") })

func issue(t testing.TB, spec CardSpec) *Card {
	t.Helper()
	authority, err := testAuthority()
	if err != nil {
		t.Fatal(err)
	}
	spec.UID = "555123456789"
	card, err := authority.Issue(spec)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// send gives the card a command in hexadecimal, and its answer in the same.
func send(t testing.TB, card *Card, apdu string) string {
	t.Helper()
	command, err := hex.DecodeString(strings.ReplaceAll(apdu, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := card.Answer(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(answer)
}

const (
	selectByName = "00A40400 09 A00000030800001000"
	rightVerify  = "00200080 08 31323334FFFFFFFF"
	wrongVerify  = "00200080 08 39393939FFFFFFFF"
)

func TestCommandsAndAnswers(t *testing.T) {
	shared := issue(t, CardSpec{})
	tests := map[string]struct {
		before []string
		apdu   string
		want   string // how the answer ends
	}{
		"too short":                      {nil, "00A404", "6700"},
		"length that isn't there":        {nil, "00A40400 09 A0", "6700"},
		"extended without a length":      {nil, "00A40400 0000", "6700"},
		"secure messaging":               {nil, "0CA40400 09 A00000030800001000", "6e00"},
		"nothing selected":               {nil, rightVerify, "6d00"},
		"selected":                       {nil, selectByName, "9000"},
		"selected with more of the name": {nil, "00A40400 0B A000000308000010000100", "9000"},
		"selected, extended":             {nil, "00A40400 000009 A00000030800001000 0000", "9000"},
		"another application":            {nil, "00A40400 07 A0000001510000", "6a82"},
		"select by something else":       {nil, "00A40000 02 3F00", "6a86"},
		"an unknown instruction":         {[]string{selectByName}, "00FF0000", "6d00"},
		"an object that isn't there":     {[]string{selectByName}, "00CB3FFF 05 5C035FC107", "6a82"},
		"an object without a name":       {[]string{selectByName}, "00CB3FFF 02 5C00", "6a80"},
		"an object's name cut short":     {[]string{selectByName}, "00CB3FFF 03 5C0301", "6a80"},
		"data of another kind":           {[]string{selectByName}, "00CB0000 05 5C035FC107", "6a86"},
		"discovery":                      {[]string{selectByName}, "00CB3FFF 03 5C017E", "4f0ba0000003080000100001005f2f0240009000"},
		"tries left":                     {[]string{selectByName}, "00200080", "63c3"},
		"tries left after a wrong one":   {[]string{selectByName, wrongVerify}, "00200080", "63c2"},
		"verified":                       {[]string{selectByName}, rightVerify, "9000"},
		"verified already":               {[]string{selectByName, rightVerify}, "00200080", "9000"},
		"wrong after right":              {[]string{selectByName, rightVerify, wrongVerify}, "00200080", "63c2"},
		"forgotten on demand":            {[]string{selectByName, rightVerify, "0020FF80"}, "00200080", "63c3"},
		"the right one counts anew":      {[]string{selectByName, wrongVerify, wrongVerify, rightVerify, "0020FF80"}, "00200080", "63c3"},
		"locked":                         {[]string{selectByName, wrongVerify, wrongVerify, wrongVerify}, rightVerify, "6983"},
		"how many are left when locked":  {[]string{selectByName, wrongVerify, wrongVerify, wrongVerify}, "00200080", "6983"},
		"a passcode of a wrong form":     {[]string{selectByName}, "00200080 04 31323334", "6a80"},
		"another passcode":               {[]string{selectByName}, "00200081 08 31323334FFFFFFFF", "6a88"},
		"nothing waits":                  {[]string{selectByName}, "00C00000 00", "6985"},
		"a key that isn't there":         {[]string{selectByName, rightVerify}, "0087079E 04 7C028200", "6a86"},
		"another algorithm":              {[]string{selectByName, rightVerify}, "0087119A 04 7C028200", "6a86"},
		"no challenge":                   {[]string{selectByName, rightVerify}, "0087079A 04 7C028200", "6a80"},
		"a template cut short":           {[]string{selectByName, rightVerify}, "0087079A 04 7C058200", "6a80"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			shared.Reset()
			shared.SetTriesLeft(3)
			for _, apdu := range test.before {
				send(t, shared, apdu)
			}
			if got := send(t, shared, test.apdu); !strings.HasSuffix(got, test.want) {
				t.Errorf("%s is answered with %s, want …%s", test.apdu, got, test.want)
			}
		})
	}
}

// signCommands are the commands that sign a block in a slot, chained as readers do.
func signCommands(slot byte, block []byte) [][]byte {
	template := tlv(0x7C, append(tlv(0x82), tlv(0x81, block...)...)...)
	first, rest := template[:255], template[255:]
	return [][]byte{
		append([]byte{0x10, 0x87, 0x07, slot, byte(len(first))}, first...),
		append([]byte{0x00, 0x87, 0x07, slot, byte(len(rest))}, append(bytes.Clone(rest), 0)...),
	}
}

// sign signs over a whole answer, and gives how many parts it came in.
func sign(t *testing.T, card *Card, slot byte, block []byte) (signature []byte, parts int, sw string) {
	t.Helper()
	var answer []byte
	for _, command := range signCommands(slot, block) {
		var err error
		if answer, err = card.Answer(t.Context(), command); err != nil {
			t.Fatal(err)
		}
	}
	var whole []byte
	for parts = 1; ; parts++ {
		whole = append(whole, answer[:len(answer)-2]...)
		if answer[len(answer)-2] != 0x61 {
			break
		}
		var err error
		if answer, err = card.Answer(t.Context(), []byte{0, 0xC0, 0, 0, answer[len(answer)-1]}); err != nil {
			t.Fatal(err)
		}
	}
	sw = hex.EncodeToString(answer[len(answer)-2:])
	if _, template, _, ok := nextTLV(whole); ok {
		_, signature, _, _ = nextTLV(template)
	}
	return signature, parts, sw
}

// padded block of a digest, as readers make it (RFC 8017, 9.2).
func paddedDigest(digest [32]byte) []byte {
	info, _ := hex.DecodeString("3031300d060960864801650304020105000420")
	block := append([]byte{0, 1}, bytes.Repeat([]byte{0xFF}, modulusBytes-3-len(info)-len(digest))...)
	return append(append(append(block, 0), info...), digest[:]...)
}

func TestSignatureIsThatOfTheCertificate(t *testing.T) {
	card := issue(t, CardSpec{SecondAuthentication: true})
	digest := sha256.Sum256([]byte("content"))
	for name, faults := range map[string]Faults{
		"good": {}, "strict": {StrictT0: true}, "in small parts": {Chunk: 50}, "wrong count": {CountOf61FF: true},
	} {
		card.SetFaults(faults)
		for reference, slot := range slotReferences {
			send(t, card, selectByName)
			send(t, card, rightVerify)
			signature, parts, sw := sign(t, card, reference, paddedDigest(digest))
			public := card.Certificate(slot).PublicKey.(*rsa.PublicKey)
			if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil || sw != "9000" {
				t.Errorf("%s, slot %s: %s, %v", name, slot, sw, err)
			}
			if parts < 2 {
				t.Errorf("%s: an answer of 264 bytes came in %d part", name, parts)
			}
		}
	}
}

func TestPasscodeIsAskedForEachContentCommitment(t *testing.T) {
	card := issue(t, CardSpec{})
	digest := sha256.Sum256([]byte("content"))
	send(t, card, selectByName)
	if _, _, sw := sign(t, card, 0x9A, paddedDigest(digest)); sw != "6982" {
		t.Errorf("9A without the passcode: %s", sw)
	}
	send(t, card, rightVerify)
	for _, want := range []struct {
		slot byte
		sw   string
	}{{0x9C, "9000"}, {0x9C, "6982"}, {0x9A, "9000"}, {0x9A, "9000"}, {0x9C, "6982"}} {
		if _, _, sw := sign(t, card, want.slot, paddedDigest(digest)); sw != want.sw {
			t.Errorf("%X: %s, want %s", want.slot, sw, want.sw)
		}
	}
	card.Reset()
	send(t, card, selectByName)
	if _, _, sw := sign(t, card, 0x9A, paddedDigest(digest)); sw != "6982" {
		t.Errorf("after a reset: %s", sw)
	}
	if got := card.Stats(); got.Signatures != 3 || got.Verifies != 1 {
		t.Errorf("counted %+v", got)
	}
}

func TestFaults(t *testing.T) {
	digest := sha256.Sum256([]byte("content"))
	prepare := func(faults Faults) *Card {
		card := issue(t, CardSpec{})
		send(t, card, selectByName)
		card.SetFaults(faults)
		return card
	}
	last := func(card *Card, ctx context.Context) error {
		commands := signCommands(0x9A, paddedDigest(digest))
		_, _ = card.Answer(ctx, commands[0])
		_, err := card.Answer(ctx, commands[1])
		return err
	}
	for _, moment := range []Moment{BeforeSignature, AfterSignature} {
		card := prepare(Faults{Pull: moment})
		send(t, card, rightVerify)
		if err := last(card, t.Context()); !errors.Is(err, errPulled) {
			t.Errorf("pulled at moment %d: %v", moment, err)
		}
	}
	if _, err := prepare(Faults{Pull: AfterVerify}).Answer(t.Context(), mustHex(wrongVerify)); !errors.Is(err, errPulled) {
		t.Errorf("pulled after the passcode: %v", err)
	}
	silent := prepare(Faults{Silent: true})
	send(t, silent, rightVerify)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := last(silent, ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent: %v", err)
	}
	status := prepare(Faults{SignStatus: 0x6F00})
	send(t, status, rightVerify)
	if _, _, sw := sign(t, status, 0x9A, paddedDigest(digest)); sw != "6f00" {
		t.Errorf("a status instead of a signature: %s", sw)
	}
	slow := prepare(Faults{Delay: 30 * time.Millisecond})
	started := time.Now()
	if send(t, slow, "00200080"); time.Since(started) < 30*time.Millisecond {
		t.Error("a slow card was quick")
	}
}

func mustHex(text string) []byte {
	value, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return value
}

// The counter never gives more tries than there are, and only the right passcode restores it.
func TestPasscodeCounter(t *testing.T) {
	card := issue(t, CardSpec{})
	rapid.Check(t, func(t *rapid.T) {
		card.Reset()
		card.SetTriesLeft(3)
		left := 3
		_, _ = card.Answer(context.Background(), mustHex(selectByName))
		for range rapid.IntRange(1, 12).Draw(t, "commands") {
			command := rapid.SampledFrom([]string{rightVerify, wrongVerify, "00200080", "0020FF80", "RESET"}).Draw(t, "command")
			if command == "RESET" {
				card.Reset()
				command = selectByName
			}
			answer, err := card.Answer(context.Background(), mustHex(command))
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case left > 0 && command == rightVerify:
				left = 3
			case left > 0 && command == wrongVerify:
				left--
			case left == 0 && command == rightVerify && bytes.HasSuffix(answer, []byte{0x90, 0}):
				t.Fatal("a locked card took a passcode")
			}
			if card.TriesLeft() != left {
				t.Fatalf("%d tries left after %s, want %d", card.TriesLeft(), command, left)
			}
		}
	})
}

func TestCertificatesLookTheirPart(t *testing.T) {
	card := issue(t, CardSpec{SecondAuthentication: true})
	authority, _ := testAuthority()
	roots := x509.NewCertPool()
	roots.AddCert(authority.Certificate)
	for slot, usage := range map[string]x509.KeyUsage{
		SlotAuthentication: x509.KeyUsageDigitalSignature, SlotSignature: x509.KeyUsageContentCommitment, SlotManagement: x509.KeyUsageDigitalSignature,
	} {
		certificate := card.Certificate(slot)
		if certificate.KeyUsage != usage || certificate.Subject.String() != "CN=555123456789,OU=people,O=nhs" {
			t.Errorf("slot %s: usage %b of %s", slot, certificate.KeyUsage, certificate.Subject)
		}
		if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots}); err != nil {
			t.Errorf("slot %s: %v", slot, err)
		}
	}
}

func TestSpecsThatNoCardCanBe(t *testing.T) {
	authority, err := testAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for name, spec := range map[string]CardSpec{
		"no uid":         {},
		"short uid":      {UID: "55512345678"},
		"letters":        {UID: "55512345678x"},
		"short passcode": {UID: "555123456789", Passcode: "123"},
		"long passcode":  {UID: "555123456789", Passcode: "123456789"},
		"many tries":     {UID: "555123456789", Tries: 16},
	} {
		if _, err := authority.Issue(spec); err == nil {
			t.Errorf("%s: a card was issued", name)
		}
	}
}

func TestFilesKeepCardAndAuthority(t *testing.T) {
	card := issue(t, CardSpec{Passcode: "246802"})
	card.SetTriesLeft(1)
	path := filepath.Join(t.TempDir(), "card.json")
	if err := card.Save(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	again, err := LoadCard(path)
	if err != nil {
		t.Fatal(err)
	}
	if again.UID() != card.UID() || again.TriesLeft() != 1 || again.guid != card.guid || again.passcode != card.passcode ||
		!again.Certificate(SlotSignature).Equal(card.Certificate(SlotSignature)) || !again.PrivateKey(SlotAuthentication).Equal(card.PrivateKey(SlotAuthentication)) {
		t.Error("the card isn't the same")
	}

	authority, _ := testAuthority()
	path = filepath.Join(t.TempDir(), "authority.pem")
	if err := authority.Save(path); err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadAuthority(path)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := loaded.Issue(CardSpec{UID: "555000000001"})
	if err != nil {
		t.Fatal(err)
	}
	if err := issued.Certificate(SlotAuthentication).CheckSignatureFrom(authority.Certificate); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "no object": "[]", "no uid": "{}",
		"no guid":     `{"uid":"555123456789","passcode":"1234","tries":3}`,
		"no such key": `{"uid":"555123456789","passcode":"1234","tries":3,"guid":"AAAAAAAAAAAAAAAAAAAAAA==","keys":[{"slot":"9A"}]}`,
	} {
		if _, err := parseCard([]byte(text)); err == nil {
			t.Errorf("%s was read as a card", name)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	card := issue(f, CardSpec{})
	for _, seed := range []string{selectByName, rightVerify, "00CB3FFF 05 5C035FC105 00", "00C0000000", "1087079A 03 7C8200", "0087079A 04 7C028200"} {
		f.Add(mustHex(selectByName), mustHex(seed))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		card.Reset()
		card.SetTriesLeft(3)
		for _, apdu := range [][]byte{first, second} {
			answer, err := card.Answer(t.Context(), apdu)
			if err != nil || len(answer) < 2 || len(answer) > 258 {
				t.Fatalf("%X: %X, %v", apdu, answer, err)
			}
		}
	})
}

// FuzzTLV reads elements of BER-TLV: they are parts of what is read, one behind the other.
func FuzzTLV(f *testing.F) {
	f.Add(tlv(0x7C, append(tlv(0x82), tlv(0x81, bytes.Repeat([]byte{7}, 300)...)...)...))
	f.Add([]byte{0x5C, 0x82, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			tag, value, rest, ok := nextTLV(b)
			if !ok {
				return
			}
			if len(value)+len(rest) > len(b)-2 || !bytes.HasSuffix(b, rest) || !bytes.HasSuffix(b[:len(b)-len(rest)], value) {
				t.Fatalf("%X is %X, %X, %X", b, tag, value, rest)
			}
			b = rest
		}
	})
}

// FuzzCardFile reads a card's file.
func FuzzCardFile(f *testing.F) {
	f.Add([]byte(`{"uid":"555123456789","passcode":"1234","tries":3,"triesLeft":3,"guid":"AAAAAAAAAAAAAAAAAAAAAA==","keys":[]}`))
	path := filepath.Join(f.TempDir(), "card")
	if err := issue(f, CardSpec{}).Save(path); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, text []byte) {
		card, err := parseCard(text)
		if err != nil {
			return
		}
		if answer, err := card.Answer(t.Context(), mustHex(selectByName)); err != nil || len(answer) < 2 {
			t.Errorf("%X, %v", answer, err)
		}
	})
}
