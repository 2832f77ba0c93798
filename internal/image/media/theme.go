package media

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"nhos.org/nhos/internal/image/child"
)

// themeFolder is where an image keeps its boot menu's look: GRUB's theme.txt and the pictures that it names.
const themeFolder = "usr/share/nhos/grub"

// theme takes the boot menu's look out of the layers, a file of a later one in place of the same of an earlier one, and
// puts it into the folder to. Without any, to isn't made, and the menu is plain.
func theme(ctx context.Context, layers []Layer, scratch, to string) error {
	root := filepath.Join(scratch, "theme")
	for _, l := range layers {
		cmd := exec.CommandContext(ctx, "unsquashfs", "-quiet", "-no-progress", "-no-xattrs", "-force", "-dest", root, l.Path, themeFolder)
		if said, err := child.CombinedOutput(cmd); err != nil {
			return fmt.Errorf("taking the boot menu's look from %s: %w: %s", l.Name, err, said)
		}
	}
	from := filepath.Join(root, themeFolder)
	if _, err := os.Stat(from); os.IsNotExist(err) {
		return nil
	}
	return os.Rename(from, to)
}
