package vm

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// A process is a started QEMU.
type process struct {
	cmd    *exec.Cmd
	stderr *tail
	ended  chan struct{} // closed when it has been waited for
	err    error         // of the wait; valid when ended is closed
}

// start runs cmd in a process group of its own, out of reach of a terminal's Ctrl-C, and tied to this program's life.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, stderr: &tail{limit: 16 << 10}, ended: make(chan struct{})}
	cmd.Stderr = p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The death signal comes when the thread that forked ends, so that thread is kept until the process has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting QEMU: %w", err)
	}
	return p, nil
}

// kill ends the process; it may have ended already.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

// failure says how the process ended, nil if it was by itself and well.
func (p *process) failure() error {
	if p.err == nil {
		return nil
	}
	said := p.stderr.String()
	if said == "" {
		return fmt.Errorf("QEMU: %w", p.err)
	}
	return fmt.Errorf("QEMU: %w: %s", p.err, said)
}

// killed reports whether a SIGKILL ended the process.
func (p *process) killed() bool {
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// A tail keeps the last bytes written to it.
type tail struct {
	mu    sync.Mutex
	b     []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if extra := len(t.b) - t.limit; extra > 0 {
		t.b = append(t.b[:0], t.b[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(bytes.ToValidUTF8(t.b, []byte("?"))))
}
