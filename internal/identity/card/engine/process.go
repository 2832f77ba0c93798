package engine

import (
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// Harden gives this process away to nobody: it leaves no core dump, and no other process of the user may look into its
// memory.
func Harden() error {
	debug.SetTraceback("none")
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbidding core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding looks into this process's memory: %w", err)
	}
	return nil
}

// TakePipes gives the pipes to the parent as standard input and output were, and puts /dev/null in their places: what a
// driver prints must not get into them.
func TakePipes() (in, out *os.File, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	var pipes [2]*os.File
	for descriptor, name := range []string{"orders", "reports"} {
		own, err := unix.FcntlInt(uintptr(descriptor), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return nil, nil, fmt.Errorf("taking the pipe of %s: %w", name, err)
		}
		pipes[descriptor] = os.NewFile(uintptr(own), name)
		if err := unix.Dup3(int(null.Fd()), descriptor, 0); err != nil {
			return nil, nil, fmt.Errorf("closing the place of the pipe of %s: %w", name, err)
		}
	}
	return pipes[0], pipes[1], nil
}
