// Package ui is the voice of every command line of the project: errors with hints, progress, tables and JSON.
//
// Messages are lower case and have no full stop. An error reads from the outside in ("doing x: cause"); what to do
// about it is a hint, on a line of its own, so that a program reading the error need not cut it off.
//
// A command writes what was asked for (tables, JSON) to standard output, and progress and errors to standard error:
//
//	display := ui.NewProgress(os.Stderr, ui.ModeFor(os.Stderr, asJSON))
//	err := build(ctx, display)
//	display.Close()
//	ui.PrintError(os.Stderr, "nhos", err)
//	os.Exit(ui.ExitCode(err))
package ui

import "errors"

// A hinted error carries advice for a person beside its cause.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// Hint returns err with advice that [PrintError] prints on a line of its own. A nil err stays nil.
func Hint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return hinted{err, hint}
}

// HintOf returns the outermost advice that err carries, or "".
func HintOf(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}
