package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/boottest/vm"
)

// queueFile is locked, in the cache folder, by the program whose guest runs.
const queueFile = "guest.lock"

// queue waits until no other guest is emulated here: two of them share the processors, and both run into their limits.
// The kernel ends the lock with this program.
func (o Options) queue(ctx context.Context, accelerator string) (unlock func(), err error) {
	if accelerator == vm.KVM {
		return func() {}, nil
	}
	if err := os.MkdirAll(o.CacheDir, 0o755); err != nil {
		return nil, fmt.Errorf("making the cache folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(o.CacheDir, queueFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("queueing for the machine: %w", err)
	}
	for told := false; ; told = true {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			_ = f.Close()
			return nil, fmt.Errorf("queueing for the machine: %w", err)
		}
		if !told {
			o.Progress.Note("another nhos test runs a guest here; this one waits, as there is no KVM")
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}
