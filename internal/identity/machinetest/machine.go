// Package machinetest is a machine for tests with a systemd of its own as PID 1: units, users and their managers, logind and
// the journal are the real ones.
//
// It is a container of systemd-nspawn on the host's own /usr, with changes kept in memory, a network of nothing but
// loopback, and none of the host's units. It ends with the process that made it, however hard that one dies: no
// process, mount, cgroup or file stays.
//
// It needs root, cgroups of version 2, and Debian's systemd-container, dbus and libpam-systemd.
package machinetest

import (
	"context"
	_ "embed" // for script
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/identity/transcript"
)

//go:embed machine.sh
var script []byte

const (
	// UID is of the machine's ordinary user, whose name is User. The group has the same number.
	UID = 55555
	// User is the machine's ordinary user.
	User = "jo"
	// bootTime bounds a boot, which takes three seconds on a machine that has nothing else to do.
	bootTime = 2 * time.Minute
	// startTime is what its first process may take to be there.
	startTime = 20 * time.Second
	// endTime bounds the end.
	endTime = 30 * time.Second
)

// Machine is one. Fill Folder, then Boot, and Close in any case.
type Machine struct {
	// Folder has usr and etc, which are laid over the host's, and home. etc/systemd/system/machine.target is what is booted.
	Folder string

	keeper *exec.Cmd
	life   io.WriteCloser // the keeper's standard input
	leader int            // the pid of its PID 1, on the host
	output transcript.Buffer
}

// New makes the folder of a machine.
func New() (*Machine, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("making a machine needs root, for its namespaces: use sudo")
	}
	if _, err := exec.LookPath("systemd-nspawn"); err != nil {
		return nil, fmt.Errorf("making a machine: %w (install systemd-container)", err)
	}
	folder, err := os.MkdirTemp("", "machine-")
	if err != nil {
		return nil, fmt.Errorf("making a machine: %w", err)
	}
	m := &Machine{Folder: folder}
	if err := m.lay(); err != nil {
		return nil, errors.Join(fmt.Errorf("making a machine: %w", err), os.RemoveAll(folder))
	}
	if err := m.keep(); err != nil {
		return nil, errors.Join(fmt.Errorf("making a machine: %w", err), os.RemoveAll(folder))
	}
	return m, nil
}

// keep starts the process that sees to it that nothing is left.
func (m *Machine) keep() (err error) {
	m.keeper = exec.Command("/bin/sh", filepath.Join(m.Folder, "machine.sh"), "keep")
	m.keeper.Stdout, m.keeper.Stderr = &m.output, &m.output
	m.keeper.WaitDelay = endTime
	m.keeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what a terminal interrupts is the test alone
	if m.life, err = m.keeper.StdinPipe(); err != nil {
		return err
	}
	return m.keeper.Start()
}

// lay writes what every machine has.
func (m *Machine) lay() error {
	id := make([]byte, 16)
	if _, err := unix.Getrandom(id, 0); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"machine.sh":     string(script),
		"etc/machine-id": fmt.Sprintf("%x\n", id),
	} {
		if err := m.Write(name, text); err != nil {
			return err
		}
	}
	for name, line := range map[string]string{
		"passwd": fmt.Sprintf("%s:x:%d:%d::/home/%s:/bin/sh\n", User, UID, UID, User),
		"group":  fmt.Sprintf("%s:x:%d:\n", User, UID),
		"shadow": User + ":*:20000::::::\n",
	} {
		text, err := os.ReadFile(filepath.Join("/etc", name))
		if err != nil {
			return err
		}
		if err := m.Write("etc/"+name, string(text)+line); err != nil {
			return err
		}
	}
	home := filepath.Join(m.Folder, "home", User)
	return errors.Join(
		os.Chmod(filepath.Join(m.Folder, "etc/shadow"), 0o600),
		os.MkdirAll(filepath.Join(m.Folder, "usr"), 0o755),
		os.MkdirAll(home, 0o700), os.Chown(home, UID, UID), os.Chmod(filepath.Dir(home), 0o755),
	)
}

