package rootfs

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Init returns at once in an ordinary call of the program. In a process that [Run] started it carries out the step
// and ends the process.
func Init() {
	if len(os.Args) != 2 || os.Args[0] != initArg {
		return
	}
	result := os.NewFile(3, "result")
	unix.CloseOnExec(3)
	// The pipe is the only way to say it; when the other end is gone there is nobody to tell.
	say := func(w word) { _ = json.NewEncoder(result).Encode(w) }
	if f := initialise(os.Args[1], say); f != nil {
		say(word{Ended: -1, Failure: f})
		os.Exit(1)
	}
	os.Exit(0)
}

func initialise(mode string, say func(word)) *Failure {
	failed := func(what string, err error) *Failure { return &Failure{Index: -1, Cause: what + err.Error()} }
	var from io.Reader = os.Stdin
	if mode == "enter" {
		from = os.NewFile(4, "step")
		unix.CloseOnExec(4)
	}
	var step Step
	if err := json.NewDecoder(from).Decode(&step); err != nil {
		return failed("reading the step: ", err)
	}
	unix.Umask(0o022)
	if err := unix.Sethostname([]byte("localhost")); err != nil {
		return failed("naming the host: ", err)
	}
	// From here on no mount reaches the machine, and none that the machine makes later reaches us.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return failed("making mounts private: ", err)
	}
	enter := enterRoot
	if mode == "host" {
		enter = func(Step) error { return unix.Mount("proc", "/proc", "proc", 0, "") }
	}
	if err := enter(step); err != nil {
		return failed("", err)
	}
	for i, op := range step.Ops {
		if mode == "enter" && i == len(step.Ops)-1 {
			return failed("", become(op, step.Environment))
		}
		begun := time.Now()
		f := carryOut(op, step)
		say(word{Ended: i, Timing: &Timing{begun, time.Since(begun)}})
		if f != nil {
			f.Index = i
			return f
		}
	}
	return nil
}

// enterRoot mounts the step's root and makes it this process's.
func enterRoot(step Step) error {
	root := filepath.Join(step.Scratch, "root")
	work := filepath.Join(step.Scratch, "work")
	// An earlier mount's work folder says that it was volatile, and the kernel refuses it for another.
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	if err := makeDirs(root, work); err != nil {
		return err
	}
	if len(step.Lower) == 0 {
		if err := unix.Mount(step.Upper, root, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mounting the root: %w", err)
		}
		return pivot(root, step)
	}
	lower := make([]string, len(step.Lower))
	for i, file := range step.Lower {
		dir := filepath.Join(step.Scratch, fmt.Sprintf("lower%d", i))
		if err := makeDirs(dir); err != nil {
			return err
		}
		if err := mountSquashfs(file, dir); err != nil {
			return err
		}
		lower[len(lower)-1-i] = dir // the kernel names the topmost first
	}
	// Without these, a directory's renaming or a file's change of mode would leave references in the layer that only
	// make sense on top of this very mount. Volatile leaves out every sync: a layer is whole in the store or thrown away.
	options := "index=off,metacopy=off,redirect_dir=off,xino=off,volatile,upperdir=" + step.Upper + ",workdir=" + work + ",lowerdir=" + strings.Join(lower, ":")
	if err := unix.Mount("overlay", root, "overlay", 0, options); err != nil {
		return fmt.Errorf("mounting the layers over each other: %w", err)
	}
	return pivot(root, step)
}

// pivot makes what is mounted at root this process's root, and lets go of the machine's.
func pivot(root string, step Step) error {
	if err := furnish(root, step); err != nil {
		return err
	}
	old := filepath.Join(root, "run", "old")
	if err := makeDirs(old); err != nil {
		return err
	}
	if err := unix.PivotRoot(root, old); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Unmount("/run/old", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("letting go of this machine's root: %w", err)
	}
	return os.Remove("/run/old")
}

// furnish mounts what programs expect in a root. There is no /sys: the building machine's hardware is not to be seen.
func furnish(root string, step Step) error {
	mounts := []struct {
		kind, target string
		flags        uintptr
		options      string
	}{
		{"proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{"tmpfs", "dev", unix.MS_NOSUID, "mode=0755"},
		{"tmpfs", "run", unix.MS_NOSUID | unix.MS_NODEV, "mode=0755"},
		{"tmpfs", "tmp", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
	}
	for _, m := range mounts {
		target := filepath.Join(root, m.target)
		if err := makeDirs(target); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, target, m.kind, m.flags, m.options); err != nil {
			return fmt.Errorf("mounting /%s: %w", m.target, err)
		}
	}
	if err := devices(filepath.Join(root, "dev")); err != nil {
		return err
	}
	binds := step.Bind
	if step.Out != "" {
		binds = append(binds, Bind{step.Out, OutDir})
	}
	for _, b := range binds {
		target := filepath.Join(root, b.Target)
		if err := makeDirs(target); err != nil {
			return err
		}
		if err := unix.Mount(b.Source, target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("showing %s to the root: %w", b.Source, err)
		}
		if b.Target == OutDir {
			continue
		}
		if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("showing %s to the root: %w", b.Source, err)
		}
	}
	return nil
}

// OutDir is where ops of kind [Export] find the step's Out.
const OutDir = "/run/nhos/out"

func devices(dev string) error {
	for _, d := range []struct {
		name         string
		major, minor uint32
	}{{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}} {
		path := filepath.Join(dev, d.name)
		if err := unix.Mknod(path, unix.S_IFCHR, int(unix.Mkdev(d.major, d.minor))); err != nil {
			return fmt.Errorf("making /dev/%s: %w", d.name, err)
		}
		if err := os.Chmod(path, 0o666); err != nil {
			return err
		}
	}
	for _, dir := range []string{"pts", "shm"} {
		if err := makeDirs(filepath.Join(dev, dir)); err != nil {
			return err
		}
	}
	if err := unix.Mount("devpts", filepath.Join(dev, "pts"), "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"); err != nil {
		return fmt.Errorf("mounting /dev/pts: %w", err)
	}
	if err := unix.Mount("tmpfs", filepath.Join(dev, "shm"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
		return fmt.Errorf("mounting /dev/shm: %w", err)
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx",
	} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	return nil
}

func makeDirs(dirs ...string) error {
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}
