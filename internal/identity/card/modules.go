package card

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// program is what this program is called in p11-kit's enable-in and disable-in.
const program = "nhos-identity-card"

// maxModuleFile bounds a file of p11-kit's configuration.
const maxModuleFile = 64 << 10

// moduleFolders are where modules lie that are named without a path (p11-kit's own compiled-in folder, on the
// distributions that matter).
var moduleFolders = []string{"usr/lib/*/pkcs11", "usr/lib64/pkcs11", "usr/lib/pkcs11"}

// Modules are the PKCS#11 modules that this computer is set up for, best first: what p11-kit would load
// (pkcs11.conf(5)), from the distribution's, the administrator's and the user's files, without those for other programs
// and those that hold trusted certificates instead of cards.
func Modules() ([]string, error) {
	config, err := os.UserConfigDir()
	if err != nil {
		config = "" // a process without a home has no files of its own
	}
	modules, err := modulesIn(os.DirFS("/"), strings.TrimPrefix(config, "/"))
	if err != nil {
		return nil, fmt.Errorf("looking for smartcard drivers: %w", err)
	}
	for i, module := range modules {
		modules[i] = "/" + module
	}
	return modules, nil
}

// moduleConfig is one module file.
type moduleConfig struct {
	path     string // without the leading /
	priority int
	skip     bool
}

// modulesIn is Modules on the file system of a root, in which paths have no leading /.
func modulesIn(root fs.FS, config string) ([]string, error) {
	folders := []string{"usr/share/p11-kit/modules", "etc/pkcs11/modules"}
	if config != "" {
		folders = append(folders, filepath.Join(config, "pkcs11/modules"))
	}
	// A file of the same name in a later folder takes the place of the one before.
	byName := make(map[string]moduleConfig)
	for _, folder := range folders {
		files, err := fs.Glob(root, folder+"/*.module")
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := readSmall(root, file)
			if err != nil {
				continue // of no use to p11-kit either
			}
			module := parseModule(text)
			module.path = findModule(root, module.path)
			byName[filepath.Base(file)] = module
		}
	}
	var names []string
	for name, module := range byName {
		if !module.skip && module.path != "" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(byName[b].priority, byName[a].priority), strings.Compare(a, b))
	})
	var modules []string
	for _, name := range names {
		if path := byName[name].path; !slices.Contains(modules, path) {
			modules = append(modules, path)
		}
	}
	if len(modules) == 0 {
		return nil, errors.New("none is configured for p11-kit; install opensc-pkcs11, or name one in the policy")
	}
	return modules, nil
}

func readSmall(root fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(root, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxModuleFile {
		return nil, fmt.Errorf("%s isn't a small file", name)
	}
	return fs.ReadFile(root, name)
}

// parseModule reads a module file: lines of "key: value", # before comments.
func parseModule(text []byte) moduleConfig {
	var module moduleConfig
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		key, value, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "module":
			module.path = value
		case "priority":
			module.priority, _ = strconv.Atoi(value)
		case "trust-policy":
			module.skip = module.skip || value == "yes"
		case "remote":
			module.skip = true // a program to talk to, and no module
		case "enable-in":
			module.skip = module.skip || !names(value)
		case "disable-in":
			module.skip = module.skip || names(value)
		}
	}
	return module
}

// names says whether a list of programs, parted by commas or blanks, has this one.
func names(list string) bool {
	programs := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	return slices.Contains(programs, program)
}

// findModule is where a module is, or empty.
func findModule(root fs.FS, name string) string {
	if strings.HasPrefix(name, "/") {
		path := strings.TrimPrefix(filepath.Clean(name), "/")
		if !isFile(root, path) {
			return ""
		}
		return path
	}
	if name == "" || strings.HasPrefix(name, "~") {
		return ""
	}
	for _, folder := range moduleFolders {
		found, err := fs.Glob(root, folder)
		for _, folder := range found {
			path := filepath.Join(folder, name)
			if err == nil && isFile(root, path) {
				return path
			}
		}
	}
	return ""
}

// isFile says whether a path leads to a file: a folder is no module.
func isFile(root fs.FS, path string) bool {
	info, err := fs.Stat(root, path)
	return err == nil && info.Mode().IsRegular()
}
