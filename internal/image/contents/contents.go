// Package contents lists what a layer holds, and what the layers of a stack hold together.
//
// [Scan] reads a layer once, before it is compressed: every entry with its digest, what dpkg says of its packages and
// their files, and the secrets that package secrets finds in the same read. [Layer.Write] keeps that beside the layer in
// the store. So all that is said later of a medium (its inventory, its SBOM, its sizes) takes no second look at its
// files: [Merge] lays the lists over each other as the kernel lays the layers, with whiteouts and opaque directories.
package contents

import (
	"io/fs"
	"strings"

	"nhos.org/nhos/internal/image/secrets"
)

// A Layer is what one layer holds.
type Layer struct {
	// Entries are in the order of a walk: a directory, what is in it, the next. See [order].
	Entries []Entry
	// Packages are those whose lists of files lie in the layer, sorted by name.
	Packages []Package
	// Status says that the layer holds dpkg's status, which Installed are the packages of.
	Status    bool
	Installed []Installed
	// Diversions are dpkg's, where the layer holds their list.
	Diverted   bool
	Diversions []Diversion
	Findings   []Finding
}

// An Entry is one file, directory, link or device of a layer.
type Entry struct {
	Path   string      `json:"p"` // absolute
	Mode   fs.FileMode `json:"m"` // type and permission bits
	Size   int64       `json:"s,omitempty"`
	SHA256 string      `json:"h,omitempty"` // of a regular file
	Target string      `json:"l,omitempty"` // of a symbolic link
	// Whiteout says that what the layers below have here is gone; Opaque, of a directory, that all in it is.
	Whiteout bool `json:"w,omitempty"`
	Opaque   bool `json:"o,omitempty"`
}

// A Package is what the layer holds of a package's own.
type Package struct {
	Name string `json:"n"`
	// List is the path of its list of files. While that is there, the files belong to the package.
	List string `json:"l"`
	// Files are those of the list that aren't directories; a directory belongs to many.
	Files []string `json:"f"`
	// Licences are those that the package's copyright file names, by Debian's short names.
	Licences []string `json:"c,omitempty"`
}

// Installed is a package by dpkg's status.
type Installed struct {
	Name         string `json:"n"`
	Version      string `json:"v"`
	Architecture string `json:"a"`
}

// A Diversion says that the file of all packages but one is elsewhere.
type Diversion struct {
	From, To string
	Package  string // the one whose file is at From; ":" for none
}

// A Finding is a secret in a file of the layer.
type Finding struct {
	Path string `json:"p"`
	secrets.Finding
	// Shipped is the package that ships exactly these bytes, "" where none does.
	Shipped string `json:"d,omitempty"`
}

// order compares paths as a walk meets them: what is in a directory right after it.
func order(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		switch {
		case x == '/':
			return -1
		case y == '/':
			return 1
		case x < y:
			return -1
		default:
			return 1
		}
	}
	return len(a) - len(b)
}

// below says whether path is in the directory dir.
func below(path, dir string) bool {
	return len(path) > len(dir) && path[len(dir)] == '/' && strings.HasPrefix(path, dir)
}
