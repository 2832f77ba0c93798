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
	"nhos.org/nhos/internal/image/verity"
	"nhos.org/nhos/internal/ui"
)

// layer makes layer i of the plan, or takes it from the store.
func (b *builder) layer(ctx context.Context, i int) error {
	l := b.plan.Layers[i]
	action, err := b.once(ctx, l.Key, layerPhase+l.Name, func(w *store.Work, log *os.File) (store.Action, error) {
		var below store.Action
		if i > 0 {
			below = b.made[i-1]
		}
		date, err := b.date(below, l.Install)
		if err != nil {
			return store.Action{}, err
		}
		var repository string
		if len(l.Install)+len(l.Remove) > 0 {
			if repository, err = b.repository(w.Dir, l.Install); err != nil {
				return store.Action{}, err
			}
		}
		return b.inRoom(w, l, log, func(room string) (store.Action, error) {
			return b.makeLayer(ctx, i, room, filepath.Join(w.Dir, "out"), repository, date, log)
		})
	})
	if err != nil {
		return err
	}
	b.made = append(b.made, action)
	_ = l.Remember(b.Store) // see rememberAll
	return nil
}

// makeLayer makes layer i in room, and puts what is to be stored into out, which is on the store's file system.
func (b *builder) makeLayer(ctx context.Context, i int, room, out, repository string, date int64, log io.Writer) (store.Action, error) {
	upper := filepath.Join(room, "upper")
	// The root of the layer is the root of the running system: its mode mustn't be what the caller's umask leaves.
	err := errors.Join(os.RemoveAll(out), os.Mkdir(upper, 0o755), os.Chmod(upper, 0o755), os.Mkdir(out, 0o755))
	if err != nil {
		return store.Action{}, err
	}
	if i == 0 {
		b.step = &rootfs.Step{
			Upper: upper, Scratch: filepath.Join(room, "scratch"), Environment: dated(date),
			Bind: []rootfs.Bind{{Source: repository, Target: repositoryDir}},
		}
		err = b.bootstrap(ctx, b.plan.Layers[i], upper, repository, date, log)
	} else {
		err = b.change(ctx, b.plan.Layers[i], room, upper, out, repository, date, log)
	}
	if err != nil {
		return store.Action{}, err
	}
	return b.seal(ctx, b.plan.Layers[i].Key, upper, out, date, log)
}

// date is the newest date of all that went into a step: of the layer below, and of the packages.
func (b *builder) date(below store.Action, install []plan.Package) (int64, error) {
	newest := below.Date
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
func (b *builder) change(ctx context.Context, l plan.Layer, room, upper, out, repository string, date int64, log io.Writer) error {
	step := rootfs.Step{
		Upper: upper, Scratch: filepath.Join(room, "scratch"), Out: out,
		Environment: dated(date),
		ScriptLimit: cmp.Or(b.ScriptLimit, ScriptLimit),
	}
	sources := filepath.Join(room, "sources")
	if err := errors.Join(os.Mkdir(step.Scratch, 0o755), os.Mkdir(sources, 0o755)); err != nil {
		return err
	}
	lower, err := b.layerFiles()
	if err != nil {
		return err
	}
	step.Lower = lower
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
	err = b.run(ctx, step, log)
	var failure *rootfs.Failure
	if errors.As(err, &failure) && failure.TooLong {
		err = ui.Hint(err, "--script-timeout gives it longer; all that was printed is in "+filepath.Join(b.Out, "logs"))
	}
	return err
}

// dated is the environment of what makes a layer of this date.
func dated(date int64) map[string]string {
	return map[string]string{"SOURCE_DATE_EPOCH": strconv.FormatInt(date, 10)}
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

// seal turns what changed into a squashfs, which it gives a tree of digests, and stores both with what the ops exported.
func (b *builder) seal(ctx context.Context, key store.Digest, upper, out string, date int64, log io.Writer) (store.Action, error) {
	a := store.Action{Outputs: map[string]store.Blob{}, Date: date}
	if err := stripOverlay(upper); err != nil {
		return a, err
	}
	if err := b.inspect(ctx, upper, out, log); err != nil {
		return a, err
	}
	file := filepath.Join(out, plan.LayerOutput)
	args := append([]string{upper, file, "-noappend", "-no-progress", "-quiet", "-no-exports"}, compression(b.plan.Image.Compression.Value)...)
	cmd := exec.CommandContext(ctx, "mksquashfs", args...)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(date, 10))
	cmd.Stdout, cmd.Stderr = log, log
	compressed := b.span.Time("mksquashfs")
	err := child.Run(cmd)
	compressed()
	if err != nil {
		return a, fmt.Errorf("compressing the layer: %w", err)
	}
	if err := b.digest(ctx, key, file, out, log); err != nil {
		return a, err
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

// digest makes the tree of digests of a layer's file, and notes its root.
func (b *builder) digest(ctx context.Context, key store.Digest, file, out string, log io.Writer) error {
	defer b.span.Time("veritysetup")()
	root, err := verity.Format(ctx, string(key), file, filepath.Join(out, plan.TreeOutput), log)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, plan.RootOutput), []byte(root+"\n"), 0o644); err != nil {
		return fmt.Errorf("noting the root of a layer's digests: %w", err)
	}
	return nil
}

// compression is mksquashfs's words for the definition's choice. docs/definitions.md has what each costs. Larger blocks would
// save little and make every start slower: whoever reads a byte waits for its whole block.
func compression(choice string) []string {
	level := "3"
	if choice == "small" {
		level = "19"
	}
	return strings.Fields("-comp zstd -b 256K -Xcompression-level " + level)
}
