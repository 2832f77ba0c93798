package ui

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"time"
)

// The exit codes of every program of the project. Scripts rely on them; they don't change.
const (
	ExitDone        = 0   // all that was asked for is done
	ExitFailed      = 1   // it was tried and failed
	ExitUsage       = 2   // the call was wrong: nothing was tried
	ExitVerdict     = 3   // the test ran to its end, and the medium failed it
	ExitInterrupted = 130 // the user stopped it (128 + SIGINT, as shells count)
)

// ExitCode returns the exit code that err asks for.
//
// A cancelled context anywhere in err means that the user interrupted, so a program cancels its context for a signal
// alone; work that is stopped because its sibling failed returns the sibling's error. An interruption outweighs all
// else: a test that was cut short has no verdict.
func ExitCode(err error) int {
	var (
		wrong  usageError
		failed verdictError
	)
	switch {
	case err == nil:
		return ExitDone
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &wrong):
		return ExitUsage
	case errors.As(err, &failed):
		return ExitVerdict
	default:
		return ExitFailed
	}
}

type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Usage returns err as one that says that the call was wrong: a flag, an argument, their number. A nil err stays nil.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

type verdictError struct{ error }

func (e verdictError) Unwrap() error { return e.error }

// Verdict returns err as one that says that a test ran to its end and its medium failed. A nil err stays nil.
func Verdict(err error) error {
	if err == nil {
		return nil
	}
	return verdictError{err}
}

type interruptedError struct{ error }

func (e interruptedError) Unwrap() []error { return []error{e.error, context.Canceled} }

// Interrupted returns err as an interruption if ctx was cancelled, and as it is otherwise. It is for the end of main:
// a program that was killed along with ours says "signal: killed" or nothing of use, and not that the context ended.
//
// Ctrl-C reaches programs that we started as well as us, and one of them may be quicker to end than we are to notice.
func Interrupted(ctx context.Context, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && (status.Signal() == syscall.SIGINT || status.Signal() == syscall.SIGTERM) {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
	if err == nil || !errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	return interruptedError{err}
}
