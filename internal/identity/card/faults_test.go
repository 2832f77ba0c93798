package card_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/cardtest"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// passcodeError is the *card.PasscodeError in err, or ends the test.
func passcodeError(t *testing.T, err error) card.PasscodeError {
	t.Helper()
	wrong, ok := errors.AsType[*card.PasscodeError](err)
	if !ok {
		t.Fatalf("%v isn't about the passcode", err)
	}
	return *wrong
}

func TestPasscodeTries(t *testing.T) {
	rig := cardtest.New(t)
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789", Passcode: "1234"})
	w := withOpenSC(t, rig)
	rig.MustInsert(t, 0, virtual)
	c := w.untilCards(1)[0]

	for _, passcode := range []string{"123", "123456789", ""} {
		_, err := w.sign(c, passcode)
		if wrong := passcodeError(t, err); !wrong.Length {
			t.Errorf("a passcode of %d bytes: %v", len(passcode), err)
		}
	}
	if stats := virtual.Stats(); stats.Verifies != 0 {
		t.Fatalf("passcodes that are too short or too long cost %d tries", stats.Verifies)
	}
	want := []card.PasscodeError{{Left: 2}, {Left: 1}, {Left: 0, Locked: true}}
	for i, want := range want {
		_, err := w.sign(c, "9999")
		if wrong := passcodeError(t, err); wrong != want {
			t.Errorf("wrong passcode %d: %+v, want %+v", i+1, wrong, want)
		}
		w.until("the tries that are left", func(s card.Snapshot) bool {
			return len(cards(s)) == 1 && cards(s)[0].TriesLeft == want.Left
		})
	}
	before := virtual.Stats().Verifies
	_, err := w.sign(c, "1234")
	if wrong := passcodeError(t, err); !wrong.Locked || virtual.Stats().Verifies != before {
		t.Errorf("a locked card: %v, and %d more passcodes were sent", err, virtual.Stats().Verifies-before)
	}

	// One on its last try is known from the start. It is risked where that is allowed.
	rig.Pull(0)
	w.untilCards(0)
	virtual.SetTriesLeft(1)
	rig.MustInsert(t, 0, virtual)
	c = w.untilCards(1)[0]
	if c.TriesLeft != 1 {
		t.Errorf("%d tries are left, want 1", c.TriesLeft)
	}
	signature, err := w.sign(c, "1234")
	if err != nil {
		t.Fatal(err)
	}
	verify(t, virtual, signature)
	w.until("the tries restored", func(s card.Snapshot) bool { return len(cards(s)) == 1 && cards(s)[0].TriesLeft == card.Unknown })
}

// A card that speaks T=0 takes no command of four bytes, and no length of an answer after data: how many tries are left is
// learned all the same.
func TestPasscodeTriesOverT0(t *testing.T) {
	for name, faults := range map[string]virtualcard.Faults{
		"T=0": {T0: true}, "in small parts": {T0: true, Chunk: 100}, "61 FF for more": {T0: true, CountOf61FF: true},
	} {
		t.Run(name, func(t *testing.T) {
			rig := cardtest.New(t)
			virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789", Passcode: "1234"})
			virtual.SetFaults(faults)
			w := withOpenSC(t, rig)
			rig.MustInsert(t, 0, virtual)
			c := w.untilCards(1)[0]
			signature, err := w.sign(c, "1234")
			if err != nil {
				t.Fatal(err)
			}
			verify(t, virtual, signature)
			for _, want := range []card.PasscodeError{{Left: 2}, {Left: 1}, {Left: 0, Locked: true}} {
				_, err := w.sign(c, "9999")
				if wrong := passcodeError(t, err); wrong != want {
					t.Errorf("%+v, want %+v", wrong, want)
				}
			}
			if verifies := virtual.Stats().Verifies; verifies != 4 {
				t.Errorf("the card was given %d passcodes", verifies)
			}
		})
	}
}

