// Package rootfs changes the root of an image without touching the machine it runs on.
//
// [Run] carries out a [Step], which is a plain value: a stack of layers, a folder that takes what changes, and a list
// of [Op]. It does so in a process of its own with its own mounts, processes, network (none) and host name. All of
// them end with that process, however it ends: nothing stays mounted or running after an error, a signal or a crash.
//
// The process is this program called again, so every main function (and TestMain) that leads here calls [Init] first.
package rootfs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"nhos.org/nhos/internal/image/child"
	"nhos.org/nhos/internal/ui"
)

// A Step is one change of a root.
type Step struct {
	// Lower are squashfs files, the bottom first. The root is an overlay of Upper over them; without any it is Upper itself.
	Lower []string `json:"lower"`
	// Upper takes what changes; Scratch is an empty folder on the same file system.
	Upper   string `json:"upper"`
	Scratch string `json:"scratch"`
	// Bind are folders of this machine that the root sees read-only, below /run.
	Bind []Bind `json:"bind,omitempty"`
	// Out is a folder of this machine that ops of kind [Export] write to.
	Out string `json:"out,omitempty"`
	// Environment is what every command finds besides PATH, HOME, LC_ALL, TZ and DEBIAN_FRONTEND.
	Environment map[string]string `json:"environment,omitempty"`
	// ScriptLimit is how long one op of kind [Script] may take; 0 is without end.
	ScriptLimit time.Duration `json:"script_limit_ns,omitempty"`
	Ops         []Op          `json:"ops"`
	// Ended, when it is set, is told of each op when it has ended, also of the one that failed.
	Ended func(Op, Timing) `json:"-"`
}

// A Bind shows a folder of this machine in the root.
type Bind struct {
	Source string `json:"source"`
	Target string `json:"target"` // in the root, below /run
}

// Kind says what an op does.
type Kind string

// The kinds of ops.
const (
	Write   Kind = "write"   // a regular file: Path, Mode, Owner, Group, Content or Source
	Dir     Kind = "dir"     // a directory: Path, Mode, Owner, Group; one that is there keeps its own unless Force
	Symlink Kind = "symlink" // Path → Target
	Remove  Kind = "remove"  // all that matches the glob Path
	Command Kind = "command" // Argv, in a clean environment
	Script  Kind = "script"  // like Command, a copy of Source
	Export  Kind = "export"  // copies what matches Path, of several the highest version, to Out as Target
	Empty   Kind = "empty"   // empties all regular files that match the glob Path
)

// An Op is one thing done in the root. Ops are digested into the key of their layer, without Source, which says where on
// this machine the bytes of SHA256 are, and without Why and From, which explain.
type Op struct {
	Kind    Kind        `json:"kind"`
	Path    string      `json:"path,omitempty"` // in the root
	Target  string      `json:"target,omitempty"`
	Mode    fs.FileMode `json:"mode,omitempty"` // permission bits, setuid 04000, setgid 02000, sticky 01000
	Owner   string      `json:"owner,omitempty"`
	Group   string      `json:"group,omitempty"`
	Force   bool        `json:"force,omitempty"`
	Content string      `json:"content,omitempty"`
	SHA256  string      `json:"sha256,omitempty"`
	Argv    []string    `json:"argv,omitempty"`
	// Environment is what this op's command finds besides the step's.
	Environment map[string]string `json:"environment,omitempty"`
	// Why names the definition behind the op, for messages: "features/printing/scripts/10-cups".
	Why    string `json:"why,omitempty"`
	Source string `json:"source,omitempty"`
	// From are the values of the definition that the op follows from. The key doesn't cover them: they say why it changed.
	From []Cause `json:"from,omitempty"`
	// Fleeting says that all that the op does is below /run, where nothing stays: it is done again when a root is entered.
	Fleeting bool `json:"fleeting,omitempty"`
}

// A Cause is a value of a definition.
type Cause struct {
	Name   string `json:"name,omitempty"`  // of the setting; "" is a file as a whole
	Value  string `json:"value,omitempty"` // of the setting
	Origin string `json:"origin"`          // FILE:LINE:COLUMN, or FILE
}

// String names the op for a person, in at most 200 bytes or so.
func (op Op) String() string {
	what := op.Why
	if what == "" {
		what = strings.TrimSpace(strings.TrimRight(string(op.Kind)+" "+op.Path, " ") + " " + strings.Join(op.Argv, " "))
	}
	if len(what) > 200 {
		what = strings.ToValidUTF8(what[:200], "") + "…"
	}
	return what
}

// A Failure is an op that didn't succeed.
type Failure struct {
	Op     Op
	Index  int // of the op in its step; -1 when the step failed before its first
	Cause  string
	Output string // the end of what its command printed
	// TooLong says that it was ended because it took longer than the step's ScriptLimit.
	TooLong bool
}

func (f *Failure) Error() string {
	text := f.Op.String() + ": " + f.Cause
	if f.Output != "" {
		text += "\n" + strings.TrimRight(f.Output, "\n")
	}
	return text
}

// initArg is how this program knows that it was called to be the first process of a step.
const initArg = "nhos-rootfs-init"

// Run carries out the step. log takes what its commands print. An op that fails gives a *[Failure]. Run needs root.
func Run(ctx context.Context, step Step, log io.Writer) error {
	spec, err := json.Marshal(step)
	if err != nil {
		return fmt.Errorf("starting a step: %w", err)
	}
	return call(ctx, "step", spec, step, log)
}

// RunHost runs a program of this machine the same way, isolated but on this machine's file system.
func RunHost(ctx context.Context, argv []string, env map[string]string, log io.Writer) error {
	step := Step{Environment: env, Ops: []Op{{Kind: Command, Argv: argv, Why: argv[0]}}}
	spec, err := json.Marshal(step)
	if err != nil {
		return fmt.Errorf("starting %s: %w", argv[0], err)
	}
	return call(ctx, "host", spec, step, log)
}

// newProcess is this program as the first process of namespaces of its own; it ends with this one.
func newProcess(ctx context.Context, mode string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{initArg, mode}
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	return cmd
}

func call(ctx context.Context, mode string, spec []byte, step Step, log io.Writer) error {
	if os.Geteuid() != 0 {
		return ui.Hint(errors.New("making a layer takes root: it mounts file systems and changes owners"), "run it with sudo")
	}
	result, theirs, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting a step: %w", err)
	}
	defer result.Close()
	cmd := newProcess(ctx, mode)
	cmd.Stdin = bytes.NewReader(spec)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr.Setsid = true
	err = child.Start(cmd)
	theirs.Close()
	if err != nil {
		return fmt.Errorf("starting a step: %w", err)
	}
	failure := listen(result, step)
	err = cmd.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("the step was interrupted: %w", context.Cause(ctx))
	}
	if failure != nil {
		return failure
	}
	if err != nil {
		return fmt.Errorf("the step's process ended: %w", err)
	}
	return nil
}
