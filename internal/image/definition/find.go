package definition

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"nhos.org/nhos/internal/ui"
)

// Find returns the first folder from start upwards that holds images/.
func Find(start string) (dir string, err error) {
	start, err = filepath.Abs(start)
	if err != nil {
		return "", err
	}
	for dir = start; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(dir, "images")); err == nil && info.IsDir() {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", ui.Hint(fmt.Errorf("neither %s nor a folder above it holds images/", start),
				"go to the folder with the definitions first")
		}
	}
}

// List returns the names of all images and of all respins in a definitions folder, sorted.
func List(dir string) (images, respins []string, err error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = root.Close() }()
	if images, err = names(root, KindImage); err != nil {
		return nil, nil, err
	}
	respins, err = names(root, KindRespin)
	return images, respins, err
}

// openRoot opens a definitions folder such that nothing outside it can be read through it.
func openRoot(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the definitions: %w", err)
	}
	if info, err := root.Stat("images"); err != nil || !info.IsDir() {
		_ = root.Close()
		return nil, ui.Hint(fmt.Errorf("%s is not a definitions folder: it has no images/", dir),
			"name the folder that holds images/ and features/")
	}
	return root, nil
}

// folders are where the definitions of a kind are.
var folders = map[Kind]string{KindBase: "bases", KindFeature: "features", KindImage: "images", KindRespin: "respins"}

// fileOf is the definition file of that name, relative to the definitions folder.
func fileOf(kind Kind, name string) string {
	if kind == KindImage {
		return folders[kind] + "/" + name + ".yaml"
	}
	return folderOf(kind, name) + "/" + string(kind) + ".yaml"
}

// folderOf is the folder of a base, feature or respin.
func folderOf(kind Kind, name string) string { return folders[kind] + "/" + name }

// names returns the names of all definitions of a kind, sorted.
func names(root *os.Root, kind Kind) ([]string, error) {
	entries, err := fs.ReadDir(root.FS(), folders[kind])
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	found := []string{}
	for _, e := range entries {
		name := e.Name()
		if kind == KindImage {
			if name = strings.TrimSuffix(name, ".yaml"); name == e.Name() {
				continue
			}
		}
		if isName(name) && exists(root, fileOf(kind, name)) {
			found = append(found, name)
		}
	}
	return found, nil
}

// isName says whether s may be the name of a base, feature, image or respin.
func isName(s string) bool {
	message, _ := syntaxes["name"].fault(s)
	return message == ""
}

// exists says whether anything is there. A link that leads nowhere is: opening it then tells why it can't be read.
func exists(root *os.Root, file string) bool {
	_, err := root.Lstat(file)
	return err == nil
}
