package child

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the program that [TestNothingOutlivesAKilledProgram] kills.
func TestMain(m *testing.M) {
	dir := os.Getenv("NHOS_TEST_GUARDED")
	if dir == "" {
		os.Exit(m.Run())
	}
	if _, err := Guard(dir); err != nil {
		panic(err)
	}
	cmd := exec.Command("sleep", "600")
	if err := Start(cmd); err != nil {
		panic(err)
	}
	_, _ = io.WriteString(os.Stdout, strconv.Itoa(cmd.Process.Pid)+"\n")
	_ = cmd.Wait()
}

func TestNothingOutlivesAKilledProgram(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "half made")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(dir+"/half", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "NHOS_TEST_GUARDED="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 16)
	n, err := out.Read(said)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(said[:n])))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the folder went before its owner: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	soon(t, "the child still runs", func() bool {
		status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || bytes.Contains(status, []byte(") Z "))
	})
	soon(t, "the folder is still there", func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestGuardRemovesWhenReleased(t *testing.T) {
	dir, file := filepath.Join(t.TempDir(), "dir"), filepath.Join(t.TempDir(), "file")
	if err := errors.Join(os.MkdirAll(dir+"/deep", 0o755), os.WriteFile(file, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	release, err := Guard(dir, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{dir, file} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestRunsAsExecDoes(t *testing.T) {
	said, err := CombinedOutput(exec.Command("sh", "-c", "echo out; echo err >&2; exit 3"))
	var exit *exec.ExitError
	if string(said) != "out\nerr\n" || !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("said %q, %v", said, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	err = Run(exec.CommandContext(ctx, "sleep", "600"))
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("cancelled: %v", err)
	}
	if err := Run(exec.Command("/no/such/program")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such program: %v", err)
	}
}

func soon(t *testing.T, problem string, done func() bool) {
	t.Helper()
	for range 300 {
		if done() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error(problem)
}
