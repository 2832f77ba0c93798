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
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/trace"
	"nhos.org/nhos/internal/ui"
)

func newBuild(f *flags) *cobra.Command {
	var lockFile, traceFile, most string
	var keepFailed bool
	var scriptLimit time.Duration
	c := &cobra.Command{
		Use: "build IMAGE...", GroupID: "make", Short: "Make images: each an ISO, its lock and its checksums",
		Long: `build makes the layers that the store doesn't have and writes the medium. It takes root: it mounts file systems and
keeps the owners of files. Everything finished is kept, so an interrupted build goes on where it was.`,
		Example: `  sudo nhos build desktop
  sudo nhos build hscni                          a respin: its image's layers and a thin one
  sudo nhos build hscni ward clinic              several, which ask the mirror once
  sudo nhos build desktop --lock desktop.lock    the same packages as then
  sudo nhos build desktop --keep-failed          keep a layer that can't be made, for nhos enter
  sudo nhos build desktop --trace build.json     what took how long, for ui.perfetto.dev`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactArgs(1, "the names of images or respins")(c, args)
			}
			if len(args) > 1 && lockFile != "" {
				return ui.Usage(errors.New("--lock is for one image"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := rootfs.OwnMounts(); err != nil {
				return err
			}
			limits, err := storeMax(most)
			if err != nil {
				return err
			}
			traced, err := trace.Create(traceFile)
			if err != nil {
				return err
			}
			// The trace is of use above all when the build fails.
			defer func() { err = errors.Join(err, traced.Close()) }()
			s, err := f.openStore()
			if err != nil {
				return err
			}
			answers := image.NewAnswers()
			for _, id := range args {
				if err := f.build(c, id, lockFile, s, answers, traced, build.Options{KeepFailed: keepFailed, ScriptLimit: scriptLimit}); err != nil {
					return err
				}
			}
			progress := f.progress(os.Stderr)
			defer progress.Close()
			return keepToSize(c.Context(), s, limits, progress)
		},
	}
	c.Flags().StringVar(&most, "store-max", os.Getenv("NHOS_STORE_MAX"), "hold the store to this `SIZE` at the end, as nhos store gc does (also NHOS_STORE_MAX)")
	c.Flags().StringVar(&lockFile, "lock", "", "build exactly the packages of this lock `FILE`")
	c.Flags().StringVar(&traceFile, "trace", "", "write what ran when to `FILE`, for ui.perfetto.dev or chrome://tracing")
	c.Flags().BoolVar(&keepFailed, "keep-failed", false, "keep a layer that couldn't be made, to look into with nhos enter")
	c.Flags().DurationVar(&scriptLimit, "script-timeout", build.ScriptLimit, "end a script of the definition that takes longer than this `TIME`")
	return c
}

// build makes one image, and writes the table of what that took and where the ISO is.
func (f *flags) build(c *cobra.Command, id, lockFile string, s *store.Store, answers *image.Answers, traced *trace.Trace, o build.Options) error {
	progress := f.progress(os.Stderr)
	defer progress.Close()
	recorder := ui.NewRecorder(progress)
	defer func() {
		progress.Close()
		if !f.quiet && !f.json {
			fmt.Fprintln(os.Stderr)
			_ = recorder.Summary(os.Stderr, build.Hits(recorder.Phases()))
			fmt.Fprintln(os.Stderr)
		}
	}()
	dir, err := f.definitionsDir()
	if err != nil {
		return err
	}
	o.Store, o.Progress, o.Version = s, traced.Progress(recorder), version()
	if o.Out, err = f.outDir(id); err != nil {
		return err
	}
	o.Standing = build.Look(c.Context(), o.Out)
	defer o.Standing.Leave()
	r := image.Request{Definitions: dir, ID: id, Mirror: f.mirror, LockFile: lockFile, Store: s, Progress: o.Progress, Answers: answers}
	p, mirrors, err := image.Plan(c.Context(), r)
	if err != nil {
		return err
	}
	o.Mirrors = mirrors
	result, err := build.Run(c.Context(), p, o)
	if err != nil {
		return err
	}
	if f.json {
		return ui.WriteJSON(c.OutOrStdout(), struct {
			*build.Result
			Dir    string           `json:"dir"`
			Phases []ui.PhaseRecord `json:"phases"`
		}{result, o.Out, recorder.Phases()})
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), filepath.Join(o.Out, result.ISO))
	return err
}
