package build

import (
	"context"
	"strings"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/store"
)

// Fetch brings every package of l into the store, also those whose layers are there already. img is what l is the
// lock of.
func Fetch(ctx context.Context, img *definition.Image, l *lock.Lock, o Options) error {
	none := store.Digest(strings.Repeat("0", 64)) // the key of nothing that was ever made
	all := plan.Layer{Name: "all", Key: none}
	for _, p := range l.Packages {
		all.Install = append(all.Install, plan.Package{Name: p.Name, Version: p.Version, Architecture: p.Architecture, SHA256: p.SHA256})
	}
	p := &plan.Plan{Image: img, Lock: l, Layers: []plan.Layer{all}, Boot: plan.Boot{Key: none, Cached: true}}
	return newBuilder(p, o).fetch(ctx)
}
