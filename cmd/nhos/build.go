package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"nhos.org/nhos/internal/image"
	"nhos.org/nhos/internal/image/build"
	"nhos.org/nhos/internal/ui"
)

func newBuild(f *flags) *cobra.Command {
	var lockFile string
	var scriptLimit time.Duration
	c := &cobra.Command{
		Use: "build IMAGE", GroupID: "make", Short: "Make an image: the ISO, its lock and its checksums",
		Long: `build makes the layers that the store doesn't have and writes the medium. It takes root: it mounts file systems and
keeps the owners of files. Everything finished is kept, so an interrupted build goes on where it was.`,
		Example: `  sudo nhos build desktop
  sudo nhos build hscni                          a respin: its image's layers and a thin one
  sudo nhos build desktop --lock desktop.lock    the same packages as then`,
		Args: exactArgs(1, "the name of one image or respin"),
		RunE: func(c *cobra.Command, args []string) error {
			progress := f.progress(os.Stderr)
			defer progress.Close()
			recorder := ui.NewRecorder(progress)
			r, err := f.request(args[0], lockFile, recorder)
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
			result, err := build.Run(c.Context(), p, build.Options{Store: r.Store, Mirrors: mirrors, Out: out, Progress: recorder, ScriptLimit: scriptLimit})
			progress.Close()
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
			if !f.quiet {
				fmt.Fprintln(os.Stderr)
				if err := recorder.Summary(os.Stderr); err != nil {
					return err
				}
				fmt.Fprintln(os.Stderr)
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), filepath.Join(out, result.ISO))
			return err
		},
	}
	c.Flags().StringVar(&lockFile, "lock", "", "build exactly the packages of this lock `FILE`")
	c.Flags().DurationVar(&scriptLimit, "script-timeout", build.ScriptLimit, "end a script of the definition that takes longer than this `TIME`")
	return c
}
