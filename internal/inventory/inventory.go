// Package inventory is what a medium holds: its packages with what they take, the parts of the definition with what
// they bring, and every file.
//
// The build chain writes it beside the medium, the report reads it, and neither knows the other. A [Part] is the base,
// a feature, an image or a respin: whatever a person edits.
package inventory

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// An Inventory describes the root that a medium's layers make together.
type Inventory struct {
	Image   string `json:"image"`
	Respin  string `json:"respin,omitempty"`
	Product string `json:"product"`
	// Packages are sorted by name.
	Packages []Package `json:"packages"`
	// Parts are in the order of the definition: the base first.
	Parts  []Part  `json:"parts"`
	Layers []Layer `json:"layers"` // the bottom first
	// Files are all files of the root, sorted by path; a package's own and those that no package owns.
	Files []File `json:"files"`
}

// A Package is one installed package.
type Package struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	Layer        string `json:"layer"` // base, packages, …
	// Part is the first part of the definition that asks for the package, or for one that depends on it.
	Part   string `json:"part"`
	Wanted bool   `json:"wanted,omitempty"` // a definition names it
	Size   int64  `json:"size"`             // bytes of its files in the root
	Files  int    `json:"files"`
}

// A Part is what one part of the definition brings.
type Part struct {
	Name     string `json:"name"` // "base debian-13", "feature office", "image desktop", "respin hscni"
	Packages int    `json:"packages"`
	Size     int64  `json:"size"` // bytes: of its packages, and of the files that it lays itself
}

// A Layer is one file system of the stack.
type Layer struct {
	Name  string `json:"name"`
	Size  int64  `json:"size"`  // bytes, compressed
	Files int64  `json:"files"` // entries
}

// A File is one entry of the root.
type File struct {
	Path   string      `json:"path"`
	Mode   fs.FileMode `json:"mode"`             // type and permission bits, as in package fs
	Size   int64       `json:"size,omitempty"`   // bytes of a regular file
	SHA256 string      `json:"sha256,omitempty"` // of a regular file
	Target string      `json:"target,omitempty"` // of a symbolic link
	// Package is the owner by dpkg's lists, "" for a file that no package owns, and for a directory, which belongs to all.
	Package string `json:"package,omitempty"`
	Layer   string `json:"layer"` // the topmost that holds it
}

// maxSize bounds what is read: a desktop's inventory takes about 30 MB.
const maxSize = 1 << 30

// Write keeps the inventory at path. See [Inventory.Encode].
func (v *Inventory) Write(path string) error {
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644), renameio.WithTempDir(filepath.Dir(path)))
	if err != nil {
		return fmt.Errorf("writing the inventory: %w", err)
	}
	defer f.Cleanup() //nolint:errcheck // after a success there is nothing to clean up
	if err := v.Encode(f); err != nil {
		return fmt.Errorf("writing the inventory %s: %w", path, err)
	}
	return f.CloseAtomicallyReplace()
}

// Encode writes the inventory as gzipped JSON, in which every file is a line, so that it never is in memory whole. The
// same inventory gives the same bytes.
func (v *Inventory) Encode(w io.Writer) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	head := *v
	head.Files = []File{}
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	const end = "]}" // of the files, which are the last key, and of the whole
	if _, err = z.Write(bytes.TrimSuffix(text, []byte(end))); err != nil {
		return err
	}
	for i := range v.Files {
		if text, err = json.Marshal(&v.Files[i]); err != nil {
			return err
		}
		if i > 0 {
			text = append([]byte(",\n"), text...)
		}
		if _, err := z.Write(text); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(z, end); err != nil {
		return err
	}
	return z.Close()
}

// Read reads what [Inventory.Write] wrote.
func Read(path string) (*Inventory, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the inventory: %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("reading the inventory %s: %w", path, err)
	}
	v := &Inventory{}
	if err := json.NewDecoder(io.LimitReader(z, maxSize)).Decode(v); err != nil {
		return nil, fmt.Errorf("reading the inventory %s: %w", path, err)
	}
	return v, nil
}
