package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"nhos.org/nhos/internal/image/media"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/signature"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/trace"
)

// resultFile is the note beside a medium of what it was made from.
const resultFile = "build.json"

// boot takes shim and GRUB from their packages, in a root that is thrown away.
func (b *builder) boot(ctx context.Context) error {
	p := b.plan.Boot
	action, err := b.once(ctx, p.Key, "boot files", func(w *store.Work, log *os.File) (store.Action, error) {
		date, err := b.date(b.made[0], p.Install)
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
		if err := b.run(ctx, step, log); err != nil {
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
	if err == nil {
		_ = p.Remember(b.Store) // see rememberAll
	}
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
		if r := Look(ctx, b.Out).current(b.plan, b.Options); r != nil {
			return r, nil
		}
	}
	phase := b.Progress.Begin("medium", 0)
	b.span = trace.Of(phase)
	r, err := b.writeMedium(ctx, dir)
	if err != nil {
		err = b.explain(err, "")
		phase.Fail(err)
		return nil, err
	}
	phase.Add(r.Size)
	phase.Done("written")
	return r, nil
}

// writeMedium puts the medium together in dir and moves it into the output folder when it is whole.
func (b *builder) writeMedium(ctx context.Context, dir string) (*Result, error) {
	parts, err := b.parts()
	if err != nil {
		return nil, err
	}
	r := &Result{ID: b.plan.Image.ID(), Key: b.plan.Medium.Key, ISO: b.plan.Medium.File, Dir: b.Out}
	r.Lock, r.Inventory, r.SBOM, r.Provenance = r.ID+".lock", r.ID+".inventory.json.gz", r.ID+".sbom.cdx.json", r.ID+".provenance.json"
	for _, l := range b.plan.Layers {
		r.Layers = append(r.Layers, l.Name+" "+string(l.Key))
	}
	// What is on the medium is found out while it is written: one takes a disk, the other a processor.
	var what *described
	var notes []noted
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		if what, err = b.describe(); err == nil {
			notes, err = b.earlyNotes(dir, r, what)
		}
		return err
	})
	group.Go(func() error {
		scratch, iso := filepath.Join(dir, "scratch"), filepath.Join(dir, r.ISO)
		if err := os.Mkdir(scratch, 0o755); err != nil {
			return fmt.Errorf("writing the medium: %w", err)
		}
		defer b.span.Time("xorriso")()
		f, err := os.Create(iso)
		if err != nil {
			return fmt.Errorf("writing the medium: %w", err)
		}
		defer f.Close()
		written := make(chan struct{})
		var digest errgroup.Group
		digest.Go(func() (err error) {
			r.SHA256, err = digestGrowing(iso, written)
			return err
		})
		err = media.WriteISO(ctx, b.plan.Medium.Content, parts, scratch, f)
		close(written)
		if unread := digest.Wait(); err == nil && unread != nil {
			err = fmt.Errorf("writing the medium: %w", unread)
		}
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil {
			r.Size, err = info.Size(), f.Close()
		}
		if err != nil {
			return fmt.Errorf("writing the medium: %w", err)
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	late, err := b.lateNotes(dir, r, what, parts.Date)
	notes = append(notes, late...)
	if err != nil {
		return nil, err
	}
	sums := fmt.Sprintf("%s  %s\n", r.SHA256, r.ISO)
	for _, n := range notes {
		sums += fmt.Sprintf("%s  %s\n", n.sha256, n.name)
	}
	note, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{signature.SumsFile: sums, resultFile: string(note) + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, fmt.Errorf("writing the medium: %w", err)
		}
	}
	// The note goes first and comes back last: while the files change, none says that they belong together.
	if err := b.setAside(r, dir); err != nil {
		return nil, err
	}
	for _, name := range signature.Files { // they were of the medium before
		if err := os.Remove(filepath.Join(b.Out, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("writing the medium: %w", err)
		}
	}
	finished := []string{r.ISO}
	for _, n := range notes {
		finished = append(finished, n.name)
	}
	for _, name := range append(finished, signature.SumsFile, resultFile) {
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
		layer := media.Layer{Name: l.File, Key: string(l.Key), File: file(a.Outputs[plan.LayerOutput]), Tree: file(a.Outputs[plan.TreeOutput])}
		root, err := os.ReadFile(file(a.Outputs[plan.RootOutput]).Path)
		problem = errors.Join(problem, err)
		layer.Root = strings.TrimSpace(string(root))
		p.Layers = append(p.Layers, layer)
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
