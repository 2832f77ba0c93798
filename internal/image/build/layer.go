package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"nhos.org/nhos/internal/image/child"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

// layer makes layer i of the plan, or takes it from the store.
func (b *builder) layer(ctx context.Context, i int) error {
	l := b.plan.Layers[i]
	action, err := b.once(ctx, l.Key, "layer "+l.Name, func(w *store.Work, log *os.File) (store.Action, error) {
		date, err := b.date(l.Install)
		if err != nil {
			return store.Action{}, err
		}
		upper := filepath.Join(w.Dir, "upper")
		out := filepath.Join(w.Dir, "out")
		if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(out, 0o755)); err != nil {
			return store.Action{}, err
		}
		var repository string
		if len(l.Install) > 0 {
			if repository, err = b.repository(w.Dir, l.Install); err != nil {
				return store.Action{}, err
			}
		}
		if i == 0 {
			err = b.bootstrap(ctx, l, upper, repository, date, log)
		} else {
			err = b.change(ctx, l, w.Dir, upper, out, repository, date, log)
		}
		if err != nil {
			return store.Action{}, err
		}
		return b.seal(ctx, upper, out, date, log)
	})
	if err != nil {
		return err
	}
	b.made = append(b.made, action)
	return nil
}

// date is the newest date of all that went into a layer and those below it: of the layer below, and of the packages.
func (b *builder) date(install []plan.Package) (int64, error) {
	var newest int64
	if n := len(b.made); n > 0 {
		newest = b.made[n-1].Date
	}
	for _, p := range install {
		d, err := b.packageDate(p)
		if err != nil {
			return 0, err
		}
		newest = max(newest, d)
	}
	return newest, nil
}

// change makes a layer on top of those made so far: packages by apt, then the ops.
func (b *builder) change(ctx context.Context, l plan.Layer, work, upper, out, repository string, date int64, log io.Writer) error {
	step := rootfs.Step{
		Upper: upper, Scratch: filepath.Join(work, "scratch"), Out: out,
		Environment: map[string]string{"SOURCE_DATE_EPOCH": strconv.FormatInt(date, 10)},
		ScriptLimit: cmp.Or(b.ScriptLimit, ScriptLimit),
	}
	sources := filepath.Join(work, "sources")
	if err := errors.Join(os.Mkdir(step.Scratch, 0o755), os.Mkdir(sources, 0o755)); err != nil {
		return err
	}
	lower, err := b.layerFiles()
	if err != nil {
		return err
	}
	step.Lower = lower
	if repository == "" && len(l.Remove) > 0 {
		if repository, err = b.repository(work, nil); err != nil {
			return err
		}
	}
	if repository != "" {
		step.Bind = append(step.Bind, rootfs.Bind{Source: repository, Target: repositoryDir})
		step.Ops = append(step.Ops, installOps(l)...)
	}
	for _, op := range l.Ops {
		if op.Source != "" {
			if err := stageSource(op, sources); err != nil {
				return err
			}
			op.Source = sourcesDir + "/" + op.SHA256
		}
		step.Ops = append(step.Ops, op)
	}
	step.Bind = append(step.Bind, rootfs.Bind{Source: sources, Target: sourcesDir})
	err = rootfs.Run(ctx, step, log)
	var failure *rootfs.Failure
	if errors.As(err, &failure) && failure.TooLong {
		err = ui.Hint(err, "--script-timeout gives it longer; all that was printed is in "+filepath.Join(b.Out, "logs"))
	}
	return err
}

// Where a root sees what its ops read.
const (
	repositoryDir = "/run/nhos/repository"
	sourcesDir    = "/run/nhos/sources"
)

// layerFiles are the squashfs files of the layers so far, the bottom first, each read once and found good.
func (b *builder) layerFiles() ([]string, error) {
	var files []string
	for i, a := range b.made {
		path, err := b.Store.Path(a.Outputs[plan.LayerOutput])
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", b.plan.Layers[i].Name, err)
		}
		files = append(files, path)
	}
	return files, nil
}

// stageSource copies the file behind an op, and holds it against the digest that went into the layer's key.
func stageSource(op rootfs.Op, dir string) error {
	in, err := os.Open(op.Source)
	if err != nil {
		return fmt.Errorf("reading a file of the definition: %w", err)
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(dir, op.SHA256))
	if err != nil {
		return err
	}
	defer out.Close()
	got, err := store.Copy(out, in)
	if err != nil {
		return fmt.Errorf("reading %s: %w", op.Source, err)
	}
	if string(got.Digest) != op.SHA256 {
		return fmt.Errorf("%s changed while the build ran: start the build again", op.Source)
	}
	return out.Close()
}

// seal turns what changed into a squashfs and stores it with what the ops exported.
func (b *builder) seal(ctx context.Context, upper, out string, date int64, log io.Writer) (store.Action, error) {
	a := store.Action{Outputs: map[string]store.Blob{}, Date: date}
	if err := stripOverlay(upper); err != nil {
		return a, err
	}
	file := filepath.Join(out, plan.LayerOutput)
	args := append([]string{upper, file, "-noappend", "-no-progress", "-quiet", "-no-exports"}, compression(b.plan.Image.Compression.Value)...)
	cmd := exec.CommandContext(ctx, "mksquashfs", args...)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(date, 10))
	cmd.Stdout, cmd.Stderr = log, log
	if err := child.Run(cmd); err != nil {
		return a, fmt.Errorf("compressing the layer: %w", err)
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		return a, err
	}
	for _, e := range entries {
		if a.Outputs[e.Name()], err = b.Store.PutFile(filepath.Join(out, e.Name())); err != nil {
			return a, err
		}
	}
	return a, nil
}

// compression is mksquashfs's words for the definition's choice. docs/definitions.md has what each costs.
func compression(choice string) []string {
	if choice == "small" {
		return strings.Fields("-comp zstd -Xcompression-level 19 -b 1M")
	}
	return strings.Fields("-comp zstd -Xcompression-level 3 -b 256K")
}
