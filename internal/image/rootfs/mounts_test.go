package rootfs

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// worker is the program of [TestRoomGoesWithItsProcess].
func worker(dir string) error {
	if err := OwnMounts(); err != nil {
		return err
	}
	room, err := Memory(dir, 1<<20)
	if err != nil || room == nil {
		return fmt.Errorf("no room: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "some"), make([]byte, 1<<19), 0o644); err != nil {
		return err
	}
	half := room.Full()
	err = os.WriteFile(filepath.Join(dir, "more"), make([]byte, 1<<20), 0o644)
	fmt.Println("half:", half, "all:", room.Full(), "refused:", err != nil)
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	return err
}

func TestRoomGoesWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "NHOS_TEST_WORKER="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	if want := "half: false all: true refused: true\n"; line != want {
		t.Errorf("the worker says %q, want %q", line, want)
	}
	// The room is seen through the worker, and by nobody else.
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/root%s/some", cmd.Process.Pid, dir)); err != nil {
		t.Errorf("the worker's file: %v", err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("the room is mounted here as well (%v)", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestNoMemoryWithoutOwnMounts(t *testing.T) {
	if room, err := Memory(t.TempDir(), 1<<20); room != nil || err != nil {
		t.Errorf("Memory gives %v, %v where its mount could be left behind", room, err)
	}
}
