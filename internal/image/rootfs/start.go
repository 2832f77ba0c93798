package rootfs

import (
	"os/exec"
	"runtime"
	"sync"
)

// starter is the one thread that starts all steps. The kernel sends a child its death signal when the thread that
// made it ends, and Go ends threads as it likes, so this one is never given back.
var starter = sync.OnceValue(func() chan func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func startLocked(cmd *exec.Cmd) error {
	done := make(chan error)
	starter() <- func() { done <- cmd.Start() }
	return <-done
}
