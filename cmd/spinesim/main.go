// Spinesim plays the Spine's login (CIS1) to test, to show and to train with.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"nhos.org/nhos/internal/ui"
)

func main() { os.Exit(run()) }

// run is main without the exit, so that deferred calls are made.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := newRoot().ExecuteContext(ctx)
	if err != nil {
		ui.PrintError(os.Stderr, "spinesim", err)
	}
	return ui.ExitCode(err)
}
