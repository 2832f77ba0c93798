package build

import (
	"errors"
	"runtime"

	"golang.org/x/sync/errgroup"

	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

// mend reads what the plan would reuse, so that a layer that is damaged in the store is made anew in this build. What
// is read here isn't read again.
func (b *builder) mend() error {
	steps := map[string]store.Digest{"boot files": b.plan.Boot.Key}
	for _, l := range b.plan.Layers {
		steps["layer "+l.Name] = l.Key
	}
	var read errgroup.Group
	read.SetLimit(runtime.NumCPU())
	for phase, key := range steps {
		a, err := b.Store.Action(key)
		if err != nil {
			continue // it is made anyway
		}
		for _, output := range a.Outputs {
			read.Go(func() error {
				_, err := b.sound(phase, output)
				return err
			})
		}
	}
	return read.Wait()
}

// sound says whether the store has the blob with the bytes that it had. One that was damaged is gone afterwards, and
// the person is told.
func (b *builder) sound(what string, blob store.Blob) (bool, error) {
	_, err := b.Store.Path(blob)
	switch {
	case errors.Is(err, store.ErrCorrupt):
		b.Progress.Begin(what, 0).Done("was damaged in the store: it is removed and comes anew")
	case err != nil && !errors.Is(err, store.ErrMissing):
		return false, ui.Hint(err, "--store names another folder")
	}
	return err == nil, nil
}
