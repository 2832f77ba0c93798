package stage

import (
	"fmt"
	"runtime"
	"syscall"
)

// AsUser does something on a thread that has the agent's user for its own: the kernel tells the agent the user of the
// thread that connects. The thread ends with it.
func AsUser(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the runtime ends the thread
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, UID, UID, UID); errno != 0 {
			done <- fmt.Errorf("becoming another user: %w", errno)
			return
		}
		done <- do()
	}()
	return <-done
}
