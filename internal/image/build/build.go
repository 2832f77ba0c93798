// Package build makes what a plan says: it fetches packages, makes the layers that the store doesn't have, and writes
// the medium, and beside it what says what is on it.
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
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/trace"
	"nhos.org/nhos/internal/ui"
)

// Options say where a build takes from and puts to.
type Options struct {
	Store    *store.Store
	Mirrors  lock.Mirrors
	Out      string // the folder of this image: the medium, its lock, its checksums, logs
	Progress ui.Progress
	Version  string    // of this program
	Standing *Standing // of Out, for who looked at it before there was a plan; nil is looked at by Run
	// KeepFailed keeps a layer that couldn't be made for [Enter].
	KeepFailed bool
	// ScriptLimit is how long one script of a definition may run; 0 is [ScriptLimit].
	ScriptLimit time.Duration
}

// ScriptLimit is far more than a script needs that doesn't hang.
const ScriptLimit = 30 * time.Minute

// A Result is a written medium. It is kept beside it as build.json.
type Result struct {
	ID         string       `json:"id"`  // of the image or respin
	Key        store.Digest `json:"key"` // of the medium's plan
	ISO        string       `json:"iso"` // file name, as the next four
	Lock       string       `json:"lock"`
	Inventory  string       `json:"inventory"`
	SBOM       string       `json:"sbom"`
	Provenance string       `json:"provenance"`
	SHA256     string       `json:"sha256"` // of the ISO
	Size       int64        `json:"size"`   // bytes of the ISO
	Layers     []string     `json:"layers"`
	Reused     bool         `json:"-"` // the medium was there already, whole and of the same key
	Dir        string       `json:"-"` // where the files are
}

// Run carries out p.
func Run(ctx context.Context, p *plan.Plan, o Options) (*Result, error) {
	b := newBuilder(p, o)
	if o.Standing == nil {
		o.Standing = Look(ctx, o.Out)
	}
	if r := o.Standing.current(p, o); r != nil {
		b.rememberAll()
		return r, nil
	}
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
	r, err := b.medium(ctx)
	if err == nil {
		_ = p.Medium.Remember(b.Store)
	}
	return r, err
}

// rememberAll notes what all that a medium is put together from was made from. A build doesn't fail for a note: the
// store may be read-only, and nothing but an explanation is lost.
func (b *builder) rememberAll() {
	for _, l := range b.plan.Layers {
		_ = l.Remember(b.Store)
	}
	_ = b.plan.Boot.Remember(b.Store)
	_ = b.plan.Medium.Remember(b.Store)
}

// A builder is one run.
type builder struct {
	Options
	plan     *plan.Plan
	locked   map[string]lock.Package
	patience patience
	made     []store.Action // of the layers so far
	booting  store.Action
	step     *rootfs.Step // the last one that was begun, for [Enter]
	span     *trace.Span  // of the phase that runs
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
	b.drop(phase)
	if a, err := b.Store.Action(key); err == nil {
		ended(b.Progress.Begin(phase, 0), "reused", a)
		return a, nil
	}
	unlock, err := b.Store.Lock(ctx, string(key))
	if err != nil {
		return store.Action{}, b.explain(err, "")
	}
	defer unlock()
	if a, err := b.Store.Action(key); err == nil {
		ended(b.Progress.Begin(phase, 0), "reused: made by another build meanwhile", a)
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

	b.step = nil
	shown := b.Progress.Begin(phase, 0)
	b.span = trace.Of(shown)
	begun := time.Now()
	a, err := make(work, log)
	if err != nil {
		err = b.explain(err, end(logFile))
		first, _, _ := strings.Cut(err.Error(), "\n")
		shown.Fail(errors.New(first))
		if ctx.Err() == nil {
			hint := ui.HintOf(err) // of a disk that is full, say: the layer has nothing to look for
			more := b.forLooking(work, key, phase, err)
			switch {
			case hint == "":
				hint = "all that was printed is in " + logFile + more
			case b.KeepFailed:
				hint += more
			}
			err = ui.Hint(err, hint)
		}
		return a, err
	}
	a.Name, a.Made, a.Took = phase+" of "+b.plan.Image.ID(), begun, time.Since(begun)
	if err := b.Store.Record(key, a); err != nil {
		err = b.explain(err, "")
		shown.Fail(err)
		return a, err
	}
	ended(shown, "made", a)
	return a, nil
}

// Hits says how many of a build's layers it didn't have to make: "3 of 5 layers reused". It is "" where there was none.
func Hits(phases []ui.PhaseRecord) string {
	layers, reused := 0, 0
	for _, p := range phases {
		if strings.HasPrefix(p.Name, layerPhase) {
			layers++
			if strings.HasPrefix(p.Outcome, "reused") {
				reused++
			}
		}
	}
	if layers == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d layers reused", reused, layers)
}

// layerPhase begins the name of a phase that makes a layer.
const layerPhase = "layer "

// ended ends the phase of a step with what it put out.
func ended(shown ui.Phase, outcome string, a store.Action) {
	shown.Add(size(a))
	shown.Done(outcome)
}

// run carries out a step, which [Enter] can go back to, and has its ops traced.
func (b *builder) run(ctx context.Context, step rootfs.Step, log io.Writer) error {
	span := b.span
	step.Ended = func(op rootfs.Op, at rootfs.Timing) { span.Inside(string(op.Kind), op.String(), at.Begun, at.Took) }
	b.step = &step
	return rootfs.Run(ctx, step, log)
}

// forLooking keeps what a failed step left, if that was asked for, and says on a line of its own how to look into it.
func (b *builder) forLooking(w *store.Work, key store.Digest, phase string, failed error) string {
	id := b.plan.Image.ID()
	switch {
	case b.step == nil: // it failed before there was anything to look into
		return ""
	case !b.KeepFailed:
		return "\nnhos build " + id + " --keep-failed keeps the layer as it was left, to look into it"
	}
	if err := b.keep(w, key, phase, failed); err != nil {
		return "\nthe layer wasn't kept: " + err.Error()
	}
	return "\nnhos enter " + id + " opens a shell in the layer as it was left; nhos enter --drop " + id + " removes it"
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
