package rootfs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"nhos.org/nhos/internal/image/child"
)

// FailedPath is where a root that was entered has the script or command that failed, to be run again.
const FailedPath = "/run/nhos/failed"

// Enter mounts the root of a step as it is and gives this terminal to a shell in it, in the environment of op failed
// (-1 is none). What the ops before it did below /run, which isn't kept, is done again. The root, its processes and its
// mounts are separate as in [Run] and end with the shell, whose exit code is the result. Enter needs root.
func Enter(ctx context.Context, step Step, failed int, in io.Reader, out, errs io.Writer) (int, error) {
	shell := Op{Kind: Command, Argv: []string{"/bin/bash", "/bin/sh"}, Environment: map[string]string{}}
	if term := os.Getenv("TERM"); term != "" {
		shell.Environment["TERM"] = term
	}
	ops := step.Ops
	step.Ops = nil
	if failed >= 0 && failed < len(ops) {
		for _, op := range ops[:failed] {
			if op.Fleeting || op.Kind == Dir && strings.HasPrefix(op.Path, "/run/") {
				step.Ops = append(step.Ops, op)
			}
		}
		shell.Environment = merged(shell.Environment, ops[failed].Environment)
		if again := repeat(ops[failed]); again != nil {
			step.Ops = append(step.Ops, *again)
		}
	}
	step.Ops = append(step.Ops, shell)
	spec, err := json.Marshal(step)
	if err != nil {
		return 0, fmt.Errorf("entering a root: %w", err)
	}
	return enter(ctx, spec, step, in, out, errs)
}

// repeat is the op that puts the failed one at [FailedPath], nil for one that is no program.
func repeat(op Op) *Op {
	again := &Op{Kind: Write, Path: FailedPath, Mode: 0o755}
	switch op.Kind {
	case Script:
		again.Source = op.Source
	case Command:
		var words []string
		for _, word := range op.Argv {
			words = append(words, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
		}
		again.Content = "#!/bin/sh\ncd /\nexec " + strings.Join(words, " ") + "\n"
	default:
		return nil
	}
	return again
}

func enter(ctx context.Context, spec []byte, step Step, in io.Reader, out, errs io.Writer) (int, error) {
	result, theirs, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("entering a root: %w", err)
	}
	defer result.Close()
	read, write, err := os.Pipe()
	if err != nil {
		theirs.Close()
		return 0, fmt.Errorf("entering a root: %w", err)
	}
	// No session of its own, unlike a step: the shell is to have this terminal.
	cmd := newProcess(ctx, "enter")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, errs
	cmd.ExtraFiles = []*os.File{theirs, read}
	err = child.Start(cmd)
	theirs.Close()
	read.Close()
	if err != nil {
		write.Close()
		return 0, fmt.Errorf("entering a root: %w", err)
	}
	go func() {
		_, _ = io.Copy(write, bytes.NewReader(spec))
		write.Close()
	}()
	failure := listen(result, step)
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, fmt.Errorf("the shell was interrupted: %w", context.Cause(ctx))
	case failure != nil && failure.Op.Kind == "":
		return 0, fmt.Errorf("entering the root: %s", failure.Cause)
	case failure != nil:
		return 0, fmt.Errorf("preparing the root: %w", failure)
	case errors.As(err, &exit):
		return max(1, exit.ExitCode()), nil
	case err != nil:
		return 0, fmt.Errorf("the shell ended: %w", err)
	}
	return 0, nil
}

// become turns this process into the first shell of the op's that the root has. It returns only if that can't be done.
func become(op Op, environment map[string]string) error {
	env := commandEnvironment(merged(environment, op.Environment))
	for _, shell := range op.Argv {
		if info, err := os.Stat(shell); err != nil || !info.Mode().IsRegular() {
			continue
		}
		return syscall.Exec(shell, []string{filepath.Base(shell)}, env)
	}
	return fmt.Errorf("the root has no shell: neither %s", strings.Join(op.Argv, " nor "))
}
