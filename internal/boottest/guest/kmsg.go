package guest

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// InitrdStarts is the step of a boot at which the kernel hands over to the initrd.
const InitrdStarts = "initrd starts"

// initrdAt is when the kernel started the initrd's first program, by its own log; 0 when the log doesn't say. The
// journal can't be asked: all that the kernel said before journald ran has nearly the same stamp there.
func initrdAt() time.Duration {
	log, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer func() { _ = unix.Close(log) }()
	record := make([]byte, 8<<10) // each read gives one
	for range 100_000 {
		n, err := unix.Read(log, record)
		if errors.Is(err, unix.EPIPE) {
			continue // the oldest records were overwritten; the next read goes on
		}
		if err != nil || n == 0 {
			return 0
		}
		if at, ok := initrdStart(string(record[:n])); ok {
			return at
		}
	}
	return 0
}

// initrdStart reads a record of the kernel's log, "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;MESSAGE": is it the start of
// the initrd, and when was it?
func initrdStart(record string) (at time.Duration, ok bool) {
	head, message, _ := strings.Cut(record, ";")
	fields := strings.Split(head, ",")
	if len(fields) < 3 || !strings.HasPrefix(message, "Run /") || !strings.Contains(message, "init as init process") {
		return 0, false
	}
	us, err := strconv.ParseInt(fields[2], 10, 64)
	return time.Duration(us) * time.Microsecond, err == nil && us > 0
}
