package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"nhos.org/nhos/internal/identity/secret"
)

func TestNothingPrintsIt(t *testing.T) {
	s := secret.New([]byte("482915"))
	holder := struct {
		Passcode *secret.Text
		hidden   *secret.Text
	}{s, s}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", holder.Passcode)
	}
	fmt.Fprintf(&out, "%v %+v\n", holder, &holder)
	b, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	slog.New(slog.NewTextHandler(&out, nil)).Info("signed in", "passcode", s, "all", holder)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("signed in", "passcode", s)
	for _, form := range []string{"482915", "343832393135", "52 56 50 57 49 53", "NDgyOTE1"} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%q is in\n%s", form, out.String())
		}
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Errorf("nothing says [redacted] in\n%s", out.String())
	}
}

func TestWipe(t *testing.T) {
	value := []byte("482915")
	s := secret.New(value)
	copied := s.Copy()
	if !s.Equal(copied) {
		t.Error("the copy differs")
	}
	s.Wipe()
	s.Wipe()
	(*secret.Text)(nil).Wipe()
	if !bytes.Equal(value, make([]byte, 6)) {
		t.Errorf("after Wipe the bytes are %q", value)
	}
	if s.Len() != 0 || string(copied.Reveal()) != "482915" {
		t.Errorf("after Wipe: %d bytes, its copy %q", s.Len(), copied.Reveal())
	}
}
