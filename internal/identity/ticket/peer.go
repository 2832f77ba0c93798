package ticket

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Program is who is at the other end of a connection. The kernel says uid and pid, of the moment when it connected; the
// rest is what /proc says of that pid then, and is for the audit alone: no decision rests on it.
type Program struct {
	UID        int    `json:"uid"`
	PID        int    `json:"pid"`
	Executable string `json:"executable,omitempty"`
	Unit       string `json:"unit,omitempty"` // of systemd: a service, or the scope of an application
	Cgroup     string `json:"cgroup,omitempty"`
}

// peer finds out who connected.
func peer(c *net.UnixConn) (Program, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Program{}, fmt.Errorf("asking who connected: %w", err)
	}
	var (
		cred  *unix.Ucred
		fault error
	)
	if err := raw.Control(func(fd uintptr) {
		cred, fault = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return Program{}, fmt.Errorf("asking who connected: %w", err)
	}
	if fault != nil {
		return Program{}, fmt.Errorf("asking who connected: %w", fault)
	}
	p := Program{UID: int(cred.Uid), PID: int(cred.Pid)}
	p.Executable, _ = os.Readlink(fmt.Sprintf("/proc/%d/exe", p.PID))
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.PID)); err == nil {
		p.Cgroup = cgroup(text)
		p.Unit = unit(p.Cgroup)
	}
	return p, nil
}

// cgroup is the path in a /proc/PID/cgroup: that of the unified hierarchy, "0::/path".
func cgroup(text []byte) string {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("0::")); ok {
			return strings.TrimSpace(string(rest))
		}
	}
	return ""
}

// unit is the innermost unit of systemd in a cgroup's path.
func unit(cgroup string) string {
	for at := cgroup; at != "/" && at != "." && at != ""; at = path.Dir(at) {
		if name := path.Base(at); strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".scope") {
			return name
		}
	}
	return ""
}

// hungUp says whether the other end is gone altogether. One that only ended what it sends still waits for its answer.
func hungUp(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	gone := true
	_ = raw.Control(func(fd uintptr) {
		list := []unix.PollFd{{Fd: int32(fd)}}
		_, err := unix.Poll(list, 0)
		gone = err == nil && list[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
	return gone
}
