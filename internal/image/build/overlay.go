package build

import (
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// stripOverlay removes what the kernel notes on a layer's files for itself: where they came from on this very mount.
// What makes a layer stays: whiteouts, which are devices 0/0, and opaque directories.
func stripOverlay(root string) error {
	names := make([]byte, 64<<10)
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n, err := unix.Llistxattr(path, names)
		if err == unix.ENOTSUP {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the attributes of %s: %w", path, err)
		}
		for name := range bytes.SplitSeq(names[:n], []byte{0}) {
			if s := string(name); strings.HasPrefix(s, "trusted.overlay.") && s != "trusted.overlay.opaque" {
				if err := unix.Lremovexattr(path, s); err != nil {
					return fmt.Errorf("removing %s from %s: %w", s, path, err)
				}
			}
		}
		return nil
	})
}
