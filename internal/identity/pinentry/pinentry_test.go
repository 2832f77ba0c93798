package pinentry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/session"
)

// script is a pinentry that answers GETPIN and CONFIRM by shell code, and writes down what it was told.
func script(t *testing.T, getpin, confirm string) (p Pinentry, told func() string) {
	dir := t.TempDir()
	log := filepath.Join(dir, "told")
	text := `#!/bin/sh
echo "OK Pleased to meet you"
while read -r line; do
  echo "$line" >>` + log + `
  case "$line" in
  GETPIN) ` + getpin + ` ;;
  CONFIRM) ` + confirm + ` ;;
  BYE) echo OK; exit ;;
  *) echo "S status"; echo OK ;;
  esac
done
`
	path := filepath.Join(dir, "pinentry")
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return Pinentry{Program: path, Title: "Smartcard"}, func() string {
		b, _ := os.ReadFile(log)
		return string(b)
	}
}

func TestPasscode(t *testing.T) {
	p, told := script(t, `echo "D 12%2534"; echo OK`, "")
	q := session.Question{Kind: session.AskPasscode, Text: "Passcode of 50%\nof it", Error: "wrong passcode", TriesLeft: 2}
	reply, err := p.Ask(t.Context(), q)
	if err != nil || string(reply.Passcode.Reveal()) != "12%34" {
		t.Fatalf("%q, %v", reply.Passcode.Reveal(), err)
	}
	for _, want := range []string{"SETTITLE Smartcard\n", "SETDESC Passcode of 50%25%0Aof it%0A%0ATries left: 2\n", "SETERROR wrong passcode\n", "BYE\n"} {
		if !strings.Contains(told(), want) {
			t.Errorf("it wasn't told %q, but\n%s", want, told())
		}
	}
}

func TestDeclined(t *testing.T) {
	p, _ := script(t, `echo "ERR 83886179 Operation cancelled <Pinentry>"`, `echo "ERR 83886194 Not confirmed <Pinentry>"`)
	if _, err := p.Ask(t.Context(), session.Question{Kind: session.AskPasscode}); !errors.Is(err, session.ErrCancelled) {
		t.Error(err)
	}
	if reply, err := p.Ask(t.Context(), session.Question{Kind: session.AskLastTry}); !errors.Is(err, session.ErrCancelled) || reply.Yes {
		t.Error(reply, err)
	}
}

func TestWhichCard(t *testing.T) {
	p, told := script(t, "", `n=$((n+1)); if [ $n = 3 ]; then echo OK; else echo "ERR 83886194 Not confirmed"; fi`)
	reply, err := p.Ask(t.Context(), session.Question{Kind: session.AskWhichCard, Options: []string{"first", "second"}})
	if err != nil || reply.Choice != 0 || strings.Count(told(), "CONFIRM") != 3 {
		t.Errorf("%+v, %v\n%s", reply, err, told())
	}
}

func TestOneThatHangsOrIsNone(t *testing.T) {
	p, _ := script(t, "exec sleep 60", "")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := p.Ask(ctx, session.Question{Kind: session.AskPasscode}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if _, err := (Pinentry{Program: "/nonexistent"}).Ask(t.Context(), session.Question{}); err == nil {
		t.Error("no error")
	}
	if _, err := (Pinentry{Program: "false"}).Ask(t.Context(), session.Question{}); err == nil || errors.Is(err, session.ErrCancelled) {
		t.Error(err)
	}
}

// A pinentry that has answered and doesn't end is ended: its answer counts.
func TestOneThatDoesntEnd(t *testing.T) {
	p, _ := script(t, `echo "D 1234"; echo OK; exec sleep 60`, "")
	began := time.Now()
	reply, err := p.Ask(t.Context(), session.Question{Kind: session.AskPasscode})
	if err != nil || string(reply.Passcode.Reveal()) != "1234" {
		t.Errorf("%q, %v", reply.Passcode.Reveal(), err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

// FuzzAnswer holds that nothing that a pinentry says breaks or hangs the client, or makes it read more than there is.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		strings.Repeat("OK\n", 4) + "D 1234\nOK\n", "OK\nERR 83886179 x\n", "OK\nD %\n", strings.Repeat("#\n", 200), strings.Repeat("x", 2000), "OK\nERR\n", strings.Repeat("OK\n", 4) + "D %4\nD %41\nOK",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said string) {
		reply, err := Pinentry{Title: "t"}.talk(&strings.Builder{}, strings.NewReader(said), session.Question{Kind: session.AskPasscode})
		if err == nil && reply.Passcode.Len() > maxLine {
			t.Error(reply.Passcode.Len())
		}
		if err != nil && reply.Passcode != nil {
			t.Error("a passcode beside an error")
		}
	})
}
