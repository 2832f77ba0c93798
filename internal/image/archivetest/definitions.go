package archivetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Base is the definition of the base that [Archive.Definitions] writes. It takes up the packages kernel and shim.
const Base = `description: Packages for tests
distribution: ` + Distribution + `
suite: ` + Suite + `
architecture: ` + Architecture + `
components: [main]
pockets:
  - {suite: ` + Suite + `, archive: main}
  - {suite: ` + Suite + `-security, archive: security}
keyring: test.gpg
medium: [shim]
packages:
  add: [kernel]
`

// Definitions makes a definitions folder with the base "test" and the files of text, in which each begins with a line
// "-- NAME --". A file below scripts/ is made executable.
func (a *Archive) Definitions(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	a.WriteBase(t, dir)
	Write(t, dir, text)
	return dir
}

// WriteBase writes the base "test", which is signed by the archive's key, into a definitions folder.
func (a *Archive) WriteBase(t testing.TB, dir string) {
	t.Helper()
	key, err := os.ReadFile(a.Keyring())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "bases/test/base.yaml"), Base)
	write(t, filepath.Join(dir, "bases/test/test.gpg"), string(key))
}

// Write writes the files of text into a folder.
func Write(t testing.TB, dir, text string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(text)).Files {
		file := filepath.Join(dir, f.Name)
		write(t, file, string(f.Data))
		if filepath.Base(filepath.Dir(file)) == "scripts" {
			if err := os.Chmod(file, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}
