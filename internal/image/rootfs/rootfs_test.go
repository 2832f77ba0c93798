package rootfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Init()
	if dir := os.Getenv("NHOS_TEST_SLEEPER"); dir != "" {
		// The program that [TestNothingOutlivesAKilledProgram] kills.
		step := Step{Lower: []string{os.Getenv("NHOS_TEST_LOWER")}, Upper: dir + "/upper", Scratch: dir + "/scratch", Ops: []Op{sh("echo started; sleep 7654321")}}
		_ = Run(context.Background(), step, os.Stdout)
		return
	}
	if dir := os.Getenv("NHOS_TEST_WORKER"); dir != "" {
		if err := worker(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// sh is an op that runs a line of shell.
func sh(line string) Op { return Op{Kind: Command, Argv: []string{"sh", "-c", line}} }

// lower is a layer with a busybox, its commands, and a few files to change.
func lower(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run(t, "mkdir", "-p", dir+"/bin", dir+"/etc/conf", dir+"/run", dir+"/old")
	run(t, "cp", "/bin/busybox", dir+"/bin/busybox")
	run(t, "chroot", dir, "/bin/busybox", "--install", "-s", "/bin")
	for name, text := range map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\nporter:x:4711:4712::/:/bin/sh\n",
		"etc/group":  "root:x:0:\nporters:x:4712:\n",
		"etc/keep":   "as it was",
		"etc/target": "not to be written through a link",
		"old/a.log":  "a", "old/b.log": "b", "old/c.txt": "c",
		"old/vmlinuz-6.9.0": "older", "old/vmlinuz-6.12.0": "newer",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "ln", "-s", "target", dir+"/etc/link")
	run(t, "chmod", "0700", dir+"/etc/conf")
	file := filepath.Join(t.TempDir(), "lower.squashfs")
	run(t, "mksquashfs", dir, file, "-quiet", "-no-progress")
	return file
}

func run(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", argv, err, out)
	}
}

// newStep is a step over lower with folders of its own.
func newStep(t *testing.T, lower string, ops ...Op) Step {
	t.Helper()
	dir := t.TempDir()
	s := Step{Lower: []string{lower}, Upper: dir + "/upper", Scratch: dir + "/scratch", Out: dir + "/out", Ops: ops}
	run(t, "mkdir", s.Upper, s.Scratch, s.Out)
	return s
}

// printed runs a line of shell in a root and returns what it printed.
func printed(t *testing.T, line string) string {
	t.Helper()
	var out bytes.Buffer
	if err := Run(t.Context(), newStep(t, lower(t), sh(line)), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestOpsChangeTheUpperLayerAlone(t *testing.T) {
	source := filepath.Join(t.TempDir(), "sources")
	run(t, "mkdir", source)
	if err := os.WriteFile(source+"/notice", []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStep(t, lower(t),
		Op{Kind: Write, Path: "/etc/new/secret", Content: "hush", Mode: 0o640, Owner: "porter", Group: "porters"},
		Op{Kind: Write, Path: "/etc/notice", Source: "/run/in/notice", Mode: 0o4755},
		Op{Kind: Write, Path: "/etc/link", Content: "a file now", Mode: 0o644},
		Op{Kind: Dir, Path: "/etc/conf", Mode: 0o755},
		Op{Kind: Dir, Path: "/var/spool", Mode: 0o1777, Force: true},
		Op{Kind: Symlink, Path: "/etc/keep2", Target: "keep"},
		Op{Kind: Remove, Path: "/old/*.log"},
		Op{Kind: Empty, Path: "/old/*.txt"},
		Op{Kind: Export, Path: "/old/vmlinuz-*", Target: "kernel"},
	)
	s.Bind = []Bind{{source, "/run/in"}}
	if err := Run(t.Context(), s, io.Discard); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("find", s.Upper, "-mindepth", "1", "-printf", "%P %y %m %U:%G %s\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(got)
	for _, want := range []string{
		"etc/new/secret f 640 4711:4712 4", "etc/notice f 4755 0:0 11", "etc/link f 644 0:0 10",
		"etc/keep2 l 777 0:0 4", "old/a.log c 0 0:0 0", "old/b.log c 0 0:0 0", "old/c.txt f 644 0:0 0",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not in the layer:\n%s", want, strings.Join(got, "\n"))
		}
	}
	for _, other := range []string{"etc/keep", "etc/target", "etc/conf", "run", "tmp", "dev/null"} {
		if slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, other+" f") || strings.HasPrefix(g, other+"/") }) {
			t.Errorf("%s is in the layer:\n%s", other, strings.Join(got, "\n"))
		}
	}
	if text, _ := os.ReadFile(s.Out + "/kernel"); string(text) != "newer" {
		t.Errorf("exported the kernel %q", text)
	}
}

