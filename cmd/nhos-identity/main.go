// Nhos-identity is how a person speaks with the Identity Agent: who is signed in, with which role, and what is wrong.
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
	err := ui.Interrupted(ctx, newRoot().ExecuteContext(ctx))
	if err != nil {
		ui.PrintError(os.Stderr, "nhos-identity", err)
	}
	return ui.ExitCode(err)
}
