package script

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"nhos.org/nhos/internal/ui"
	"nhos.org/nhos/internal/yamlfile"
)

// Find returns the path of a scenario: name itself if it is the path of a file (it has a slash or ends in .yaml), else
// NAME.yaml in scenarios/ beside the definitions or in the scenarios/ of any base, feature or respin.
func Find(definitions, name string) (string, error) {
	if strings.ContainsRune(name, '/') || strings.HasSuffix(name, ".yaml") {
		return name, nil
	}
	found, known := []string{}, []string{}
	for _, pattern := range []string{"scenarios/*.yaml", "bases/*/scenarios/*.yaml", "features/*/scenarios/*.yaml", "respins/*/scenarios/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(quoteMeta(definitions), pattern))
		if err != nil {
			return "", fmt.Errorf("looking for scenarios: %w", err)
		}
		for _, file := range files {
			is := strings.TrimSuffix(filepath.Base(file), ".yaml")
			known = append(known, is)
			if is == name {
				found = append(found, file)
			}
		}
	}
	switch len(found) {
	case 1:
		return fromHere(found[0]), nil
	case 0:
		hint := yamlfile.Suggest(name, "the scenarios", slices.Compact(slices.Sorted(slices.Values(known))))
		if _, err := os.Stat(name + ".yaml"); err == nil {
			hint = fmt.Sprintf("a path has a slash or its ending: ./%s.yaml", name)
		}
		return "", ui.Hint(fmt.Errorf("no scenario is called %s", yamlfile.Quote(name)), hint)
	}
	return "", ui.Hint(fmt.Errorf("several scenarios are called %s: %s", yamlfile.Quote(name), strings.Join(found, ", ")),
		"name one of them by its path")
}

// fromHere is a path as a person would type it: from the working folder, if it lies in that.
func fromHere(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(short) {
		return short
	}
	return path
}

// quoteMeta makes a path one that Glob takes as it is.
func quoteMeta(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(path)
}
