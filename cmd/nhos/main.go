// Nhos makes and tests images: definition files in, a booted and tested image out.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/ui"
)

func main() {
	rootfs.Init() // returns unless this process was started to make a layer
	os.Exit(run(device.This()))
}

// run is main without the exit, so that deferred calls are made. m is the machine whose disks are spoken of.
func run(m device.Machine) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := ui.Interrupted(ctx, newRoot(m).ExecuteContext(ctx))
	if err != nil {
		ui.PrintError(os.Stderr, "nhos", err)
	}
	return ui.ExitCode(err)
}