// Another program may use tries up, or lock the card, while it lies in the reader. It is asked right before the passcode
// would be sent.
func TestTriesThatAnotherProgramUsed(t *testing.T) {
	rig := cardtest.New(t)
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789", Passcode: "1234"})
	w := withOpenSC(t, rig)
	rig.MustInsert(t, 0, virtual)
	c := w.untilCards(1)[0]

	virtual.SetTriesLeft(1)
	w.careful = true
	if _, err := w.sign(c, "9999"); !errors.Is(err, card.ErrLastTry) {
		t.Errorf("with one try left: %v", err)
	}
	w.until("the last try", func(s card.Snapshot) bool { return len(cards(s)) == 1 && cards(s)[0].TriesLeft == 1 })
	virtual.SetTriesLeft(0)
	if _, err := w.sign(c, "1234"); !passcodeError(t, err).Locked {
		t.Errorf("with none left: %v", err)
	}
	if sent := virtual.Stats().Verifies; sent != 0 {
		t.Errorf("the card was given a passcode %d times", sent)
	}
}

func TestCardPulledWhileItSigns(t *testing.T) {
	rig := cardtest.New(t)
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	w := withOpenSC(t, rig)
	for name, moment := range map[string]virtualcard.Moment{
		"after the passcode": virtualcard.AfterVerify, "before the signature": virtualcard.BeforeSignature, "after it": virtualcard.AfterSignature,
	} {
		virtual.SetFaults(virtualcard.Faults{})
		rig.MustInsert(t, 0, virtual)
		c := w.untilCards(1)[0]
		virtual.SetFaults(virtualcard.Faults{Pull: moment})
		if _, err := w.sign(c, "1234"); !errors.Is(err, card.ErrRemoved) {
			t.Errorf("pulled %s: %v", name, err)
		}
		if rig.Occupied(0) {
			t.Fatalf("%s: the card wasn't pulled", name)
		}
		if left := virtual.TriesLeft(); left != 3 {
			t.Errorf("%s: %d tries are left", name, left)
		}
		w.untilCards(0)
	}
	virtual.SetFaults(virtualcard.Faults{})
	rig.MustInsert(t, 0, virtual)
	if _, err := w.sign(w.untilCards(1)[0], "1234"); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

func TestCardsThatAnswerOddly(t *testing.T) {
	rig := cardtest.New(t)
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	w := withOpenSC(t, rig)
	rig.MustInsert(t, 0, virtual)
	c := w.untilCards(1)[0]
	for name, faults := range map[string]virtualcard.Faults{
		"slow": {SignDelay: 300 * time.Millisecond}, "strict": {StrictT0: true}, "in small parts": {Chunk: 100},
	} {
		virtual.SetFaults(faults)
		signature, err := w.sign(c, "1234")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		verify(t, virtual, signature)
	}
	for name, faults := range map[string]virtualcard.Faults{
		"an error": {SignStatus: 0x6F00}, "a wrong signature": {BadSignature: true},
	} {
		virtual.SetFaults(faults)
		if _, err := w.sign(c, "1234"); !errors.Is(err, card.ErrModule) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTwoReadersTwoCards(t *testing.T) {
	rig := cardtest.New(t)
	first := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789", Passcode: "1111"})
	second := cardtest.Issue(t, virtualcard.CardSpec{UID: "555000000001", Passcode: "2222", SecondAuthentication: true})
	w := withOpenSC(t, rig)
	rig.MustInsert(t, 0, first)
	rig.MustInsert(t, 1, second)
	for _, c := range w.untilCards(2) {
		certificate, err := card.Choose(c.Certificates, time.Now())
		if err != nil || certificate.Slot != "9A" {
			t.Fatalf("chose %q, %v", certificate.Slot, err)
		}
		uid, err := card.UID(certificate)
		if err != nil {
			t.Fatal(err)
		}
		virtual, passcode := first, "1111"
		if uid == second.UID() {
			virtual, passcode = second, "2222"
		}
		signature, err := w.sign(c, passcode)
		if err != nil {
			t.Fatalf("signing with the card of %s: %v", uid, err)
		}
		verify(t, virtual, signature)
	}
	if first.Stats().Signatures != 1 || second.Stats().Signatures != 1 {
		t.Error("the cards didn't sign once each")
	}
	// The first reader is empty now.
	rig.Pull(0)
	signature, err := w.sign(w.untilCards(1)[0], "2222")
	if err != nil {
		t.Fatal(err)
	}
	verify(t, second, signature)
}

func TestExpiredCardIsRefused(t *testing.T) {
	rig := cardtest.New(t)
	end := time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Second)
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789", NotBefore: end.AddDate(-2, 0, 0), NotAfter: end})
	w := withOpenSC(t, rig)
	rig.MustInsert(t, 0, virtual)
	_, err := card.Choose(w.untilCards(1)[0].Certificates, time.Now())
	if refused, ok := errors.AsType[*card.CertificateError](err); !ok || !refused.NotAfter.Equal(end) {
		t.Errorf("chose an expired certificate: %v", err)
	}
}

func TestPcscdIsKilledAndComesBack(t *testing.T) {
	rig := cardtest.New(t)
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	w := withOpenSC(t, rig)
	rig.MustInsert(t, 0, virtual)
	c := w.untilCards(1)[0]

	rig.KillService()
	if _, err := w.sign(c, "1234"); err == nil {
		t.Error("signed without pcscd")
	}
	w.until("no service", func(s card.Snapshot) bool { return errors.Is(s.Fault, card.ErrNoService) && len(cards(s)) == 0 })

	if err := rig.StartService(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until("two empty readers", func(s card.Snapshot) bool { return s.Fault == nil && len(s.Readers) == 2 })
	rig.Pull(0) // its link ended with pcscd
	rig.MustInsert(t, 0, virtual)
	signature, err := w.sign(w.untilCards(1)[0], "1234")
	if err != nil {
		t.Fatal(err)
	}
	verify(t, virtual, signature)
}

// engines are the processes of nhos-identity-card that this process has started.
func engines(t *testing.T) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if strings.Contains(string(text), "(nhos-identity-c)") && fields[1] == strconv.Itoa(os.Getpid()) && fields[0] != "Z" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			found = append(found, pid)
		}
	}
	return found
}

