package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image"
	"nhos.org/nhos/internal/image/build"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/trace"
	"nhos.org/nhos/internal/ui"
)

func newBuild(f *flags) *cobra.Command {
	var lockFile, traceFile, most string
	var keepFailed bool
	var scriptLimit time.Duration
	c := &cobra.Command{
		Use: "build IMAGE", GroupID: "make", Short: "Make an image: the ISO, its lock and its checksums",
		Long: `build makes the layers that the store doesn't have and writes the medium. It takes root: it mounts file systems and
keeps the owners of files. Everything finished is kept, so an interrupted build goes on where it was.`,
		Example: `  sudo nhos build desktop
  sudo nhos build hscni                          a respin: its image's layers and a thin one
  sudo nhos build desktop --lock desktop.lock    the same packages as then
  sudo nhos build desktop --keep-failed          keep a layer that can't be made, for nhos enter
  sudo nhos build desktop --trace build.json     what took how long, for ui.perfetto.dev`,
		Args: exactArgs(1, "the name of one image or respin"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := rootfs.OwnMounts(); err != nil {
				return err
			}
			limits, err := storeMax(most)
			if err != nil {
				return err
			}
			progress := f.progress(os.Stderr)
			defer progress.Close()
			recorder := ui.NewRecorder(progress)
			traced, err := trace.Create(traceFile)
			if err != nil {
				return err
			}
			// The trace and the table are of use above all when the build fails.
			defer func() {
				progress.Close()
				if !f.quiet && !f.json {
					fmt.Fprintln(os.Stderr)
					_ = recorder.Summary(os.Stderr, build.Hits(recorder.Phases()))
					fmt.Fprintln(os.Stderr)
				}
				if failed := traced.Close(); failed != nil {
					err = errors.Join(err, failed)
				}
			}()
			r, err := f.request(args[0], lockFile, traced.Progress(recorder))
			if err != nil {
				return err
			}
			p, mirrors, err := image.Plan(c.Context(), r)
			if err != nil {
				return err
			}
			out, err := f.outDir(args[0])
			if err != nil {
				return err
			}
			result, err := build.Run(c.Context(), p, build.Options{
				Store: r.Store, Mirrors: mirrors, Out: out, Progress: r.Progress,
				KeepFailed: keepFailed, ScriptLimit: scriptLimit, Version: version(),
			})
			if err == nil {
				err = keepToSize(c.Context(), r.Store, limits, r.Progress)
			}
			if err != nil {
				return err
			}
			if f.json {
				return ui.WriteJSON(c.OutOrStdout(), struct {
					*build.Result
					Dir    string           `json:"dir"`
					Phases []ui.PhaseRecord `json:"phases"`
				}{result, out, recorder.Phases()})
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), filepath.Join(out, result.ISO))
			return err
		},
	}
	c.Flags().StringVar(&most, "store-max", os.Getenv("NHOS_STORE_MAX"), "hold the store to this `SIZE` at the end, as nhos store gc does (also NHOS_STORE_MAX)")
	c.Flags().StringVar(&lockFile, "lock", "", "build exactly the packages of this lock `FILE`")
	c.Flags().StringVar(&traceFile, "trace", "", "write what ran when to `FILE`, for ui.perfetto.dev or chrome://tracing")
	c.Flags().BoolVar(&keepFailed, "keep-failed", false, "keep a layer that couldn't be made, to look into with nhos enter")
	c.Flags().DurationVar(&scriptLimit, "script-timeout", build.ScriptLimit, "end a script of the definition that takes longer than this `TIME`")
	return c
}
