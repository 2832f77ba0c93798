package guest

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// secureBootVariable is UEFI's own (UEFI 2.10, 3.3): four bytes of attributes, then 1 if Secure Boot is on.
const secureBootVariable = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

// facts looks at the machine.
func facts() Facts {
	f := Facts{OS: prettyName(), Firmware: "bios", Uptime: uptime()}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		f.Kernel = strings.TrimSpace(string(release))
	}
	f.Hostname, _ = os.Hostname()
	if line, err := os.ReadFile("/proc/cmdline"); err == nil {
		f.Arguments = strings.TrimSpace(string(line))
	}
	if _, err := os.Stat("/sys/firmware/efi"); err == nil {
		f.Firmware = "uefi"
	}
	f.SecureBoot = secureBoot()
	f.MemoryMiB, _ = memory()
	return f
}

func prettyName() string {
	b, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(value, `"'`)
		}
	}
	return ""
}

// secureBoot reads the variable, whose file system systemd mounts before it starts any unit.
func secureBoot() bool {
	b, err := os.ReadFile(secureBootVariable)
	return err == nil && len(b) == 5 && b[4] == 1
}

// memory returns the size of the memory and how much of it is used.
func memory() (total, used int) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	kib := map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) >= 2 {
			kib[f[0]], _ = strconv.Atoi(f[1])
		}
	}
	total = kib["MemTotal:"]
	return total / 1024, (total - kib["MemAvailable:"]) / 1024
}

// uptime is the kernel's monotonic clock, on which systemd's stamps are.
func uptime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// steps are systemd's own stamps of the boot, the earliest first. A zero stamp is of something that never happened.
func steps(ctx context.Context) []Step {
	var list []Step
	add := func(what string, microseconds string) {
		if us, err := strconv.ParseInt(microseconds, 10, 64); err == nil && us > 0 {
			list = append(list, Step{time.Duration(us) * time.Microsecond, what})
		}
	}
	if at := initrdAt(); at > 0 {
		list = append(list, Step{at, InitrdStarts})
	}
	manager, _ := systemctl(ctx, "show", "--no-pager",
		"--property=InitRDTimestampMonotonic,UserspaceTimestampMonotonic,FinishTimestampMonotonic")
	p := properties(manager)
	add("systemd in the initrd", p["InitRDTimestampMonotonic"])
	add("systemd", p["UserspaceTimestampMonotonic"])
	for _, unit := range []string{"multi-user.target", "graphical.target"} {
		shown, _ := systemctl(ctx, "show", "--no-pager", "--property=ActiveEnterTimestampMonotonic", "--", unit)
		add(unit, properties(shown)["ActiveEnterTimestampMonotonic"])
	}
	add("boot finished", p["FinishTimestampMonotonic"])
	return list
}

func properties(shown string) map[string]string {
	p := map[string]string{}
	for line := range strings.Lines(shown) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			p[name] = value
		}
	}
	return p
}