// engineOf is the only engine that runs.
func engineOf(t *testing.T) int {
	t.Helper()
	found := engines(t)
	if len(found) != 1 {
		t.Fatalf("engines %v run, want one", found)
	}
	return found[0]
}

func TestEngineThatDiesIsReplaced(t *testing.T) {
	rig := cardtest.New(t)
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	w := withOpenSC(t, rig)
	rig.MustInsert(t, 0, virtual)
	c := w.untilCards(1)[0]
	first := engineOf(t)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.until("a fault", func(s card.Snapshot) bool { return errors.Is(s.Fault, card.ErrModule) })
	again := w.until("the fault gone", func(s card.Snapshot) bool { return s.Fault == nil })
	if left := cards(again); len(left) != 1 || left[0].ID != c.ID {
		t.Fatalf("after a crash the cards are %+v, want the same", left)
	}
	signature, err := w.sign(c, "1234")
	if err != nil {
		t.Fatal(err)
	}
	verify(t, virtual, signature)
	if second := engineOf(t); second == first {
		t.Error("the engine is the one that was killed")
	}
}

func TestEngineThatHangsIsReplaced(t *testing.T) {
	rig := cardtest.New(t)
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	w := start(t, card.Options{
		Modules: []string{cardtest.OpenSC}, Environ: rig.Environ(), SignTimeout: 2 * time.Second, HangTimeout: 4 * time.Second,
	})
	rig.MustInsert(t, 0, virtual)
	w.untilCards(1)

	// While nothing is asked of it.
	if err := syscall.Kill(engineOf(t), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	w.until("a fault", func(s card.Snapshot) bool { return errors.Is(s.Fault, card.ErrModule) })
	w.until("the fault gone", func(s card.Snapshot) bool { return s.Fault == nil && len(cards(s)) == 1 })

	// While it signs: the card never answers.
	c := w.untilCards(1)[0]
	virtual.SetFaults(virtualcard.Faults{Silent: true})
	started := time.Now()
	if _, err := w.sign(c, "1234"); !errors.Is(err, card.ErrModule) {
		t.Errorf("a card that never answers: %v", err)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("that took %v", took)
	}
	rig.Pull(0)
	w.untilCards(0)
	virtual.SetFaults(virtualcard.Faults{})
	rig.MustInsert(t, 0, virtual)
	c = w.untilCards(1)[0]
	w.until("the fault gone", func(s card.Snapshot) bool { return s.Fault == nil && len(cards(s)) == 1 })
	if _, err := w.sign(c, "1234"); err != nil {
		t.Errorf("after a hang: %v", err)
	}
}

func TestCallerNeedNotWait(t *testing.T) {
	rig := cardtest.New(t)
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	w := withOpenSC(t, rig)
	rig.MustInsert(t, 0, virtual)
	c := w.untilCards(1)[0]
	virtual.SetFaults(virtualcard.Faults{SignDelay: 2 * time.Second})
	certificate, err := card.Choose(c.Certificates, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = w.Sign(ctx, card.SignRequest{Card: c.ID, KeyID: certificate.KeyID, Digest: card.SHA1, Content: content})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call: %v", err)
	}
}

func TestSoftHSMSigns(t *testing.T) {
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	token := cardtest.NewToken(t, "A token", "123456")
	token.Hold(t, "2a", virtual, virtualcard.SlotAuthentication)
	token.Hold(t, "2b", virtual, virtualcard.SlotSignature)
	w := start(t, card.Options{Modules: []string{cardtest.SoftHSM}, Environ: token.Environ()})
	c := w.untilCards(1)[0]
	if c.Label != "A token" || len(c.Certificates) != 2 {
		t.Errorf("the token is %q with %d certificates", c.Label, len(c.Certificates))
	}
	if _, err := w.sign(c, "999999"); passcodeError(t, err).Locked {
		t.Error("SoftHSM never locks")
	}
	signature, err := w.sign(c, "123456")
	if err != nil {
		t.Fatal(err)
	}
	verify(t, virtual, signature)
}

// module builds a PKCS#11 module whose C_Initialize is body.
func module(t *testing.T, body string) string {
	t.Helper()
	return compile(t, `#include <stdio.h>
#include <unistd.h>
static unsigned long initialize(void *a) { `+body+` return 5; }
static struct { unsigned char version[2]; void *functions[68]; } list = {{2, 40}, {initialize}};
unsigned long C_GetFunctionList(void *out) { *(void **)out = &list; return 0; }
`)
}

// compile makes a shared library of C.
func compile(t *testing.T, text string) string {
	t.Helper()
	folder := t.TempDir()
	source, path := filepath.Join(folder, "module.c"), filepath.Join(folder, "module.so")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", path, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func TestModulesThatAreBroken(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("no module"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, want string }{
		"crashes":         {module(t, "*(volatile int *)0 = 1;"), "it crashed"},
		"hangs":           {module(t, "for (;;) pause();"), "it hung"},
		"fails":           {module(t, ""), "CKR_GENERAL_ERROR"},
		"talks and fails": {module(t, `printf("not a report"); fflush(stdout);`), "CKR_GENERAL_ERROR"},
		"isn't one":       {text, "isn't a PKCS#11 module"},
		"isn't there":     {"/nowhere/module.so", "no such file"},
		"has no path":     {"module.so", "must begin with /"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, card.Options{Modules: []string{test.path}, HangTimeout: time.Second})
			s := w.until("a fault", func(s card.Snapshot) bool { return s.Fault != nil })
			if !errors.Is(s.Fault, card.ErrModule) || !strings.Contains(s.Fault.Error(), test.want) {
				t.Errorf("the fault is %v, want %q in it", s.Fault, test.want)
			}
		})
	}
}

