package machinetest_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/identity/machinetest"
)

// addrNoRandomize is ADDR_NO_RANDOMIZE of personality(2).
const addrNoRandomize = 0x0040000

// attempts are what the service mustn't do, by the directive that says so. Seccomp in /proc says nothing here: a container
// has filters anyway.
var attempts = []struct {
	directive string
	refused   syscall.Errno
	do        func() error
}{
	{"RestrictAddressFamilies", unix.EAFNOSUPPORT, func() error {
		_, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		return err
	}},
	{"RestrictNamespaces", unix.EPERM, func() error {
		c := exec.Command("/bin/true")
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
		return c.Run()
	}},
	{"LockPersonality", unix.EPERM, func() error { return syscallError(unix.SYS_PERSONALITY, addrNoRandomize, 0) }},
	{"RestrictSUIDSGID", unix.EPERM, func() error {
		file, err := os.CreateTemp("", "suid-")
		if err != nil {
			return err
		}
		defer func() { _, _ = file.Close(), os.Remove(file.Name()) }()
		return unix.Fchmod(int(file.Fd()), 0o4755)
	}},
	{"SystemCallFilter", unix.EPERM, func() error { return syscallError(unix.SYS_PTRACE, unix.PTRACE_ATTACH, 0) }},
}

func syscallError(trap, a, b uintptr) error {
	if _, _, errno := unix.Syscall(trap, a, b, 0); errno != 0 {
		return errno
	}
	return nil
}

// probe makes the attempts and prints a line for each, with the error's number.
func probe() {
	for _, a := range attempts {
		var errno syscall.Errno
		errors.As(a.do(), &errno)
		fmt.Println(a.directive, int(errno))
	}
}

// writeProbes writes units that run this program, one under all that the installed service is held to, one under nothing.
func (d *desk) writeProbes() error {
	unit, err := os.ReadFile(filepath.Join(d.Folder, "usr/local/lib/systemd/user/nhos-identityd.service"))
	if err != nil {
		return err
	}
	const run = "Type=oneshot\nExecStart=/usr/local/bin/records probe\nStandardOutput=truncate:%t/probe"
	confined := regexp.MustCompile(`(?m)^(Type=.*\nExecStart=.*|Restart=.*)$`).ReplaceAllStringFunc(string(unit), func(s string) string {
		if strings.HasPrefix(s, "Restart") {
			return ""
		}
		return run
	})
	if !strings.Contains(confined, run) {
		return fmt.Errorf("the unit has no program in it:\n%s", unit)
	}
	return errors.Join(d.Write("etc/systemd/user/probe.service", confined), d.Write("etc/systemd/user/free.service", "[Service]\n"+run+"\n"))
}

func (d *desk) confined(t *testing.T) {
	d.run(t, machinetest.UID, "systemctl", "--user", "start", "free.service")
	free := d.told(t, "probe")
	d.run(t, machinetest.UID, "systemctl", "--user", "start", "probe.service")
	confined := d.told(t, "probe")
	for _, a := range attempts {
		line := fmt.Sprintf("%s %d\n", a.directive, int(a.refused))
		if !strings.Contains(confined+"\n", line) || strings.Contains(free+"\n", line) {
			t.Errorf("%s: the service is told\n%s\nother programs\n%s", a.directive, confined, free)
		}
	}
	for _, pid := range d.processes(t) {
		for file, want := range map[string]string{
			"status": fmt.Sprintf(`Uid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\n(?s:.*)\nNoNewPrivs:\t1`, machinetest.UID),
			"limits": `Max core file size +0 +0 +bytes +`,
		} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if err != nil || !regexp.MustCompile(`(?m)^`+want+`$`).Match(text) {
				t.Errorf("process %d isn't %q: %v\n%s", pid, want, err, text)
			}
		}
	}
}

// processes are the host's pids of the service's main process and of its child with the drivers.
func (d *desk) processes(t *testing.T) []int {
	t.Helper()
	var pids []int
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		pids = pids[:0]
		for _, pid := range strings.Fields(d.run(t, 0, "pgrep", "--uid", strconv.Itoa(machinetest.UID), "nhos-identity")) {
			inside, err := strconv.Atoi(pid)
			if err != nil {
				t.Fatal(err)
			}
			if host, err := d.HostPID(inside); err == nil { // it may be gone by now
				pids = append(pids, host)
			}
		}
		if len(pids) == 2 {
			return pids
		}
	}
	t.Fatalf("the agent has %d processes", len(pids))
	return nil
}