func TestARootSeesNothingOfTheMachine(t *testing.T) {
	t.Setenv("NHOS_TEST_SECRET", "leaked")
	got := printed(t, `env; hostname; ls -d /sys/* /run/old /root/* 2>/dev/null; ls /proc | grep -c '^[0-9]'; grep -v 'lo:' /proc/net/dev | grep :; cut -d' ' -f5 /proc/self/mountinfo`)
	for _, want := range []string{"LC_ALL=C.UTF-8", "TZ=UTC", "HOME=/root", "localhost\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	for _, other := range []string{"leaked", "/sys/", "/run/old", "eth0", "/work", "/home"} {
		if strings.Contains(got, other) {
			t.Errorf("%q shows in:\n%s", other, got)
		}
	}
}

func TestBindsAreReadOnly(t *testing.T) {
	s := newStep(t, lower(t), sh("echo spoiled > /run/in/file"))
	in := t.TempDir()
	s.Bind = []Bind{{in, "/run/in"}}
	if err := Run(t.Context(), s, io.Discard); err == nil {
		t.Error("a step wrote to this machine")
	}
	if left, _ := os.ReadDir(in); len(left) > 0 {
		t.Errorf("wrote %v", left)
	}
}

func TestAFailureNamesTheOpAndItsOutput(t *testing.T) {
	op := sh("echo before; echo why it failed >&2; exit 3")
	op.Why = "script 10-cups of feature printing"
	err := Run(t.Context(), newStep(t, lower(t), op, sh("touch /after")), io.Discard)
	var failure *Failure
	if !errors.As(err, &failure) {
		t.Fatalf("Run = %v", err)
	}
	if want := "script 10-cups of feature printing: exit status 3\nbefore\nwhy it failed"; err.Error() != want {
		t.Errorf("Run = %q, want %q", err, want)
	}
}

func TestAnUnknownOwnerIsAnError(t *testing.T) {
	err := Run(t.Context(), newStep(t, lower(t), Op{Kind: Write, Path: "/x", Owner: "nobody-here"}), io.Discard)
	if err == nil || !strings.Contains(err.Error(), `no "nobody-here" in the image's /etc/passwd`) {
		t.Errorf("Run = %v", err)
	}
}

func TestADaemonEndsWithItsStep(t *testing.T) {
	begun := time.Now()
	if err := Run(t.Context(), newStep(t, lower(t), sh("sleep 7654322 & exit 0")), io.Discard); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("waited %s for a daemon", took)
	}
	gone(t, "7654322")
}

func TestNothingStaysMountedOrRunning(t *testing.T) {
	layer := lower(t)
	before := machine(t)
	for name, line := range map[string]string{"done": "true", "failed": "false", "interrupted": "sleep 7654323"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		err := Run(ctx, newStep(t, layer, sh(line)), io.Discard)
		cancel()
		if (err == nil) != (name == "done") {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone(t, "7654323")
	same(t, before)
}

func TestNothingOutlivesAKilledProgram(t *testing.T) {
	layer, dir := lower(t), t.TempDir()
	run(t, "mkdir", dir+"/upper", dir+"/scratch")
	before := machine(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "NHOS_TEST_SLEEPER="+dir, "NHOS_TEST_LOWER="+layer)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("started"))); err != nil {
		t.Fatalf("the step didn't start: %v", err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	gone(t, "7654321")
	same(t, before)
}

// gone fails the test when a process with this argument still runs after a moment.
func gone(t *testing.T, argument string) {
	t.Helper()
	for range 100 {
		found, _ := exec.Command("pgrep", "-f", "sleep "+argument).Output()
		if len(found) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("sleep %s still runs", argument)
}

// machine is what of this machine a step could leave behind: mounts and loop devices of ours.
func machine(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	loops, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	var ours []string
	for _, l := range loops {
		if file, _ := os.ReadFile(l); strings.Contains(string(file), "lower.squashfs") {
			ours = append(ours, string(file))
		}
	}
	return string(mounts) + strings.Join(ours, "")
}

func same(t *testing.T, before string) {
	t.Helper()
	var now string
	for range 100 {
		if now = machine(t); now == before {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("left behind:\n%s\nbefore it was:\n%s", now, before)
}

// TestAScriptThatHangs is ended with all that it began, and the others aren't hurried.
func TestAScriptThatHangs(t *testing.T) {
	sources := t.TempDir()
	script := "#!/bin/sh\ntrap '' TERM INT\necho waiting\nsleep 7654325 &\nsleep 7654325\n"
	if err := os.WriteFile(sources+"/hangs", []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newStep(t, lower(t), sh("sleep 3"), Op{Kind: Script, Source: "/run/in/hangs", Why: "features/x/scripts/10-hangs"})
	s.Bind = []Bind{{sources, "/run/in"}}
	s.ScriptLimit = 2 * time.Second
	err := Run(t.Context(), s, io.Discard)
	var failure *Failure
	if !errors.As(err, &failure) || !failure.TooLong ||
		err.Error() != "features/x/scripts/10-hangs: not finished after 2.0 s: it was ended\nwaiting" {
		t.Errorf("Run = %v", err)
	}
	gone(t, "7654325")
}
