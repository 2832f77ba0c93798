package definition

import (
	"cmp"
	"slices"
)

// An Input is a file of a definitions folder that an image is made from.
type Input struct {
	File   string `json:"file"` // relative to the definitions folder, with slashes
	SHA256 string `json:"sha256"`
}

// Inputs are all files that were read for the image, sorted by name: definitions, lists of checks, scripts, and the
// regular files that are laid over the root.
func (i *Image) Inputs() []Input {
	var in []Input
	for file, sum := range i.digests {
		in = append(in, Input{file, sum})
	}
	for _, p := range i.Parts {
		for _, s := range p.Scripts {
			in = append(in, Input{folderOf(p.Kind, p.Name) + "/scripts/" + s.Name, s.SHA256})
		}
		for _, f := range p.Files {
			if f.SHA256 != "" {
				in = append(in, Input{p.FileOf(f), f.SHA256})
			}
		}
	}
	slices.SortFunc(in, func(a, b Input) int { return cmp.Compare(a.File, b.File) })
	return in
}

// FileOf is where a file of the part lies in the definitions folder.
func (p Part) FileOf(f File) string { return folderOf(p.Kind, p.Name) + "/files" + f.Path }