// Write writes a file of Folder.
func (m *Machine) Write(name, text string) error {
	path := filepath.Join(m.Folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// Boot boots it and waits until its machine.target is reached.
func (m *Machine) Boot(ctx context.Context) error {
	group, err := cgroup()
	if err != nil {
		return err
	}
	// Apart from the others': two machines in one cgroup would be one to systemd.
	if _, err := fmt.Fprintln(m.life, filepath.Join(group, filepath.Base(m.Folder))); err != nil {
		return fmt.Errorf("booting a machine: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	state, began := "", time.Now()
	for ctx.Err() == nil {
		if time.Since(began) > startTime && find(m.keeper.Process.Pid, "unshare") == 0 {
			return fmt.Errorf("booting a machine: it has ended:\n%s", m.Console())
		}
		if m.leader = find(m.keeper.Process.Pid, "unshare", "systemd-nspawn", "systemd"); m.leader > 0 {
			out, _ := m.Command(ctx, 0, "systemctl", "is-system-running", "--wait").CombinedOutput()
			if state = strings.TrimSpace(string(out)); state == "running" {
				return nil
			}
			if state == "degraded" {
				out, _ = m.Command(ctx, 0, "systemctl", "--failed", "--no-legend", "--plain").CombinedOutput()
				return fmt.Errorf("booting a machine: units failed:\n%s\n%s", out, m.Console())
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("booting a machine: it isn't up after %v (%q):\n%s", bootTime, state, m.Console())
}

// Console is what it wrote to its console.
func (m *Machine) Console() string { return m.output.String() }

// Command is a program in the machine, run by a user outside of any login, or by root (0).
func (m *Machine) Command(ctx context.Context, uid int, name string, args ...string) *exec.Cmd {
	who := strconv.Itoa(uid)
	enter := []string{"--target", strconv.Itoa(m.leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--setuid", who, "--setgid", who, "--", name}
	c := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	home := "/root"
	if uid != 0 {
		home = "/home/" + User
	}
	c.Env = []string{"PATH=/usr/local/bin:/usr/bin:/usr/sbin", "HOME=" + home, "LC_ALL=C.UTF-8", "TZ=UTC", "XDG_RUNTIME_DIR=/run/user/" + who}
	return c
}

// Root is the machine's root folder, as the host can reach it.
func (m *Machine) Root() string { return fmt.Sprintf("/proc/%d/root", m.leader) }

// HostPID is the pid that a process of the machine has outside of it.
func (m *Machine) HostPID(pid int) (int, error) {
	want := strconv.Itoa(pid)
	all, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		return 0, err
	}
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", m.leader))
	if err != nil {
		return 0, err
	}
	for _, file := range all {
		text, _ := os.ReadFile(file) // it may be gone by now
		_, rest, _ := strings.Cut(string(text), "\nNSpid:")
		line, _, _ := strings.Cut(rest, "\n")
		pids := strings.Fields(line)
		if len(pids) == 0 || pids[len(pids)-1] != want {
			continue
		}
		if is, _ := os.Readlink(filepath.Join(filepath.Dir(file), "ns/pid")); is == space {
			return strconv.Atoi(pids[0])
		}
	}
	return 0, fmt.Errorf("the machine has no process %d", pid)
}

// Dial connects to an address of the machine's.
func (m *Machine) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the runtime ends a thread that is elsewhere
		var space *os.File
		if space, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", m.leader)); err != nil {
			return
		}
		defer func() { _ = space.Close() }()
		if err = unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("entering the machine's network: %w", err)
			return
		}
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
	}()
	<-done
	return conn, err
}

// Close ends it, and waits until nothing of it is left.
func (m *Machine) Close() error {
	_ = m.life.Close()
	force := time.AfterFunc(endTime, func() { _ = m.keeper.Process.Kill() })
	defer force.Stop()
	if err := m.keeper.Wait(); err != nil {
		return fmt.Errorf("ending a machine: %w\n%s", err, m.Console())
	}
	return nil
}

// cgroup is the folder of this process's cgroup (of version 2).
func cgroup() (string, error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	for mount := range strings.Lines(string(mounts)) {
		if f := strings.Fields(mount); len(f) > 2 && f[2] == "cgroup2" {
			for line := range strings.Lines(string(own)) {
				if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
					return filepath.Join(f[1], path), nil
				}
			}
		}
	}
	return "", errors.New("booting a machine: no cgroups of version 2 are mounted here")
}

// find is the descendant of a process by the names of those between them, or 0.
func find(pid int, names ...string) int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		i := slices.IndexFunc(stats, func(stat string) bool {
			text, _ := os.ReadFile(stat) // it may be gone by now
			_, rest, _ := strings.Cut(string(text), "(")
			is, rest, _ := strings.Cut(rest, ") ")
			fields := strings.Fields(rest)
			return is == name && len(fields) > 1 && fields[1] == strconv.Itoa(pid)
		})
		if i < 0 {
			return 0
		}
		pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(stats[i])))
	}
	return pid
}
