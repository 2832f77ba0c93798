package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"nhos.org/nhos/internal/image/media"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

// resultFile is the note beside a medium of what it was made from.
const resultFile = "build.json"

// boot takes shim and GRUB from their packages, in a root that is thrown away.
func (b *builder) boot(ctx context.Context) error {
	p := b.plan.Boot
	action, err := b.once(ctx, p.Key, "boot files", func(w *store.Work, log *os.File) (store.Action, error) {
		date, err := b.date(p.Install)
		if err != nil {
			return store.Action{}, err
		}
		repository, err := b.repository(w.Dir, p.Install)
		if err != nil {
			return store.Action{}, err
		}
		base, err := b.layerFiles()
		if err != nil {
			return store.Action{}, err
		}
		out := filepath.Join(w.Dir, "out")
		step := rootfs.Step{
			Lower: base[:1], Upper: filepath.Join(w.Dir, "upper"), Scratch: filepath.Join(w.Dir, "scratch"), Out: out,
			Bind:        []rootfs.Bind{{Source: repository, Target: repositoryDir}},
			Environment: map[string]string{"SOURCE_DATE_EPOCH": strconv.FormatInt(date, 10)},
		}
		if err := errors.Join(os.Mkdir(step.Upper, 0o755), os.Mkdir(step.Scratch, 0o755), os.Mkdir(out, 0o755)); err != nil {
			return store.Action{}, err
		}
		for _, in := range p.Install {
			step.Ops = append(step.Ops, rootfs.Op{
				Kind: rootfs.Command, Argv: []string{"dpkg-deb", "-x", repositoryDir + "/pool/" + in.SHA256 + ".deb", "/"}, Why: "unpacking " + in.Name,
			})
		}
		step.Ops = append(step.Ops, rootfs.Op{
			Kind: rootfs.Command, Argv: []string{"sh", "-c", media.BootScript, "boot.sh", rootfs.OutDir}, Why: "putting the boot files together",
		})
		if err := rootfs.Run(ctx, step, log); err != nil {
			return store.Action{}, err
		}
		a := store.Action{Outputs: map[string]store.Blob{}, Date: date}
		for _, name := range media.BootOutputs {
			if a.Outputs[name], err = b.Store.PutFile(filepath.Join(out, name)); err != nil {
				return a, err
			}
		}
		return a, nil
	})
	b.booting = action
	return err
}

// medium writes the ISO, and the lock and the checksums beside it. An older medium stays until the new one is whole.
func (b *builder) medium(ctx context.Context) (*Result, error) {
	dir, waited, release, err := b.claim(ctx)
	if err != nil {
		return nil, b.explain(fmt.Errorf("writing the medium: %w", err), "")
	}
	defer release()
	if waited { // for another build, perhaps of the same
		if r := current(b.plan, b.Options); r != nil {
			return r, nil
		}
	}
	phase := b.Progress.Begin("medium", 0)
	r, err := b.writeMedium(ctx, dir)
	if err != nil {
		err = b.explain(err, "")
		phase.Fail(err)
		return nil, err
	}
	phase.Done("written, " + ui.Bytes(r.Size))
	return r, nil
}

// writeMedium puts the medium together in dir and moves it into the output folder when it is whole.
func (b *builder) writeMedium(ctx context.Context, dir string) (*Result, error) {
	parts, err := b.parts()
	if err != nil {
		return nil, err
	}
	r := &Result{ID: b.plan.Image.ID(), Key: b.plan.Medium.Key, ISO: b.plan.Medium.File, Dir: b.Out}
	r.Lock = r.ID + ".lock"
	for _, l := range b.plan.Layers {
		r.Layers = append(r.Layers, l.Name+" "+string(l.Key))
	}
	scratch := filepath.Join(dir, "scratch")
	if err := os.Mkdir(scratch, 0o755); err != nil {
		return nil, fmt.Errorf("writing the medium: %w", err)
	}
	if err := media.WriteISO(ctx, b.plan.Medium.Content, parts, scratch, filepath.Join(dir, r.ISO)); err != nil {
		return nil, err
	}
	digested, err := digestFile(filepath.Join(dir, r.ISO))
	if err != nil {
		return nil, err
	}
	r.SHA256, r.Size = string(digested.Digest), digested.Size
	text := b.plan.Lock.String()
	sum, _ := store.Copy(io.Discard, strings.NewReader(text))
	sums := fmt.Sprintf("%s  %s\n%s  %s\n", r.SHA256, r.ISO, sum.Digest, r.Lock)
	note, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{r.Lock: text, "SHA256SUMS": sums, resultFile: string(note) + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, fmt.Errorf("writing the medium: %w", err)
		}
	}
	// The note goes first and comes back last: while the files change, none says that they belong together.
	if err := os.Remove(filepath.Join(b.Out, resultFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("writing the medium: %w", err)
	}
	for _, name := range []string{r.ISO, r.Lock, "SHA256SUMS", resultFile} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(b.Out, name)); err != nil {
			return nil, fmt.Errorf("writing the medium: %w", err)
		}
	}
	return r, nil
}

// parts finds the files that the medium is put together from; each is read once and found good.
func (b *builder) parts() (media.Parts, error) {
	p := media.Parts{Boot: map[string]media.File{}}
	var problem error
	file := func(blob store.Blob) media.File {
		path, err := b.Store.Path(blob)
		problem = errors.Join(problem, err)
		return media.File{Path: path, SHA256: string(blob.Digest), Size: blob.Size}
	}
	date := b.booting.Date
	for i, a := range b.made {
		l := b.plan.Layers[i]
		p.Layers = append(p.Layers, media.Layer{Name: l.File, Key: string(l.Key), File: file(a.Outputs[plan.LayerOutput])})
		if l.Kernel {
			p.Kernel, p.Initrd = file(a.Outputs[plan.KernelOutput]), file(a.Outputs[plan.InitrdOutput])
		}
		date = max(date, a.Date)
	}
	for _, name := range media.BootOutputs {
		p.Boot[name] = file(b.booting.Outputs[name])
	}
	p.Date = time.Unix(date, 0)
	return p, problem
}

// current returns the medium that is there already, when it was made from the same plan and its bytes are whole.
func current(p *plan.Plan, o Options) *Result {
	r, err := Load(o.Out)
	if err != nil || r.Key != p.Medium.Key {
		return nil
	}
	phase := o.Progress.Begin("medium", 0)
	got, err := digestFile(filepath.Join(o.Out, r.ISO))
	if err != nil || string(got.Digest) != r.SHA256 {
		phase.Done("was changed since it was written: made anew")
		return nil
	}
	phase.Done("reused, " + ui.Bytes(r.Size) + ": made from the same definition, lock and tools")
	r.Reused = true
	return r
}

// Load reads the note of the medium in dir.
func Load(dir string) (*Result, error) {
	text, err := os.ReadFile(filepath.Join(dir, resultFile))
	if err != nil {
		return nil, fmt.Errorf("reading what was built: %w", err)
	}
	r := &Result{Dir: dir}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, resultFile), err)
	}
	return r, nil
}

func digestFile(path string) (store.Blob, error) {
	f, err := os.Open(path)
	if err != nil {
		return store.Blob{}, err
	}
	defer f.Close()
	return store.Copy(io.Discard, f)
}
