package definition

import "slices"

// The removal rule: parts are on four levels, base, features, image, respin. A package that a part removes is taken
// away from all parts of the same level, in whatever order they come, and of the levels before it. A later level may
// add it again. So an image can drop what a feature brings, and a respin can bring back what the image dropped.
//
// What the base adds is installed in every image on it, so that they share its layer; a later level that removes such a
// package takes it away again ([Image.ImageRemoved]).

// WantedPackages are the packages of the whole, the respin's included, after removal, in merge order. Of a package that
// several parts add, the first one is listed.
func (i *Image) WantedPackages() []Package {
	wanted, _ := i.upTo(KindRespin)
	return wanted
}

// BasePackages are what the base adds. No later part changes them.
func (i *Image) BasePackages() []Package {
	wanted, _ := i.upTo(KindBase)
	return wanted
}

// ImagePackages are what features and image add to the base, after their own removals.
func (i *Image) ImagePackages() []Package {
	wanted, _ := i.upTo(KindImage)
	return without(wanted, i.BasePackages())
}

// FeaturePackages are those of [Image.ImagePackages] that a feature adds.
func (i *Image) FeaturePackages() []Package {
	var added []Package
	for _, p := range i.Parts {
		if p.Kind == KindFeature {
			added = append(added, p.Packages.Add...)
		}
	}
	wanted := i.ImagePackages()
	return without(wanted, without(wanted, added))
}

// OwnPackages are those of [Image.ImagePackages] that the image alone adds.
func (i *Image) OwnPackages() []Package {
	return without(i.ImagePackages(), i.FeaturePackages())
}

// ImageRemoved are what features and image remove and don't add again: packages of the base, and packages that would
// otherwise come in because another one depends on or recommends them.
func (i *Image) ImageRemoved() []Package {
	_, removed := i.upTo(KindImage)
	return removed
}

// RespinPackages are what the respin adds to the image.
func (i *Image) RespinPackages() []Package {
	image, _ := i.upTo(KindImage)
	return without(i.WantedPackages(), image)
}

// RespinRemoved are what the respin removes and the image didn't already.
func (i *Image) RespinRemoved() []Package {
	_, removed := i.upTo(KindRespin)
	return without(removed, i.ImageRemoved())
}

// upTo applies the removal rule to the levels up to last.
func (i *Image) upTo(last Kind) (wanted, removed []Package) {
	wanted, removed = []Package{}, []Package{}
	for _, level := range []Kind{KindBase, KindFeature, KindImage, KindRespin} {
		var add, remove []Package
		for _, p := range i.Parts {
			if p.Kind == level {
				add, remove = append(add, p.Packages.Add...), append(remove, p.Packages.Remove...)
			}
		}
		wanted = without(append(wanted, add...), remove)
		removed = append(without(removed, add), remove...)
		if level == last {
			break
		}
	}
	return unique(wanted), unique(removed)
}

// without returns the packages whose names are not among others.
func without(packages, others []Package) []Package {
	return slices.DeleteFunc(slices.Clone(packages), func(p Package) bool {
		return slices.ContainsFunc(others, func(o Package) bool { return o.Name == p.Name })
	})
}

// unique returns the packages with the first of every name.
func unique(packages []Package) []Package {
	seen := map[string]bool{}
	return slices.DeleteFunc(packages, func(p Package) bool {
		again := seen[p.Name]
		seen[p.Name] = true
		return again
	})
}
