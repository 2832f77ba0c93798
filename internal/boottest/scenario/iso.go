package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"

	"nhos.org/nhos/internal/manifest"
	"nhos.org/nhos/internal/ui"
)

const (
	maxManifest = 16 << 20
	maxKernel   = 64 << 20
	minKernel   = 1 << 20 // less is a link
)

// ReadManifest returns what a medium says of itself; nil, without an error, if it says nothing.
func ReadManifest(iso string) (*manifest.Manifest, error) {
	var m *manifest.Manifest
	err := withISO(iso, func(root *iso9660.FileSystem) error {
		f, err := openFile(root, strings.TrimPrefix(manifest.Path, "/"))
		if f == nil || err != nil {
			return err
		}
		b, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
		if err == nil && len(b) > maxManifest {
			err = fmt.Errorf("it has more than %d bytes", maxManifest)
		}
		if err != nil {
			return err
		}
		var format struct{ Version int }
		if err := json.Unmarshal(b, &format); err != nil {
			return err
		}
		if format.Version > manifest.Version {
			err := fmt.Errorf("its format is version %d; version %d is known", format.Version, manifest.Version)
			return ui.Hint(err, "use a newer nhos")
		}
		m = new(manifest.Manifest)
		return json.Unmarshal(b, m)
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", manifest.Path, iso, err)
	}
	return m, nil
}

// kernels are where media keep their Linux kernels: folder and beginning of the name.
var kernels = [][2]string{
	{"live", "vmlinuz"},
	{"casper", "vmlinuz"},
	{"install.amd", "vmlinuz"},
	{"boot", "vmlinuz"},
	{"images/pxeboot", "vmlinuz"},
	{"boot/x86_64/loader", "linux"},
	{"arch/boot/x86_64", "vmlinuz"},
}

// copyKernel copies a Linux kernel of the medium to target, and reports whether it found one.
func copyKernel(iso, target string) (found bool, err error) {
	err = withISO(iso, func(root *iso9660.FileSystem) error {
		for _, k := range kernels {
			entries, err := list(root, k[0])
			if err != nil {
				return err
			}
			for _, e := range entries {
				info, err := e.Info()
				if err != nil || e.IsDir() || !strings.HasPrefix(e.Name(), k[1]) || info.Size() < minKernel {
					continue
				}
				f, err := root.Open(path.Join(k[0], e.Name()))
				if err != nil {
					return err
				}
				b, err := io.ReadAll(io.LimitReader(f, maxKernel))
				if err != nil {
					return err
				}
				found = true
				return os.WriteFile(target, b, 0o600)
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("looking for a kernel in %s: %w", filepath.Base(iso), err)
	}
	return found, nil
}

// withISO opens the file system of a medium. A medium that isn't an ISO 9660 image has none: use isn't called.
func withISO(iso string, use func(*iso9660.FileSystem) error) (err error) {
	f, err := os.Open(iso)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	// The first volume descriptor (ECMA-119, 8.1).
	descriptor := make([]byte, 6)
	if _, err := f.ReadAt(descriptor, 16*2048); err != nil || !bytes.Equal(descriptor[1:], []byte("CD001")) {
		return nil
	}
	// A medium may come from anywhere, and the reader of its file system trusts what it reads.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its file system is damaged: %v", r)
		}
	}()
	root, err := iso9660.Read(file.New(f, true), 0, 0, 0)
	if err != nil {
		return err
	}
	return use(root)
}

// openFile opens a file of the medium, nil if it isn't there.
func openFile(root *iso9660.FileSystem, name string) (fs.File, error) {
	entries, err := list(root, path.Dir(name))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() == path.Base(name) {
			return root.Open(name)
		}
	}
	return nil, nil
}

// list returns the entries of a folder, none if it isn't there. Asked for a folder that isn't there, the reader's
// error can't be told from that of a damaged medium, so it is looked for step by step.
func list(root *iso9660.FileSystem, dir string) ([]fs.DirEntry, error) {
	at := "."
	entries, err := root.ReadDir(at)
	if err != nil || dir == "." {
		return entries, err
	}
	for part := range strings.SplitSeq(dir, "/") {
		there := false
		for _, e := range entries {
			there = there || (e.IsDir() && e.Name() == part)
		}
		if !there {
			return nil, nil
		}
		at = path.Join(at, part)
		if entries, err = root.ReadDir(at); err != nil {
			return nil, errors.Join(fmt.Errorf("reading the folder %s", at), err)
		}
	}
	return entries, nil
}
