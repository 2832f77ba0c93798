package contents

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestMergeIsWhatTheKernelShows makes stacks of layers at random, with whiteouts, opaque directories and files in the
// place of directories, and holds the merged list against what overlayfs shows. It takes root, as making layers does.
func TestMergeIsWhatTheKernelShows(t *testing.T) {
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		var lower []string
		var layers []*Layer
		for i := range 3 {
			layer := filepath.Join(dir, fmt.Sprint(i))
			if err := os.Mkdir(layer, 0o755); err != nil {
				t.Fatal(err)
			}
			grow(t, r, layer, i, 0)
			l, err := Scan(context.Background(), layer)
			if err != nil {
				t.Fatal(err)
			}
			layers = append(layers, l)
			lower = append([]string{layer}, lower...)
		}
		var got []string
		for _, e := range Merge(layers).Entries {
			got = append(got, entryLine(e))
		}
		want := shown(t, dir, lower)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("seed %d: the kernel shows otherwise (-kernel +ours):\n%s", seed, d)
		}
	}
}

// grow fills a folder of layer i. A file's text is the layer's number, so that it shows which layer it comes from.
func grow(t *testing.T, r *rand.Rand, dir string, i, depth int) {
	t.Helper()
	for _, name := range []string{"a", "a-b", "a.c", "b", "b c"} {
		path := filepath.Join(dir, name)
		var err error
		switch r.IntN(7) {
		case 0:
			err = os.WriteFile(path, []byte(fmt.Sprint(i)), 0o644)
		case 1:
			err = os.Symlink(fmt.Sprint(i), path)
		case 2:
			if i > 0 {
				err = unix.Mknod(path, unix.S_IFCHR, 0)
			}
		case 3, 4, 5:
			if depth == 3 {
				break
			}
			if err = os.Mkdir(path, 0o755); err == nil && i > 0 && r.IntN(3) == 0 {
				err = unix.Lsetxattr(path, "trusted.overlay.opaque", []byte("y"), 0)
			}
			grow(t, r, path, i, depth+1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// shown mounts the layers in a namespace of its own and lists what is there.
func shown(t *testing.T, dir string, lower []string) []string {
	t.Helper()
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--mount", "sh", "-ec", `
mount -t overlay layers -o "lowerdir=$1" "$2"
cd "$2"
find . -mindepth 1 -printf '%P\n' | while IFS= read -r p; do
  if [ -L "$p" ]; then echo "/$p L $(readlink "$p") $(readlink "$p")"
  elif [ -d "$p" ]; then echo "/$p d"
  elif [ -e "$p" ]; then echo "/$p - $(cat "$p")" # a whiteout over nothing is listed, but isn't there
  fi
done`, "sh", strings.Join(lower, ":"), root)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("mounting layers (this takes root): %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	return lines
}

// entryLine says of an entry what the script says of a path. A merged directory is of several layers.
func entryLine(e Placed) string {
	kind := e.Mode.Type().String()[:1]
	switch {
	case e.Mode.IsDir():
		return e.Path + " d"
	case e.Target != "":
		return fmt.Sprintf("%s %s %d %s", e.Path, kind, e.Layer, e.Target)
	}
	return fmt.Sprintf("%s %s %d", e.Path, kind, e.Layer)
}

func sortEntries(l *Layer) {
	slices.SortFunc(l.Entries, func(a, b Entry) int { return order(a.Path, b.Path) })
}
