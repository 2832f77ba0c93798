package pinentry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
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

// A person types something that is no number, a number that isn't offered, one that isn't meant, and the right one.
func TestWhichRole(t *testing.T) {
	p, told := script(t,
		`n=$((n+1)); case $n in 1) echo "D 739164" ;; 2) echo "D 3" ;; 3) echo "D 1" ;; *) echo "D  2" ;; esac; echo OK`,
		`m=$((m+1)); if [ $m = 2 ]; then echo OK; else echo "ERR 83886194 Not confirmed"; fi`)
	q := session.Question{Kind: session.AskRole, Text: "Which role?", Options: []string{"Nurse at EXAMPLE (Z9X01)", "Clerk\nat 50% (Z9X02)"}}
	reply, err := p.Ask(t.Context(), q)
	if err != nil || reply.Choice != 1 {
		t.Errorf("%+v, %v", reply, err)
	}
	for _, want := range []string{
		"SETDESC Which role?%0A%0A1  Nurse at EXAMPLE (Z9X01)%0A2  Clerk at 50%25 (Z9X02)\n", "SETPROMPT Number:\n",
		"SETERROR Type a number from 1 to 2\n", "SETDESC Take this role?%0A%0ANurse at EXAMPLE (Z9X01)\n", "SETDESC Take this role?%0A%0AClerk at 50%25 (Z9X02)\n",
	} {
		if !strings.Contains(told(), want) {
			t.Errorf("it wasn't told %q, but\n%s", want, told())
		}
	}
	if strings.Count(told(), "GETPIN") != 4 || strings.Count(told(), "CONFIRM") != 2 || strings.Contains(told(), "739164") {
		t.Errorf("it was told\n%s", told())
	}
}

func TestRoleDeclined(t *testing.T) {
	const declines = `echo "ERR 83886179 Operation cancelled"`
	q := session.Question{Kind: session.AskRole, Options: []string{"first", "second"}}
	for name, answers := range map[string][2]string{
		"at the number": {declines, "echo OK"}, "at the confirmation": {`echo "D 1"; echo OK`, declines}, "by typing nothing": {"echo OK", "echo OK"},
		"by typing other things": {`echo "D 0"; echo OK`, "echo OK"},
	} {
		p, told := script(t, answers[0], answers[1])
		if reply, err := p.Ask(t.Context(), q); !errors.Is(err, session.ErrCancelled) || reply.Choice != 0 {
			t.Errorf("%s: %+v, %v", name, reply, err)
		}
		if n := strings.Count(told(), "GETPIN"); n > maxRounds {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
}

// However many roles there are and however long, each that is shown is whole, and what isn't shown can't be taken.
func TestManyRoles(t *testing.T) {
	for _, long := range []int{1, 40, 400} {
		for _, n := range []int{2, maxRoles, maxRoles + 1, 200} {
			q := session.Question{Kind: session.AskRole, Text: "555000000101 is signed in. Which role?"}
			for i := range n {
				q.Options = append(q.Options, strings.Repeat("Rôle ", long)+"(Z9X0"+strconv.Itoa(i)+")")
			}
			list, shown := numbered(q)
			if len(escape(list)) >= maxArgument || shown < min(n, 8) {
				t.Errorf("%d roles of %d bytes: %d shown in %d bytes", n, len(q.Options[0]), shown, len(escape(list)))
			}
			if !strings.Contains(list, "(Z9X0"+strconv.Itoa(shown-1)+")") || strings.Contains(list, "(Z9X0"+strconv.Itoa(shown)+")") {
				t.Errorf("%d roles of %d bytes: %d shown:\n%s", n, len(q.Options[0]), shown, list)
			}
			if more := strings.Contains(list, fmt.Sprintf("and %d more: \"nhos-identity roles\"", n-shown)); more != (shown < n) {
				t.Errorf("%d roles, %d shown:\n%s", n, shown, list)
			}
			p, _ := script(t, `echo "D `+strconv.Itoa(shown+1)+`"; echo OK`, "echo OK")
			if reply, err := p.Ask(t.Context(), q); !errors.Is(err, session.ErrCancelled) {
				t.Errorf("%d roles, %d shown, and number %d is taken: %+v, %v", n, shown, shown+1, reply, err)
			}
		}
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
		role := session.Question{Kind: session.AskRole, Options: []string{"first", "second"}}
		if reply, err := (Pinentry{Title: "t"}).talk(&strings.Builder{}, strings.NewReader(said), role); err == nil && reply.Choice > 1 {
			t.Error(reply.Choice)
		}
		reply, err := Pinentry{Title: "t"}.talk(&strings.Builder{}, strings.NewReader(said), session.Question{Kind: session.AskPasscode})
		if err == nil && reply.Passcode.Len() > maxLine {
			t.Error(reply.Passcode.Len())
		}
		if err != nil && reply.Passcode != nil {
			t.Error("a passcode beside an error")
		}
	})
}
