package guest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/manifest"
)

func TestCheckRun(t *testing.T) {
	t.Setenv("NHOS_LEAK", "of the environment")
	env := checkEnvironment(map[string]string{"NHOS_PRODUCT": "A Product"})
	tests := map[string]struct {
		command string
		passed  bool
		output  string
	}{
		"passes":                  {"true", true, ""},
		"fails":                   {"echo why; echo more >&2; exit 3", false, "why\nmore\nexit status 3"},
		"has the settings":        {`echo "$NHOS_PRODUCT"`, true, "A Product"},
		"has nothing else":        {`echo "$NHOS_LEAK"`, true, ""},
		"finds system programs":   {`echo "$PATH"`, true, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		"leaves a process behind": {"sleep 4712 & echo started", true, "started"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			c := check(t.Context(), manifest.Check{ID: "a/b", Run: test.command}, env)
			if c.Passed != test.passed || c.Output != test.output || c.Tries != 1 || c.ID != "a/b" {
				t.Errorf("%+v", c)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	if out, err := exec.Command("pgrep", "-f", "^sleep 4712").Output(); err == nil {
		t.Errorf("processes live on: %s", out)
	}
}

func TestCheckIsTriedUntilItPasses(t *testing.T) {
	flag := filepath.Join(t.TempDir(), "flag")
	time.AfterFunc(1500*time.Millisecond, func() { _ = os.WriteFile(flag, nil, 0o644) })
	c := check(t.Context(), manifest.Check{File: flag, Within: time.Minute}, nil)
	if !c.Passed || c.Tries < 2 || c.Tries > 5 || c.Duration < time.Second {
		t.Errorf("%+v", c)
	}
	c = check(t.Context(), manifest.Check{File: flag + "2", Within: 2200 * time.Millisecond}, nil)
	if c.Passed || c.Tries != 3 || !strings.Contains(c.Output, "no such file") {
		t.Errorf("%+v", c)
	}
}

func TestCheckThatSaysTooLittleOrTooMuch(t *testing.T) {
	for _, m := range []manifest.Check{{}, {Run: "true", File: "/"}} {
		if c := check(t.Context(), m, nil); c.Passed || c.Output == "" {
			t.Errorf("%+v", c)
		}
	}
}

func TestCheckProcess(t *testing.T) {
	dir := t.TempDir()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	name := "a-name-longer-than-the-kernel-keeps"
	if err := os.Symlink(sleep, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, name), "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	by := func(name string) Check { return check(t.Context(), manifest.Check{Process: name}, nil) }
	if c := by(name); !c.Passed || c.Output != "process "+strconv.Itoa(cmd.Process.Pid) {
		t.Errorf("by argv[0]: %+v", c)
	}
	if c := by(name[:15]); !c.Passed {
		t.Errorf("by comm: %+v", c)
	}
	// Killed, but not waited for: the process is still listed.
	_ = cmd.Process.Kill()
	time.Sleep(100 * time.Millisecond)
	if c := by(name[:15]); c.Passed {
		t.Errorf("a process that has ended: %+v", c)
	}
	_ = cmd.Wait()
}

// TestLines says what a check of several lines is: as good as its first bad line, and bounded in time.
func TestLines(t *testing.T) {
	for lines, passes := range map[string]bool{"true\n:": true, "false\ntrue": false, "x=$(false)\ntrue": false, "sleep 5": false} {
		if said, err := try(t.Context(), manifest.Check{Run: lines}, environment, 300*time.Millisecond); (err == nil) != passes {
			t.Errorf("%q: %v %s", lines, err, said)
		}
	}
}

// TestOneTryMayTakeAllTheTime has a check that takes longer than a try takes by default.
func TestOneTryMayTakeAllTheTime(t *testing.T) {
	defer func(was time.Duration) { tryLimit = was }(tryLimit)
	tryLimit = 100 * time.Millisecond
	if c := check(t.Context(), manifest.Check{Run: "sleep 0.5", Within: 20 * time.Second}, environment); !c.Passed || c.Tries != 1 {
		t.Errorf("%+v", c)
	}
	if c := check(t.Context(), manifest.Check{Run: "sleep 5"}, environment); c.Passed {
		t.Errorf("%+v", c)
	}
}

func TestRunIsBounded(t *testing.T) {
	begin := time.Now()
	// The child ignores what it can, and leaves a grandchild that holds the output open.
	_, err := run(t.Context(), 300*time.Millisecond, environment, "sh", "-c", "trap '' TERM INT; sleep 4711 & sleep 4711")
	if err == nil || err.Error() != "not done after 300ms" {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if out, err := exec.Command("pgrep", "-f", "^sleep 4711").Output(); err == nil {
		t.Errorf("processes live on: %s", out)
	}

	said, err := run(t.Context(), time.Minute, environment, "sh", "-c", fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x", maxOutput+5))
	if err != nil || len(said) > maxOutput+100 || !strings.HasSuffix(said, "[5 more bytes]") {
		t.Errorf("%d bytes, error %v", len(said), err)
	}
}
