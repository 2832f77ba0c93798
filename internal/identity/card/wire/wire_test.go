package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"nhos.org/nhos/internal/identity/secret"
)

type message struct {
	Text string `json:"text"`
}

func TestMessagesArriveWhole(t *testing.T) {
	var pipe bytes.Buffer
	passcode := secret.New([]byte("1234"))
	for _, step := range []struct {
		text     string
		passcode *secret.Text
	}{{"first", nil}, {"second", passcode}, {strings.Repeat("x", 100_000), nil}} {
		if err := Send(&pipe, message{step.text}, step.passcode); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []struct{ text, passcode string }{{"first", ""}, {"second", "1234"}, {strings.Repeat("x", 100_000), ""}} {
		var got message
		passcode, err := Receive(&pipe, &got)
		if err != nil || got.Text != want.text || string(passcode.Reveal()) != want.passcode {
			t.Errorf("received %.20q with %q, %v", got.Text, passcode.Reveal(), err)
		}
	}
	if _, err := Receive(&pipe, &message{}); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("at the end: %v", err)
	}
	if string(passcode.Reveal()) != "1234" {
		t.Error("sending wiped the caller's secret")
	}
}

// keeper keeps the very bytes that it is given.
type keeper struct{ frames [][]byte }

func (k *keeper) Write(p []byte) (int, error) {
	k.frames = append(k.frames, p)
	return len(p), nil
}

func TestNoCopyOfThePasscodeStays(t *testing.T) {
	k := &keeper{}
	if err := Send(k, message{"sign"}, secret.New([]byte("24681357"))); err != nil {
		t.Fatal(err)
	}
	if len(k.frames) != 1 || bytes.Contains(k.frames[0][:cap(k.frames[0])], []byte("2468")) {
		t.Error("the message's buffer wasn't wiped")
	}
}

func TestMessagesAreBounded(t *testing.T) {
	if err := Send(io.Discard, message{strings.Repeat("x", MaxJSON)}, nil); err == nil {
		t.Error("a message that is too long was sent")
	}
	if err := Send(io.Discard, message{}, secret.New(make([]byte, 256))); err == nil {
		t.Error("a secret that is too long was sent")
	}
	_, err := Receive(strings.NewReader("\x7f\xff\xff\xff"), &message{})
	if err == nil || !strings.Contains(err.Error(), "at most 1048576 are allowed") { // before there is room for it
		t.Errorf("a message of 2 GiB: %v", err)
	}
	for name, text := range map[string]string{
		"cut header":      "\x00\x00",
		"cut":             "\x00\x00\x00\x09{}",
		"no secret":       "\x00\x00\x00\x02{}",
		"cut secret":      "\x00\x00\x00\x02{}\x04123",
		"not JSON":        "\x00\x00\x00\x02{]\x00",
		"another message": "\x00\x00\x00\x02[]\x00",
	} {
		if _, err := Receive(strings.NewReader(text), &message{}); err == nil || err == io.EOF { //nolint:errorlint // io.EOF itself is the good end
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0a{\"text\":1}\x00"))
	f.Add([]byte("\x00\x00\x00\x02{}\x041234"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got message
		passcode, err := Receive(bytes.NewReader(text), &got)
		if err == nil && passcode.Len() > 255 {
			t.Fatal("a secret of", passcode.Len(), "bytes")
		}
	})
}
