package rootfs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// entered runs lines of shell in the root of a step whose op failed and returns what they print.
func entered(t *testing.T, s Step, failed int, lines string) (string, int) {
	t.Helper()
	var out, errs bytes.Buffer
	code, err := Enter(t.Context(), s, failed, strings.NewReader(lines), &out, &errs)
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	return out.String(), code
}

// failing is a step that failed in the last of its ops.
func failing(t *testing.T, ops ...Op) (Step, int) {
	t.Helper()
	s := newStep(t, lower(t), ops...)
	s.Environment = map[string]string{"OF_STEP": "the step's"}
	var failure *Failure
	if err := Run(t.Context(), s, io.Discard); !errors.As(err, &failure) || failure.Index != len(ops)-1 {
		t.Fatalf("Run = %v", err)
	}
	return s, failure.Index
}

func TestEnterShowsWhatAFailedOpLeft(t *testing.T) {
	before := machine(t)
	fails := sh(`echo "$OF_STEP $OF_OP it's here"; cat /run/was/made; touch /etc/made; exit 3`)
	fails.Environment = map[string]string{"OF_OP": "and the op's"}
	fleeting := sh("echo below /run >/run/was/made")
	fleeting.Fleeting = true
	s, failed := failing(t, sh("echo kept >/etc/first"), Op{Kind: Dir, Path: "/run/was"}, fleeting, fails)
	got, code := entered(t, s, failed, "cat /etc/first; rm /etc/made; /run/nhos/failed; echo $?; ls /etc/made; echo $OF_OP $PATH; hostname; ls /sys; exit 9\n")
	want := "kept\nthe step's and the op's it's here\nbelow /run\n3\n/etc/made\nand the op's " + searchPath + "\nlocalhost\n"
	if got != want || code != 9 {
		t.Errorf("exit code %d, printed\n%swant\n%s", code, got, want)
	}
	same(t, before)
}

func TestEnterARootWithoutLayers(t *testing.T) {
	s := newStep(t, "")
	s.Lower = nil
	run(t, "mkdir", "-p", s.Upper+"/bin")
	run(t, "cp", "/bin/busybox", s.Upper+"/bin/sh")
	if got, _ := entered(t, s, -1, "echo here >/made; test -e /run/nhos/failed || echo nothing failed\n"); got != "nothing failed\n" {
		t.Errorf("printed %q", got)
	}
	if text, _ := os.ReadFile(s.Upper + "/made"); string(text) != "here\n" {
		t.Errorf("the root has %q", text)
	}
	run(t, "rm", s.Upper+"/bin/sh")
	if _, err := Enter(t.Context(), s, -1, strings.NewReader(""), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "the root has no shell") {
		t.Errorf("without a shell: %v", err)
	}
}

// TestNothingOutlivesAShell leaves a process behind in the shell.
func TestNothingOutlivesAShell(t *testing.T) {
	s, failed := failing(t, sh("false"))
	entered(t, s, failed, "sleep 7654324 >/dev/null 2>&1 & \n")
	gone(t, "7654324")
}

// TestOpsAreTimed wants every op told, in order, and the failed one too.
func TestOpsAreTimed(t *testing.T) {
	s := newStep(t, lower(t), Op{Kind: Dir, Path: "/srv"}, sh("sleep 0.3"), sh("exit 1"), sh("true"))
	var told []string
	var took time.Duration
	s.Ended = func(op Op, at Timing) {
		told = append(told, op.String())
		if len(told) == 2 {
			took = at.Took
		}
	}
	begun := time.Now()
	if err := Run(t.Context(), s, io.Discard); err == nil {
		t.Error("the step didn't fail")
	}
	if want := []string{"dir /srv", "command sh -c sleep 0.3", "command sh -c exit 1"}; !slices.Equal(told, want) {
		t.Errorf("told of %q, not %q", told, want)
	}
	if took < 300*time.Millisecond || took > time.Since(begun) {
		t.Errorf("sleeping 0.3 s took %s", took)
	}
}

// FuzzListen gives whoever started a step things that no step says.
func FuzzListen(f *testing.F) {
	failed, err := json.Marshal(word{Ended: -1, Failure: &Failure{Op: sh("x"), Index: 7, Cause: "exit status 1"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(failed)
	f.Add([]byte("{\"ended\":0,\"timing\":{\"begun\":\"2026-01-02T03:04:05Z\",\"took_ns\":5}}\n{\"ended\":99,\"timing\":{}}\n"))
	f.Add([]byte("{\"ended\":-5,\"timing\":{}}\nnonsense\n{\"failure\":{\"Index\":-9}}"))
	f.Fuzz(func(t *testing.T, said []byte) {
		s := Step{Ops: []Op{sh("a"), sh("b")}}
		s.Ended = func(Op, Timing) {}
		if failure := listen(bytes.NewReader(said), s); failure != nil && (failure.Index < -1 || failure.Index >= len(s.Ops)) {
			t.Errorf("op %d of %d failed", failure.Index, len(s.Ops))
		}
	})
}
