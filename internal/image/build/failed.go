package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

// A Failed is a layer that couldn't be made, kept as it was left.
type Failed struct {
	Image string       `json:"image"` // or respin
	Phase string       `json:"phase"` // "layer configuration"
	Key   store.Digest `json:"key"`
	Error string       `json:"error"`
	When  time.Time    `json:"when"`
	// Step is what was done; paths of the work folder are relative to it.
	Step rootfs.Step `json:"step"`
	// Op is the index of the op that failed, -1 when none of them did.
	Op  int    `json:"op"`
	Dir string `json:"dir,omitempty"` // where it is kept
}

// keep keeps the work folder of the step that failed by err, under the image's name.
func (b *builder) keep(w *store.Work, key store.Digest, phase string, err error) error {
	f := Failed{Image: b.plan.Image.ID(), Phase: phase, Key: key, Error: err.Error(), When: time.Now(), Op: -1, Step: *b.step}
	var failure *rootfs.Failure
	if errors.As(err, &failure) && len(f.Step.Lower) > 0 {
		f.Op = failure.Index
	}
	f.Step = moved(f.Step, func(path string) string {
		if rest, inside := strings.CutPrefix(path, w.Dir+"/"); inside {
			return rest
		}
		return path
	})
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return b.Store.Keep(w, f.Image, text)
}

// moved is step with other paths of this machine.
func moved(step rootfs.Step, to func(string) string) rootfs.Step {
	step.Upper, step.Scratch = to(step.Upper), to(step.Scratch)
	if step.Out != "" {
		step.Out = to(step.Out)
	}
	binds := make([]rootfs.Bind, len(step.Bind))
	for i, bind := range step.Bind {
		binds[i] = rootfs.Bind{Source: to(bind.Source), Target: bind.Target}
	}
	step.Bind = binds
	return step
}

// drop removes what was kept of an earlier try to make the same thing for the same image. What somebody is looking into
// stays.
func (b *builder) drop(phase string) {
	kept, err := Kept(b.Store)
	if err != nil {
		return
	}
	for _, f := range kept {
		if f.Image == b.plan.Image.ID() && f.Phase == phase {
			_ = b.Store.Drop(f.Image)
		}
	}
}

// Kept lists the failed layers that a store keeps, the newest first.
func Kept(s *store.Store) ([]Failed, error) {
	kept, err := s.Kept()
	if err != nil {
		return nil, err
	}
	all := []Failed{}
	for _, k := range kept {
		f := Failed{Op: -1}
		if json.Unmarshal(k.Note, &f) != nil || f.Image != k.Name {
			continue
		}
		f.Dir = k.Dir
		if f.Op >= len(f.Step.Ops) {
			f.Op = -1
		}
		all = append(all, f)
	}
	return all, nil
}

// Describe says to a person what is kept, and how to try it again.
func (f Failed) Describe(w io.Writer) {
	fmt.Fprintf(w, "%s of %s failed on %s:\n", f.Phase, f.Image, f.When.Local().Format("2 January 2006 15:04"))
	first, _, _ := strings.Cut(f.Error, "\n")
	fmt.Fprintf(w, "  %s\n", first)
	if f.Op < 0 {
		return
	}
	switch f.Step.Ops[f.Op].Kind {
	case rootfs.Script, rootfs.Command:
		fmt.Fprintf(w, "%s is what failed, to be run again. What is done here goes into no image.\n", rootfs.FailedPath)
	}
}

// Enter opens a shell in the root of a failed layer, just as it was left. It returns the shell's exit code.
func Enter(ctx context.Context, s *store.Store, f Failed, in io.Reader, out, errs io.Writer) (int, error) {
	if os.Geteuid() != 0 {
		return 0, ui.Hint(errors.New("entering a layer takes root: it mounts file systems"), "run it with sudo")
	}
	done, err := s.Use(f.Image)
	if err != nil {
		return 0, err
	}
	defer done()
	step := moved(f.Step, func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(f.Dir, path)
	})
	for _, file := range step.Lower {
		if _, err := os.Stat(file); err != nil {
			return 0, ui.Hint(fmt.Errorf("a layer below %s of %s is gone: %w", f.Phase, f.Image, err),
				"nhos build "+f.Image+" --keep-failed makes it anew, and fails at the same place")
		}
	}
	return rootfs.Enter(ctx, step, f.Op, in, out, errs)
}

// Of picks the failed layers of one image or respin.
func Of(kept []Failed, id string) []Failed {
	return slices.DeleteFunc(slices.Clone(kept), func(f Failed) bool { return f.Image != id })
}
