package rootfs

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"nhos.org/nhos/internal/ui"
)

// carryOut does one op in the root of this process.
func carryOut(op Op, step Step) *Failure {
	all := merged(step.Environment, op.Environment)
	var err error
	var output string
	switch op.Kind {
	case Write:
		err = write(op)
	case Dir:
		err = directory(op)
	case Symlink:
		err = symlink(op)
	case Remove:
		err = each(op.Path, os.RemoveAll)
	case Empty:
		err = each(op.Path, empty)
	case Export:
		err = export(op)
	case Command:
		output, err = command(context.Background(), op.Argv, all)
	case Script:
		output, err = script(op, all, step.ScriptLimit)
	default:
		err = fmt.Errorf("%q is no kind of op", op.Kind)
	}
	if err != nil {
		return &Failure{Op: op, Cause: err.Error(), Output: output, TooLong: errors.Is(err, errTooLong)}
	}
	return nil
}

// merged is the step's environment with the op's own over it.
func merged(step, op map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, step)
	maps.Copy(all, op)
	return all
}

func write(op Op) error {
	if err := os.MkdirAll(filepath.Dir(op.Path), 0o755); err != nil {
		return err
	}
	var from io.Reader = strings.NewReader(op.Content)
	if op.Source != "" {
		f, err := os.Open(op.Source)
		if err != nil {
			return err
		}
		defer f.Close()
		from = f
	}
	// A new file beside the old one, so that a symlink at Path is replaced and not written through.
	f, err := os.CreateTemp(filepath.Dir(op.Path), ".nhos-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := io.Copy(f, from); err != nil {
		return err
	}
	if err := own(f.Name(), op); err != nil {
		return err
	}
	return os.Rename(f.Name(), op.Path)
}

func directory(op Op) error {
	info, err := os.Stat(op.Path)
	if err == nil && info.IsDir() && !op.Force {
		return nil
	}
	if err := os.MkdirAll(op.Path, 0o755); err != nil {
		return err
	}
	return own(op.Path, op)
}

func symlink(op Op) error {
	if err := os.MkdirAll(filepath.Dir(op.Path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(op.Path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Symlink(op.Target, op.Path)
}

// own gives path the op's owner and mode; the mode comes last, since a change of owner clears setuid.
func own(path string, op Op) error {
	uid, err := lookUp("/etc/passwd", op.Owner)
	if err != nil {
		return err
	}
	gid, err := lookUp("/etc/group", op.Group)
	if err != nil {
		return err
	}
	if err := os.Lchown(path, uid, gid); err != nil {
		return err
	}
	return syscall.Chmod(path, uint32(op.Mode))
}

// lookUp finds the number of a user or group of the image; "" is root. The image's own files are read, since this
// program may be linked against the building machine's C library or none.
func lookUp(file, name string) (int, error) {
	if name == "" || name == "root" {
		return 0, nil
	}
	if n, err := strconv.Atoi(name); err == nil {
		return n, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		if field := strings.Split(scan.Text(), ":"); len(field) > 2 && field[0] == name {
			return strconv.Atoi(field[2])
		}
	}
	return 0, fmt.Errorf("no %q in the image's %s", name, file)
}

// each calls do for all that matches the glob; no match is fine.
func each(glob string, do func(string) error) error {
	paths, err := filepath.Glob(glob)
	if err != nil {
		return err
	}
	for _, p := range paths {
		if err := do(p); err != nil {
			return err
		}
	}
	return nil
}

func empty(path string) error {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	return os.Truncate(path, 0)
}

func export(op Op) error {
	paths, err := filepath.Glob(op.Path)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("nothing matches %s: %w", op.Path, fs.ErrNotExist)
	}
	newest := slices.MaxFunc(paths, natural)
	in, err := os.Open(newest)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(OutDir, op.Target))
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// natural compares names with numbers in them as a person does: "vmlinuz-6.9" comes before "vmlinuz-6.12".
func natural(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na == 0 || nb == 0 {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		x, y := strings.TrimLeft(a[:na], "0"), strings.TrimLeft(b[:nb], "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
		a, b = a[na:], b[nb:]
	}
	return cmp.Compare(len(a), len(b))
}

// digits is how many digits s begins with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}

// errTooLong is why a script was ended that its limit was too short for.
var errTooLong = errors.New("not finished")

func script(op Op, environment map[string]string, limit time.Duration) (string, error) {
	const at = "/run/nhos/script"
	if err := write(Op{Path: at, Mode: 0o755, Source: op.Source}); err != nil {
		return "", err
	}
	defer os.Remove(at)
	if limit == 0 {
		return command(context.Background(), []string{at}, environment)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	output, err := command(ctx, []string{at}, environment)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w after %s: it was ended", errTooLong, ui.Duration(limit))
	}
	return output, err
}

// commandEnvironment is all that a command finds in its environment.
func commandEnvironment(values map[string]string) []string {
	env := []string{"PATH=" + searchPath, "HOME=/root", "LC_ALL=C.UTF-8", "TZ=UTC", "DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true"}
	for name, value := range values {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// command runs argv and returns the end of what it printed, which it passes on as well.
func command(ctx context.Context, argv []string, environment map[string]string) (string, error) {
	if err := os.Setenv("PATH", searchPath); err != nil { // exec.Command looks the program up with our own
		return "", err
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.Env = commandEnvironment(environment)
	end := &tail{limit: 4 << 10}
	both := io.MultiWriter(os.Stdout, end)
	cmd.Stdout, cmd.Stderr = both, both
	// A daemon that the command leaves behind keeps its output open; it isn't waited for, and ends with the step.
	cmd.WaitDelay = daemonGrace
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return end.String(), err
}
