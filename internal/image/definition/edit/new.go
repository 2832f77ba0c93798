package edit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/ui"
)

// A Draft is what is known of a definition that isn't there yet.
type Draft struct {
	Target      definition.Target // a respin, an image or a feature
	Description string            // "" for a sentence to be changed
	Of          string            // of a respin: its image
	Base        string            // of an image: its base; "" if there is one alone
	Product     string            // "" for an image's name, and for a respin's image's
	ODSCode     string            // of a respin; "" for none
}

// New writes a definition with comments that say what else can be in it, and returns its file, below the definitions
// folder. It loads. Nothing that exists is overwritten.
func New(dir string, d Draft) (file string, err error) {
	if err := d.Target.Check(); err != nil {
		return "", ui.Usage(err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	for _, kind := range []definition.Kind{definition.KindImage, definition.KindRespin} {
		if d.Target.Kind == definition.KindFeature {
			kind = definition.KindFeature
		}
		names, err := definition.Names(dir, kind)
		if err != nil {
			return "", err
		}
		if slices.Contains(names, d.Target.Name) {
			return "", ui.Hint(fmt.Errorf("there is already %s %s", aKind(kind), d.Target.Name), "take another name; nhos set changes what there is")
		}
	}
	text, err := d.text(dir)
	if err != nil {
		return "", err
	}
	file = d.Target.File()
	if _, err := definition.LoadUsers(dir, d.Target, definition.Texts{file: []byte(text)}); err != nil {
		return "", fmt.Errorf("nothing is written: %w", err)
	}
	return file, create(dir, file, text)
}

// create writes a file that isn't there, and the folder that it is in. Both appear at once.
func create(dir, file, text string) error {
	path := filepath.Join(dir, filepath.FromSlash(file))
	what, kind := path, filepath.Dir(path) // what appears, and the folder that it appears in
	if strings.Count(file, "/") > 1 {
		what, kind = filepath.Dir(path), filepath.Dir(filepath.Dir(path))
	}
	if _, err := os.Lstat(what); !errors.Is(err, fs.ErrNotExist) {
		return ui.Hint(fmt.Errorf("%s is in the way", what), "take another name, or move it away")
	}
	if err := os.MkdirAll(kind, 0o755); err != nil {
		return fmt.Errorf("writing the definition: %w", err)
	}
	draft, err := os.MkdirTemp(kind, ".new-")
	if err != nil {
		return fmt.Errorf("writing the definition: %w", err)
	}
	defer func() { _ = os.RemoveAll(draft) }()
	written := filepath.Join(draft, filepath.Base(path))
	if err := errors.Join(os.Chmod(draft, 0o755), os.WriteFile(written, []byte(text), 0o644)); err != nil {
		return fmt.Errorf("writing the definition: %w", err)
	}
	if what == path {
		return os.Rename(written, path)
	}
	return os.Rename(draft, what)
}

func aKind(k definition.Kind) string {
	if k == definition.KindImage {
		return "an image"
	}
	return "a " + string(k)
}

// text is the file of a draft.
func (d Draft) text(dir string) (string, error) {
	var b strings.Builder
	up := strings.Repeat("../", strings.Count(d.Target.File(), "/"))
	schema := "docs/schema/" + string(d.Target.Kind) + ".json"
	if _, err := os.Stat(filepath.Join(dir, schema)); err == nil {
		fmt.Fprintf(&b, "# yaml-language-server: $schema=%s%s\n", up, schema)
	}
	line := func(key, value, instead string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", key, scalar(value, 0, false))
		} else if instead != "" {
			fmt.Fprintf(&b, "# %s: %s\n", key, instead)
		}
	}
	about := func(sentence string) string {
		if d.Description != "" {
			return d.Description
		}
		return sentence
	}
	name := d.Target.Name
	switch d.Target.Kind {
	case definition.KindRespin:
		line("description", about(fmt.Sprintf("The image %s as %s would have it", d.Of, name)), "")
		line("image", d.Of, "")
		b.WriteString("\n# The organisation's ODS code, and its own name for it: on screen, in menus and in file names.\n")
		line("ods_code", d.ODSCode, "RX1")
		line("product", d.Product, "Example Desktop")
		b.WriteString("\n# Packages besides those of the image, and those that it shall not have.\n" + somePackages)
		b.WriteString("\nsettings:\n")
		line("  hostname", name, "")
		b.WriteString(beside)
	case definition.KindFeature:
		line("description", about("What "+name+" gives"), "")
		b.WriteString("\n# An image takes it up by its name: nhos add feature IMAGE " + name + "\n" + somePackages + beside)
	case definition.KindImage:
		base, err := d.base(dir)
		if err != nil {
			return "", err
		}
		product := d.Product
		if product == "" {
			product = name
		}
		line("description", about("What "+name+" is for"), "")
		line("base", base, "")
		line("product", product, "")
		b.WriteString("\n# Features that it takes up, in order: folders of features/.\n# features:\n#   - NAME\n")
		b.WriteString("\n# Packages besides those of its features, and those that it shall not have.\n" + somePackages)
		b.WriteString("\nsettings:\n")
		line("  hostname", name, "")
	default:
		return "", fmt.Errorf("no draft for a %s", d.Target.Kind)
	}
	return b.String(), nil
}

const (
	somePackages = "# packages:\n#   add: [krb5-user]\n#   remove: [gnome-mines]\n"
	beside       = `
# Beside this file may lie
#   files/      laid over the root: files/etc/motd becomes /etc/motd
#   scripts/    run when the image is made, in the order of their names: 10-first, 20-second
#   checks/     what must be true in the running system: NAME.yaml
`
)

// base is the base of a new image.
func (d Draft) base(dir string) (string, error) {
	if d.Base != "" {
		return d.Base, nil
	}
	bases, err := definition.Names(dir, definition.KindBase)
	if err != nil {
		return "", err
	}
	if len(bases) != 1 {
		return "", ui.Usage(ui.Hint(errors.New("which base is the image made from?"), "--base names one of "+strings.Join(bases, ", ")))
	}
	return bases[0], nil
}
