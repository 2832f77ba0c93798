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

// recall begins the lock with what the first steps gave the last time, if the signed indexes are still the same ones;
// apt would choose the same again. It returns how many steps it knows of.
func (r *resolver) recall(steps []step) (int, error) {
	for n := len(steps); n > 0; n-- {
		key, err := r.apt.key(steps[:n])
		if err != nil {
			return 0, err
		}
		known, _ := filepath.Glob(filepath.Join(r.apt.dir, "solved", key+"*"))
		for _, file := range known {
			l, err := Read(file)
			if err != nil || file != r.apt.memory(key, l.String()) {
				os.Remove(file) // damaged, or nearly written: it is only a memory
				continue
			}
			r.lock = l
			for _, s := range steps[:n] {
				for _, name := range s.names() {
					r.named[name] = true
				}
			}
			return n, nil
		}
	}
	return 0, nil
}

// remember keeps the lock as what these steps give.
func (r *resolver) remember(steps []step) error {
	key, err := r.apt.key(steps)
	if err != nil {
		return err
	}
	text := r.lock.String()
	file := r.apt.memory(key, text)
	err = os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = renameio.WriteFile(file, []byte(text), 0o644, renameio.WithTempDir(filepath.Join(r.apt.dir, tmpDir)))
	}
	if err != nil {
		return fmt.Errorf("remembering the lock: %w", err)
	}
	return nil
}

// memory is the file for what the steps of this key give. Its name tells by its second half whether it is as it was
// written.
func (a *aptWorld) memory(key, text string) string {
	return filepath.Join(a.dir, "solved", fmt.Sprintf("%s-%x.lock", key, sha256.Sum256([]byte(text))))
}

// solverVersion is raised when the same steps on the same indexes are to give another lock.
const solverVersion = "3"

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
