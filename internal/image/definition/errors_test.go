package definition

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"nhos.org/nhos/internal/ui"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestErrors lays every archive of testdata/errors over testdata/minimal, loads what it says, and holds the errors with
// their excerpts and hints against its last file, "want".
func TestErrors(t *testing.T) {
	archives, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if last := len(a.Files) - 1; last >= 0 && a.Files[last].Name == "want" {
				want = string(a.Files[last].Data)
				a.Files = a.Files[:last]
			}
			dir, id := unpack(t, a)
			_, err = Load(dir, id)
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.ReplaceAll(printed(err), dir, "DIR")
			if *update {
				a.Files = append(a.Files, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("errors differ (-want +got):\n%s", diff)
			}
		})
	}
}

// unpack makes a definitions folder of testdata/minimal and an archive, whose comment has commands a line:
//
//	load ID
//	chmod FILE (to executable)
//	symlink TARGET FILE
//	mkfifo FILE
func unpack(t *testing.T, a *txtar.Archive) (dir, id string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/minimal")); err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		write(t, filepath.Join(dir, f.Name), string(f.Data))
	}
	for line := range strings.Lines(string(a.Comment)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		file := filepath.Join(dir, words[len(words)-1])
		var err error
		switch words[0] {
		case "load":
			id = words[1]
		case "chmod":
			err = os.Chmod(file, 0o755)
		case "symlink":
			_ = os.MkdirAll(filepath.Dir(file), 0o755)
			_ = os.Remove(file)
			err = os.Symlink(words[1], file)
		case "mkfifo":
			_ = os.Remove(file)
			_ = os.MkdirAll(filepath.Dir(file), 0o755)
			err = syscall.Mkfifo(file, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, id
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// printed is an error as a command line prints it.
func printed(err error) string {
	var b strings.Builder
	for _, e := range joined(err) {
		b.WriteString("error: " + e.Error() + "\n")
		var at *Error
		if errors.As(e, &at) && at.Excerpt() != "" {
			b.WriteString(at.Excerpt() + "\n")
		}
		if hint := ui.HintOf(e); hint != "" {
			b.WriteString("hint: " + hint + "\n")
		}
	}
	return b.String()
}

func joined(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}
