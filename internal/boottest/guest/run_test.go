package guest

import (
	"encoding/base64"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"nhos.org/nhos/internal/manifest"
)

// fakeSystem puts scripts in the place of systemctl and journalctl. states are what systemd says of itself, one a
// question, the last for ever.
func fakeSystem(t *testing.T, states []string, jobs, failed string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("states", strings.Join(states, "\n")+"\n", 0o644)
	write("jobs", jobs, 0o644)
	write("failed", failed, 0o644)
	write("systemctl", `#!/bin/sh
cd `+dir+`
case "$*" in
is-system-running)
	state=$(head -n 1 states)
	[ $(wc -l < states) -gt 1 ] && sed -i 1d states
	echo "$state"; [ "$state" = running ];;
list-jobs*) cat jobs;;
"list-units --failed"*) cat failed;;
"is-active -- good.service") echo active;;
"is-active"*) echo inactive; exit 3;;
status*) echo "the status"; exit 3;;
"show "*InitRD*) printf 'InitRDTimestampMonotonic=0\nUserspaceTimestampMonotonic=2000000\nFinishTimestampMonotonic=9000000\n';;
"show "*multi-user.target) echo ActiveEnterTimestampMonotonic=8000000;;
"show "*) echo ActiveEnterTimestampMonotonic=0;;
*) echo "systemctl $*: not expected"; exit 1;;
esac
`, 0o755)
	write("journalctl", `#!/bin/sh
case "$*" in
*--unit=*) echo "the last line";;
*) i=0; while [ $i -lt 2000 ]; do echo "line $i of the journal $(( i * 7919 ))"; i=$((i+1)); done;;
esac
`, 0o755)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// messages runs a job and returns what the host reads, without beats.
func messages(t *testing.T, job Job) map[string][]Message {
	t.Helper()
	host, port := io.Pipe()
	go func() {
		err := Run(t.Context(), Options{Port: port, Job: job})
		_ = port.CloseWithError(err)
	}()
	all, r := read(t, host)
	if r.Skipped() != 0 {
		t.Errorf("%d lines were skipped", r.Skipped())
	}
	by := map[string][]Message{}
	for _, m := range all {
		by[m.Kind] = append(by[m.Kind], m)
	}
	if all[0].Kind != KindHello || all[len(all)-1].Kind != KindDone {
		t.Errorf("from %s to %s", all[0].Kind, all[len(all)-1].Kind)
	}
	return by
}

func TestRunTellsAll(t *testing.T) {
	fakeSystem(t, []string{"", "starting", "running"}, "7 slow.service start running\n", "")
	got := messages(t, Job{
		BootLimit: time.Minute, StuckLimit: time.Minute, Environment: map[string]string{"NHOS_X": "y"},
		Checks: []manifest.Check{
			{ID: "a/run", Run: `test "$NHOS_X" = y`},
			{ID: "a/unit", Unit: "good.service"},
			{ID: "a/bad-unit", Unit: "bad.service"},
			{ID: "a/file", File: "/proc/self/exe"},
		},
	})
	hello := got[KindHello][0].Hello
	if hello.Kernel == "" || hello.MemoryMiB == 0 || hello.Uptime == 0 || (hello.Firmware != "bios" && hello.Firmware != "uefi") {
		t.Errorf("hello %+v", hello)
	}
	boot := got[KindBoot][0].Boot
	want := []Step{{2 * time.Second, "systemd"}, {8 * time.Second, "multi-user.target"}, {9 * time.Second, "boot finished"}}
	if boot.State != "running" || boot.UsedMiB == 0 || len(boot.Steps) != 3 || [3]Step(boot.Steps) != [3]Step(want) {
		t.Errorf("boot %+v", boot)
	}
	passed := map[string]bool{}
	for _, m := range got[KindCheck] {
		passed[m.Check.ID] = m.Check.Passed
		if m.Check.ID == "a/bad-unit" && m.Check.Output != "the status\nthe unit is \"inactive\"" {
			t.Errorf("%+v", m.Check)
		}
	}
	for id, want := range map[string]bool{
		BootFinished: true, NoFailedUnits: true, "a/run": true, "a/unit": true, "a/bad-unit": false, "a/file": true,
	} {
		if got, there := passed[id]; got != want || !there {
			t.Errorf("%s passed: %t (there: %t)", id, got, there)
		}
	}
	var journal Journal
	for _, m := range got[KindJournal] {
		journal.Add(m.Chunk)
	}
	text, err := journal.Text()
	if err != nil || !strings.HasPrefix(string(text), "line 0 of") || !strings.Contains(string(text), "\nline 1999 of") {
		t.Errorf("%d bytes of journal, error %v", len(text), err)
	}
	var doing []string
	for _, m := range got[KindBeat] {
		doing = append(doing, m.Beat.Doing)
	}
	if all := strings.Join(doing, "; "); !strings.Contains(all, "boot: slow.service") || !strings.Contains(all, "check a/unit") {
		t.Errorf("beats: %s", all)
	}
}

func TestRunNamesWhatFailed(t *testing.T) {
	fakeSystem(t, []string{"degraded"}, "", "bad.service loaded active failed A unit\nworse.mount loaded active failed B\n")
	checks := messages(t, Job{BootLimit: time.Minute, StuckLimit: time.Minute})[KindCheck]
	if c := checks[0].Check; c.ID != BootFinished || !c.Passed {
		t.Errorf("%+v", c)
	}
	want := "bad.service failed\n    the last line\nworse.mount failed\n    the last line\n"
	if c := checks[1].Check; c.ID != NoFailedUnits || c.Passed || c.Output != want {
		t.Errorf("%+v", c)
	}
}

func TestRunNamesTheJobThatHangs(t *testing.T) {
	fakeSystem(t, []string{"starting"}, "7 stuck.service start running\n8 multi-user.target start waiting\n", "")
	begin := time.Now()
	c := messages(t, Job{BootLimit: time.Hour, StuckLimit: 1500 * time.Millisecond})[KindCheck][0].Check
	if c.ID != BootFinished || c.Passed || !strings.Contains(c.Output, "left is stuck.service, multi-user.target\n") {
		t.Errorf("%+v", c)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestRunDoesNotWaitForEverForABootThatGoesOn(t *testing.T) {
	fakeSystem(t, []string{"starting"}, "7 slow.service start running\n", "")
	c := messages(t, Job{BootLimit: 1500 * time.Millisecond, StuckLimit: time.Hour})[KindCheck][0].Check
	if c.Passed || !strings.Contains(c.Output, "still starting after 1.5s") {
		t.Errorf("%+v", c)
	}
}

func TestRunSaysThatTheBootEndedInTheEmergencyShell(t *testing.T) {
	fakeSystem(t, []string{"maintenance"}, "", "")
	if c := messages(t, Job{BootLimit: time.Hour, StuckLimit: time.Hour})[KindCheck][0].Check; c.Passed || !strings.Contains(c.Output, "maintenance") {
		t.Errorf("%+v", c)
	}
}

// waitEnv makes this test binary wait as the guest's program does.
const waitEnv = "NHOS_TEST_WAIT"

func TestProgramDoesNotHoldUpAShutdown(t *testing.T) {
	if os.Getenv(waitEnv) != "" {
		_, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM) // as the command line does
		defer stop()
		letGo()
		_, _ = os.Stdout.WriteString("ready\n")
		time.Sleep(time.Minute)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), waitEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadFull(out, make([]byte, len("ready\n")))
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err == nil || err.Error() != "signal: terminated" {
		t.Errorf("it ended by %v", err)
	}
}

func TestJobRoundTrip(t *testing.T) {
	dir := t.TempDir()
	want := Job{BootLimit: 3, Checks: []manifest.Check{{ID: "a/b", Run: "true"}}}
	if err := WriteJob(dir, want, strings.NewReader("the program")); err != nil {
		t.Fatal(err)
	}
	got, err := readJob(filepath.Join(dir, JobFile))
	if err != nil || got.BootLimit != 3 || len(got.Checks) != 1 || got.Checks[0].Run != "true" {
		t.Errorf("%+v, error %v", got, err)
	}
	stat, err := os.Stat(filepath.Join(dir, Program))
	if err != nil || stat.Mode() != 0o755 {
		t.Errorf("%v, error %v", stat, err)
	}
}

func TestSystemdTakesTheUnit(t *testing.T) {
	dir := t.TempDir()
	for _, c := range Credentials() {
		name, value, ok := strings.Cut(strings.TrimPrefix(c, "io.systemd.credential.binary:systemd."), "=")
		text, err := base64.StdEncoding.DecodeString(value)
		if !ok || err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		file := filepath.Join(dir, "nhos-test.service")
		if kind, unit, _ := strings.Cut(name, "."); kind == "unit-dropin" {
			file = filepath.Join(dir, unit+".d", "50-test.conf")
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", filepath.Join(dir, "nhos-test.service"))
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	for _, want := range []string{"DefaultDependencies=no", "Type=simple", "IgnoreOnIsolate=yes"} {
		if !strings.Contains(unit, "\n"+want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
}

// A check that fails and is waived is told as it is, and doesn't count as failed.
func TestWaivedChecksDoNotCount(t *testing.T) {
	fakeSystem(t, []string{"running"}, "", "")
	waived := []manifest.Waiver{{Control: "A-1", Reason: "It is known", By: "Head of IT", Until: "2027-11-30"}}
	var out strings.Builder
	failed, total, err := runChecks(t.Context(), &port{w: &out}, Job{Checks: []manifest.Check{
		{ID: "a/waived", Run: "false", Waivers: waived}, {ID: "a/well", Run: "true", Waivers: waived}, {ID: "a/not", Run: "false"},
	}})
	if failed != 1 || total != 4 || err != nil {
		t.Errorf("%d of %d, %v", failed, total, err)
	}
	if told := out.String(); !strings.Contains(told, `"id":"a/waived"`) || !strings.Contains(told, `"passed":false`) {
		t.Error(told)
	}
}
