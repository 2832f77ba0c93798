package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"nhos.org/nhos/internal/ui"
)

// program is QEMU for the one architecture that is built for.
const program = "qemu-system-x86_64"

// A QEMU is the program with its firmware: the one that is installed on this computer, which is the zero value, or one
// that lies unpacked in a folder. That one is run by the loader and the libraries beside it, so that of this computer
// it needs the kernel alone; nothing has to be mounted and nobody has to be root.
type QEMU struct {
	Root string // absolute path of the folder that stands for "/" of Debian's packages; "" is this computer's own
}

// Packages are Debian's that a [QEMU.Root] is unpacked from, with all that they depend on.
func Packages() []string { return []string{"qemu-system-x86", "ovmf"} }

// Where Debian's packages keep what a program needs that isn't installed.
const (
	loaderFile = "/usr/lib64/ld-linux-x86-64.so.2"
	libraryDir = "/usr/lib/x86_64-linux-gnu"
)

// dataDirs are where QEMU looks for the firmware of its devices.
var dataDirs = []string{"/usr/share/qemu", "/usr/share/seabios", "/usr/lib/ipxe/qemu"}

// path is where a file of Debian's packages lies.
func (q QEMU) path(file string) string { return filepath.Join(q.Root, file) }

// command is a call of QEMU.
func (q QEMU) command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	if q.Root == "" {
		path, err := exec.LookPath(program)
		if err != nil {
			return nil, ui.Hint(fmt.Errorf("looking for QEMU: %w", err), "install the package qemu-system-x86")
		}
		return exec.CommandContext(ctx, path, args...), nil
	}
	call := []string{"--argv0", program, "--library-path", q.path(libraryDir), q.path("/usr/bin/" + program)}
	for _, dir := range dataDirs {
		call = append(call, "-L", q.path(dir))
	}
	cmd := exec.CommandContext(ctx, q.path(loaderFile), append(call, args...)...)
	cmd.Env = append(os.Environ(), "QEMU_MODULE_DIR="+q.path(libraryDir+"/qemu"))
	return cmd, nil
}

// Version is QEMU's version as it tells it ("7.2.22 (Debian 1:7.2+dfsg-7)").
func (q QEMU) Version(ctx context.Context) (string, error) {
	cmd, err := q.command(ctx, "--version")
	if err != nil {
		return "", err
	}
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) && len(failed.Stderr) > 0 {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(failed.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("asking QEMU for its version: %w", err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(strings.TrimSpace(first), "QEMU emulator version "), nil
}
