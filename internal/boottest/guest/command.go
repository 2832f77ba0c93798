package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const maxOutput = 64 << 10 // bytes kept of what a command says

// tryLimit is what one try of a check may take at least. A test makes it shorter.
var tryLimit = 60 * time.Second

// environment is what every command gets, whatever the program itself was given.
var environment = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
}

// run runs a command in a process group of its own, bounded in time and output, and returns what it said. When it
// ends, nothing that it left in its group goes on.
func run(ctx context.Context, limit time.Duration, env []string, name string, args ...string) (string, error) {
	return runAs(ctx, limit, nil, env, name, args...)
}

// runAs is run as another user; nil is the one that the program itself runs as.
func runAs(ctx context.Context, limit time.Duration, user *syscall.Credential, env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := &head{limit: maxOutput}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: user}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second // for what left the group and holds the output open
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("not done after %v", limit)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well; a service that it started lives on
	}
	return out.String(), err
}

// A head keeps the first bytes written to it.
type head struct {
	b     bytes.Buffer
	limit int
	more  int
}

func (h *head) Write(p []byte) (int, error) {
	part := p[:min(len(p), h.limit-h.b.Len())]
	h.b.Write(part)
	h.more += len(p) - len(part)
	return len(p), nil
}

func (h *head) String() string {
	s := strings.TrimRight(strings.ToValidUTF8(h.b.String(), "?"), "\n")
	if h.more > 0 {
		s += fmt.Sprintf("\n[%d more bytes]", h.more)
	}
	return s
}
