package machinetest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/machinetest"
)

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "records":
		os.Exit(records(os.Args[1]))
	case "owner":
		os.Exit(owner())
	}
	os.Exit(m.Run())
}

// owner is a process that boots a machine with nothing in it, names its folder, and waits for its own end.
func owner() int {
	m, err := machinetest.New()
	if err == nil {
		err = m.Write("etc/systemd/system/machine.target", "[Unit]\nRequires=basic.target\nAfter=basic.target\n")
	}
	if err == nil {
		err = m.Boot(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(m.Folder)
	select {}
}

// left is what there is of a machine: processes, cgroups, mounts in any namespace, its folder.
func left(t *testing.T, folder string) (what []string) {
	t.Helper()
	name := filepath.Base(folder)
	for _, pattern := range []string{"/proc/[0-9]*/cgroup", "/proc/[0-9]*/mountinfo", "/proc/[0-9]*/cmdline", "/proc/self/mounts"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if text, _ := os.ReadFile(file); strings.Contains(string(text), name) {
				what = append(what, file)
			}
		}
	}
	for _, pattern := range []string{folder, "/sys/fs/cgroup/" + name, "/sys/fs/cgroup/*/" + name, "/sys/fs/cgroup/*/*/" + name, "/sys/fs/cgroup/*/*/*/" + name} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		what = append(what, files...)
	}
	return what
}

// TestOwnerIsKilled kills the process that a machine belongs to.
func TestOwnerIsKilled(t *testing.T) {
	c := exec.Command("/proc/self/exe")
	c.Args = []string{"owner"}
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = c.Process.Kill()
	if waitErr := c.Wait(); err != nil {
		t.Fatal(err, waitErr)
	}
	folder := strings.TrimSpace(line)
	var what []string
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		if what = left(t, folder); len(what) == 0 {
			return
		}
	}
	t.Errorf("a machine whose owner was killed has left %q", what)
}
