package build

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/signature"
	"nhos.org/nhos/internal/image/store"
)

// A Standing is the medium of the build before, whose bytes are read while the mirrors are asked: one takes a processor,
// the other the network. Where nothing changed, the answer is there when the plan is.
type Standing struct {
	result *Result // nil where there is none
	sum    chan store.Digest
	stop   context.CancelFunc
}

// Look begins to read the medium in dir, if there is one. Who calls it hands it to [Run] and calls Leave at the end.
func Look(ctx context.Context, dir string) *Standing {
	ctx, stop := context.WithCancel(ctx)
	s := &Standing{sum: make(chan store.Digest, 1), stop: stop}
	if r, err := Load(dir); err == nil {
		s.result = r
		go func() { s.sum <- digestFile(ctx, filepath.Join(dir, r.ISO)) }()
	}
	return s
}

// Leave ends the reading of what nobody asks for any more.
func (s *Standing) Leave() { s.stop() }

// current returns the medium, when it was made from the same plan, its bytes are whole and nothing beside it is missing.
func (s *Standing) current(p *plan.Plan, o Options) *Result {
	defer s.Leave() // what follows needs the processors
	r := s.result
	if r == nil || r.Key != p.Medium.Key {
		return nil
	}
	phase := o.Progress.Begin("medium", 0)
	whole := string(<-s.sum) == r.SHA256
	if now, err := Load(o.Out); err != nil || now.Key != r.Key { // another build wrote there since
		whole = false
	}
	for _, name := range []string{r.Lock, r.Inventory, r.SBOM, r.Provenance, signature.SumsFile} {
		_, err := os.Stat(filepath.Join(o.Out, name))
		whole = whole && err == nil
	}
	if !whole {
		phase.Done("was changed since it was written: made anew")
		return nil
	}
	phase.Add(r.Size)
	phase.Done("reused: made from the same definition, lock and tools")
	r.Reused = true
	return r
}

// digestFile is "" for a file that can't be read, or wasn't to its end.
func digestFile(ctx context.Context, path string) store.Digest {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := store.Copy(io.Discard, interruptible{ctx, f})
	if err != nil {
		return ""
	}
	return b.Digest
}

// interruptible ends when its context does.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(b []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(b)
}
