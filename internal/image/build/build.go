// Package build makes what a plan says: it fetches packages, makes the layers that the store doesn't have, and writes
// the medium with its lock and checksums beside it.
//
// Everything finished goes into the store at once, so a build that was interrupted goes on from there the next time.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

// Options say where a build takes from and puts to.
type Options struct {
	Store    *store.Store
	Mirrors  lock.Mirrors
	Out      string // the folder of this image: the medium, its lock, its checksums, logs
	Progress ui.Progress
	// ScriptLimit is how long one script of a definition may run; 0 is [ScriptLimit].
	ScriptLimit time.Duration
}

// ScriptLimit is far more than a script needs that doesn't hang.
const ScriptLimit = 30 * time.Minute

// A Result is a written medium. It is kept beside it as build.json.
type Result struct {
	ID     string       `json:"id"`  // of the image or respin
	Key    store.Digest `json:"key"` // of the medium's plan
	ISO    string       `json:"iso"` // file name
	Lock   string       `json:"lock"`
	SHA256 string       `json:"sha256"`
	Size   int64        `json:"size"` // bytes
	Layers []string     `json:"layers"`
	Reused bool         `json:"-"` // the medium was there already, whole and of the same key
	Dir    string       `json:"-"` // where the files are
}

// Run carries out p.
func Run(ctx context.Context, p *plan.Plan, o Options) (*Result, error) {
	if r := current(p, o); r != nil {
		return r, nil
	}
	b := newBuilder(p, o)
	if err := b.mend(); err != nil {
		return nil, err
	}
	complete := b.complete()
	if os.Geteuid() != 0 && !complete {
		return nil, ui.Hint(errors.New("making layers takes root: it mounts file systems and changes owners"), "run it with sudo")
	}
	if err := o.Store.Writable(); err != nil && !complete {
		return nil, ui.Hint(fmt.Errorf("making layers: %w", err), "--store names another folder; a medium whose layers are all there needs no other")
	}
	if err := os.MkdirAll(filepath.Join(o.Out, "logs"), 0o755); err != nil {
		return nil, b.explain(fmt.Errorf("making the output folder: %w", err), "")
	}
	if err := b.fetch(ctx); err != nil {
		return nil, err
	}
	for i := range p.Layers {
		if err := b.layer(ctx, i); err != nil {
			return nil, fmt.Errorf("making layer %s of %s: %w", p.Layers[i].Name, p.Image.ID(), err)
		}
	}
	if err := b.boot(ctx); err != nil {
		return nil, fmt.Errorf("taking shim and GRUB from their packages: %w", err)
	}
	return b.medium(ctx)
}

// A builder is one run.
type builder struct {
	Options
	plan     *plan.Plan
	locked   map[string]lock.Package
	patience patience
	made     []store.Action // of the layers so far
	booting  store.Action
}

func newBuilder(p *plan.Plan, o Options) *builder {
	return &builder{Options: o, plan: p, locked: byDigest(p.Lock), patience: patience{stalled: time.Minute, pause: time.Second}}
}

// complete says whether the store has all that the medium is put together from.
func (b *builder) complete() bool {
	keys := []store.Digest{b.plan.Boot.Key}
	for _, l := range b.plan.Layers {
		keys = append(keys, l.Key)
	}
	return !slices.ContainsFunc(keys, func(key store.Digest) bool {
		_, err := b.Store.Action(key)
		return err != nil
	})
}

func byDigest(l *lock.Lock) map[string]lock.Package {
	m := map[string]lock.Package{}
	for _, p := range l.Packages {
		m[p.SHA256] = p
	}
	return m
}

// once does a step whose result the store may have. make is called with a work folder and a lock on the key, so two
// builds never make the same thing at the same time.
func (b *builder) once(ctx context.Context, key store.Digest, phase string, make func(w *store.Work, log *os.File) (store.Action, error)) (store.Action, error) {
	if a, err := b.Store.Action(key); err == nil {
		b.Progress.Begin(phase, 0).Done("reused, " + ui.Bytes(size(a)))
		return a, nil
	}
	unlock, err := b.Store.Lock(ctx, string(key))
	if err != nil {
		return store.Action{}, b.explain(err, "")
	}
	defer unlock()
	if a, err := b.Store.Action(key); err == nil {
		b.Progress.Begin(phase, 0).Done("made by another build meanwhile")
		return a, nil
	}
	work, err := b.Store.Work()
	if err != nil {
		return store.Action{}, b.explain(err, "")
	}
	defer work.Close()
	logFile := filepath.Join(b.Out, "logs", fileSafe(phase)+".log")
	log, err := os.Create(logFile)
	if err != nil {
		return store.Action{}, b.explain(fmt.Errorf("opening a log: %w", err), "")
	}
	defer log.Close()

	shown := b.Progress.Begin(phase, 0)
	begun := time.Now()
	a, err := make(work, log)
	if err != nil {
		err = b.explain(err, end(logFile))
		first, _, _ := strings.Cut(err.Error(), "\n")
		shown.Fail(errors.New(first))
		if ctx.Err() == nil && ui.HintOf(err) == "" {
			err = ui.Hint(err, "all that was printed is in "+logFile)
		}
		return a, err
	}
	a.Name, a.Made, a.Took = phase+" of "+b.plan.Image.ID(), begun, time.Since(begun)
	if err := b.Store.Record(key, a); err != nil {
		err = b.explain(err, "")
		shown.Fail(err)
		return a, err
	}
	shown.Done("made, " + ui.Bytes(size(a)))
	return a, nil
}

// end is the last that a log holds.
func end(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		_, _ = f.Seek(max(0, info.Size()-4<<10), io.SeekStart)
	}
	text, _ := io.ReadAll(io.LimitReader(f, 4<<10))
	return string(text)
}

// size is what an action put out, in bytes.
func size(a store.Action) int64 {
	var n int64
	for _, o := range a.Outputs {
		n += o.Size
	}
	return n
}

func fileSafe(phase string) string {
	safe := []byte(phase)
	for i, c := range safe {
		if c == ' ' || c == '/' {
			safe[i] = '-'
		}
	}
	return string(safe)
}