// A driver that can't be loaded doesn't keep others from work.
func TestOneBrokenModuleOfTwo(t *testing.T) {
	virtual := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	token := cardtest.NewToken(t, "A token", "123456")
	token.Hold(t, "01", virtual, virtualcard.SlotAuthentication)
	w := start(t, card.Options{Modules: []string{module(t, ""), cardtest.SoftHSM}, Environ: token.Environ()})
	w.untilCards(1)
}

func TestCloseLeavesNothing(t *testing.T) {
	w := start(t, card.Options{Modules: []string{module(t, "for (;;) pause();")}})
	deadline := time.Now().Add(patience)
	for len(engines(t)) == 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if len(engines(t)) != 1 {
		t.Fatal("no engine runs")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if left := engines(t); len(left) > 0 {
		t.Errorf("engines %v are left", left)
	}
	for range w.Snapshots() { // ends, as the channel is closed
		continue
	}
}

// BenchmarkInsert is from the moment a card is in the reader until its certificates are here.
func BenchmarkInsert(b *testing.B) {
	rig := cardtest.New(b)
	virtual := cardtest.Issue(b, virtualcard.CardSpec{UID: "555123456789"})
	w := withOpenSC(b, rig)
	w.until("two empty readers", func(s card.Snapshot) bool { return len(s.Readers) == 2 })
	for b.Loop() {
		rig.MustInsert(b, 0, virtual)
		w.untilCards(1)
		b.StopTimer()
		rig.Pull(0)
		w.untilCards(0)
		time.Sleep(time.Duration(time.Now().UnixNano() % int64(400*time.Millisecond))) // anywhere between two looks of pcscd
		b.StartTimer()
	}
}
