package build

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"nhos.org/nhos/internal/image/account"
	"nhos.org/nhos/internal/image/contents"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/provenance"
	"nhos.org/nhos/internal/image/sbom"
	"nhos.org/nhos/internal/inventory"
)

// previousDir holds the notes of the medium that was there before.
const previousDir = "previous"

// A described medium is what the notes beside it are written from.
type described struct {
	inventory *inventory.Inventory
	licences  map[string][]string
}

// describe finds out what is on the medium, from the lists of its layers. It doesn't need the ISO.
func (b *builder) describe() (*described, error) {
	layers := make([]*contents.Layer, len(b.made))
	var read errgroup.Group
	for i, a := range b.made {
		read.Go(func() error {
			path, err := b.Store.Path(a.Outputs[plan.ContentsOutput])
			if err != nil {
				return fmt.Errorf("contents of layer %s: %w", b.plan.Layers[i].Name, err)
			}
			f, err := os.Open(path)
			if err != nil {
				return fmt.Errorf("contents of layer %s: %w", b.plan.Layers[i].Name, err)
			}
			defer f.Close()
			if layers[i], err = contents.Read(f); err != nil {
				return fmt.Errorf("layer %s: %w", b.plan.Layers[i].Name, err)
			}
			return nil
		})
	}
	if err := read.Wait(); err != nil {
		return nil, err
	}
	var stack []inventory.Layer
	for i, l := range layers {
		if err := b.judge(l, io.Discard); err != nil {
			return nil, fmt.Errorf("layer %s: %w", b.plan.Layers[i].Name, err)
		}
		stack = append(stack, inventory.Layer{
			Name: b.plan.Layers[i].Name, Size: b.made[i].Outputs[plan.LayerOutput].Size, Files: int64(len(l.Entries)),
		})
	}
	root := contents.Merge(layers)
	return &described{account.Of(b.plan.Image, b.plan.Lock, root, stack), root.Licences}, nil
}

// A noted file is one that is written beside the medium.
type noted struct {
	name, sha256 string
}

// note writes a file that is to lie beside the medium into dir.
func (b *builder) note(dir, name string, write func(w io.Writer) error) (noted, error) {
	n := noted{name: name}
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return n, fmt.Errorf("writing %s: %w", name, err)
	}
	defer f.Close()
	h := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(f, h), 256<<10)
	if err := errors.Join(write(w), w.Flush(), f.Close()); err != nil {
		return n, fmt.Errorf("writing %s: %w", name, err)
	}
	n.sha256 = hex.EncodeToString(h.Sum(nil))
	return n, nil
}

// earlyNotes writes the lock and the inventory, which don't need the ISO.
func (b *builder) earlyNotes(dir string, r *Result, d *described) ([]noted, error) {
	locked, err := b.note(dir, r.Lock, func(w io.Writer) error {
		_, err := io.WriteString(w, b.plan.Lock.String())
		return err
	})
	listed, also := b.note(dir, r.Inventory, d.inventory.Encode)
	return []noted{locked, listed}, errors.Join(err, also)
}

// lateNotes writes the SBOM and the provenance, which name the ISO's digest.
func (b *builder) lateNotes(dir string, r *Result, d *described, date time.Time) ([]noted, error) {
	base := b.plan.Image.Base
	bill, err := b.note(dir, r.SBOM, func(w io.Writer) error {
		return sbom.Write(w, sbom.Medium{
			Inventory: d.inventory, Lock: b.plan.Lock, Licences: d.licences, Distribution: base.Distribution, Suite: base.Suite,
			Key: string(r.Key), File: r.ISO, SHA256: r.SHA256, Date: date, Version: b.Version,
		})
	})
	statement, also := b.note(dir, r.Provenance, func(w io.Writer) error {
		return provenance.Write(w, provenance.Medium{Plan: b.plan, SHA256: r.SHA256, Version: b.Version})
	})
	return []noted{bill, statement}, errors.Join(err, also)
}

// setAside moves the notes of the medium that is there to the folder of previous ones, in the place of older ones, so
// that it can be said what changed; dir is for what isn't finished. The medium itself is not kept. build.json goes first: from then on nothing says that
// the files which are left belong together.
func (b *builder) setAside(next *Result, dir string) error {
	last, err := Load(b.Out)
	if err != nil || last.Key == next.Key {
		if err := os.Remove(filepath.Join(b.Out, resultFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("replacing the medium: %w", err)
		}
		return nil
	}
	part := filepath.Join(dir, previousDir)
	if err := os.Mkdir(part, 0o755); err != nil {
		return fmt.Errorf("keeping the notes of the medium before: %w", err)
	}
	for _, name := range []string{resultFile, last.Lock, last.Inventory, last.SBOM, last.Provenance} {
		if name == "" || name != filepath.Base(name) {
			continue
		}
		err := os.Rename(filepath.Join(b.Out, name), filepath.Join(part, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("keeping the notes of the medium before: %w", err)
		}
	}
	previous := filepath.Join(b.Out, previousDir)
	if err := errors.Join(os.RemoveAll(previous), os.Rename(part, previous)); err != nil {
		return fmt.Errorf("keeping the notes of the medium before: %w", err)
	}
	return nil
}
