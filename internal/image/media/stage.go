package media

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// checksums writes sha256sum.txt: the files below dir and those in known, by path on the medium.
func checksums(dir string, known map[string]string) error {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		known[name] = hex.EncodeToString(h.Sum(nil))
		return nil
	})
	if err != nil {
		return err
	}
	var lines []string
	for name, sum := range known {
		lines = append(lines, sum+"  "+name)
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	return os.WriteFile(filepath.Join(dir, "sha256sum.txt"), []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

func sortedLines(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
