package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"
)

// remembered returns what these steps gave the last time, if the signed indexes are still the same ones; apt would
// choose the same again. Otherwise it solves, and remembers.
func (a *aptWorld) remembered(steps []step, solve func() (*Lock, error)) (*Lock, error) {
	key, err := a.key(steps)
	if err != nil {
		return nil, err
	}
	// The name tells by its second half whether the file is as it was written.
	name := func(text string) string {
		return filepath.Join(a.dir, "solved", fmt.Sprintf("%s-%x.lock", key, sha256.Sum256([]byte(text))))
	}
	known, _ := filepath.Glob(filepath.Join(a.dir, "solved", key+"*"))
	for _, file := range known {
		l, err := Read(file)
		if err == nil && file == name(l.String()) {
			return l, nil
		}
		os.Remove(file) // damaged, or nearly written: it is only a memory
	}
	l, err := solve()
	if err != nil {
		return nil, err
	}
	file := name(l.String())
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, fmt.Errorf("remembering the lock: %w", err)
	}
	if err := renameio.WriteFile(file, []byte(l.String()), 0o644); err != nil {
		return nil, fmt.Errorf("remembering the lock: %w", err)
	}
	return l, nil
}

// solverVersion is raised when the same steps on the same indexes are to give another lock.
const solverVersion = "2"

// key digests all that apt's choice depends on: the signed indexes, which name the digests of the others, and what is
// asked for.
func (a *aptWorld) key(steps []step) (string, error) {
	releases, err := filepath.Glob(filepath.Join(a.dir, "state/lists/*Release"))
	if err != nil {
		return "", err
	}
	slices.Sort(releases)
	h := sha256.New()
	fmt.Fprintln(h, solverVersion)
	for _, file := range releases {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("reading the package indexes: %w", err)
		}
		fmt.Fprintf(h, "%s %d\n", filepath.Base(file), len(text))
		h.Write(text)
	}
	for _, s := range steps {
		fmt.Fprintln(h, s.layer, packageNames(s.add), packageNames(s.remove))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
