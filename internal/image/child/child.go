// Package child starts programs that don't outlive this one, and sees to it that half-made things don't either.
//
// A build that is killed (SIGKILL, the kernel short of memory) can't tidy up. So the kernel kills every program started
// by [Run] or [Start] along with it, and [Guard] leaves the tidying to a process that outlives it by a moment.
package child

import (
	"bytes"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// Start starts cmd. The kernel kills it when this process ends.
func Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	done := make(chan error)
	starter() <- func() { done <- cmd.Start() }
	return <-done
}

// Run starts cmd and waits for it, as cmd.Run does.
func Run(cmd *exec.Cmd) error {
	if err := Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// CombinedOutput runs cmd and returns all that it printed, as cmd.CombinedOutput does.
func CombinedOutput(cmd *exec.Cmd) ([]byte, error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := Run(cmd)
	return said.Bytes(), err
}

// starter is the one thread that starts all children. The kernel sends a child its death signal when the thread that
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

// sweep waits until the other end of its standard input is gone. What still writes to the paths is being killed then,
// so it may take more than one try. What is mounted in a path (a room in memory) is seen by this process, too.
const sweep = `read -r _; for path; do umount -l -- "$path"/*; done 2>/dev/null
for try in 1 2 3 4 5; do rm -rf -- "$@" && exit; sleep 1; done 2>/dev/null; exit 1`

// Guard removes the paths when release is called, and also when this process ends without having called it, however
// that comes about. release returns when they are gone.
func Guard(paths ...string) (release func() error, err error) {
	cmd := exec.Command("sh", append([]string{"-c", sweep, "sh"}, paths...)...)
	cmd.Dir = "/"
	// Ctrl-C and whoever kills our group don't reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	held, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("guarding %s: %w", paths[0], err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guarding %s: %w", paths[0], err)
	}
	return func() error {
		held.Close()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("removing %s: %w", paths[0], err)
		}
		return nil
	}, nil
}
