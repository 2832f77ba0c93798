package vm

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
)

// An Accelerator says how the guest's instructions are run, and why so.
type Accelerator struct {
	Name string `json:"name"` // kvm, tcg
	Why  string `json:"why"`  // what was tried and found, for a person
}

// The names of accelerators.
const (
	KVM = "kvm" // by the processor
	TCG = "tcg" // by translation: everywhere, and ten times slower
)

// probeLimit is how long a kernel may take until it looks for its root. With a KVM that works it takes about a second.
const probeLimit = 15 * time.Second

// rootWanted matches what a kernel says when it has started and looks for something to run. That it says its version
// is not enough: a KVM that can't run all of the processor's instructions dies later.
var rootWanted = regexp.MustCompile(`Kernel panic - not syncing: VFS|Unable to mount root fs|Run /\S+ as init`)

// Probe finds the accelerator to use. That /dev/kvm opens proves nothing, there are machines where no kernel boots
// with it, so kernel (the path of a Linux kernel, or "") is booted once, and the answer is kept in cacheDir until the
// computer restarts or QEMU changes.
func (q QEMU) Probe(ctx context.Context, kernel, cacheDir string) Accelerator {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return Accelerator{TCG, fmt.Sprintf("/dev/kvm can't be used: %v", err)}
	}
	_ = f.Close()
	if known, ok := q.recall(ctx, cacheDir); ok {
		return known
	}
	if kernel == "" {
		return Accelerator{TCG, "/dev/kvm opens, but there is no kernel to try it with"}
	}
	why, ok := q.bootKernel(ctx, kernel, probeLimit)
	found := Accelerator{TCG, "/dev/kvm opens, but no kernel boots with it: " + why}
	if ok {
		found = Accelerator{KVM, "a kernel boots with /dev/kvm"}
	}
	if ctx.Err() == nil {
		q.remember(ctx, cacheDir, found)
	}
	return found
}

// bootKernel runs a kernel that finds no root under KVM, and says what went wrong.
func (q QEMU) bootKernel(ctx context.Context, kernel string, limit time.Duration) (why string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	args := append([]string{"-no-user-config", "-nodefaults", "-machine", "q35"}, Accelerator{Name: KVM}.arguments(1, "")...)
	cmd, err := q.command(ctx, append(
		args,
		"-m", "512", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", kernel, "-append", "console=ttyS0 panic=-1",
	)...)
	if err != nil {
		return err.Error(), false
	}
	serial, stdout, err := os.Pipe()
	if err != nil {
		return err.Error(), false
	}
	defer func() { _ = serial.Close() }()
	cmd.Stdout = stdout
	p, err := start(cmd)
	_ = stdout.Close()
	if err != nil {
		return err.Error(), false
	}
	// Not only on time: a KVM that fails leaves QEMU standing, stopped, with its message on stderr.
	internalError := make(chan struct{})
	go func() {
		defer p.kill()
		for {
			select {
			case <-ctx.Done():
				return
			case <-p.ended:
				return
			case <-time.After(100 * time.Millisecond):
				if strings.Contains(p.stderr.String(), "KVM internal error") {
					close(internalError)
					return
				}
			}
		}
	}()
	lines := bufio.NewScanner(io.LimitReader(serial, 1<<20))
	for lines.Scan() && !ok {
		ok = rootWanted.MatchString(lines.Text())
	}
	p.kill()
	<-p.ended
	switch {
	case ok:
		return "", true
	case isClosed(internalError):
		return "QEMU stopped with an internal error", false
	case ctx.Err() != nil:
		return fmt.Sprintf("it hung for %v", limit), false
	case p.stderr.String() != "":
		first, _, _ := strings.Cut(p.stderr.String(), "\n")
		return "QEMU says: " + strings.TrimPrefix(first, program+": "), false
	}
	return "the machine stopped before the kernel had started", false
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
