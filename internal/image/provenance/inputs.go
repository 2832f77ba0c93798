package provenance

import (
	"maps"
	"slices"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/sbom"
)

// tools are the programs that made layers and medium, by what they say of their versions.
func tools(t plan.Tools) []resource {
	all := maps.Clone(t.Layer)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, t.Medium)
	var in []resource
	for _, name := range slices.Sorted(maps.Keys(all)) {
		in = append(in, resource{Name: name, URI: "pkg:generic/" + name, Annotations: map[string]string{"version": all[name]}})
	}
	return in
}

func definitions(img *definition.Image) []resource {
	var in []resource
	for _, d := range img.Inputs() {
		in = append(in, resource{Name: d.File, Digest: sha(d.SHA256)})
	}
	return in
}

func packages(base definition.Base, l *lock.Lock) []resource {
	var in []resource
	for _, p := range l.Packages {
		in = append(in, resource{
			Name: p.Name, URI: sbom.PackageURL(base.Distribution, base.Suite, p.Name, p.Version, p.Architecture), Digest: sha(p.SHA256),
		})
	}
	return in
}
