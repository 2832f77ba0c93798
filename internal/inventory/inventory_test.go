package inventory

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadsBackWhatWasWritten(t *testing.T) {
	files := []File{
		{Path: "/etc", Mode: fs.ModeDir | 0o755, Layer: "base"},
		{Path: `/etc/a "b"` + "\n", Mode: 0o644, Size: 1, SHA256: "00", Package: "tea", Layer: "base"},
		{Path: "/link", Mode: fs.ModeSymlink | 0o777, Target: "/etc", Layer: "base"},
	}
	for n := range len(files) + 1 {
		v := &Inventory{
			Image: "desk", Product: "The ]} Desk", Packages: []Package{{Name: "tea", Size: 1}}, Parts: []Part{{Name: "base x"}},
			Layers: []Layer{{Name: "base", Size: 2}}, Files: files[:n],
		}
		path := filepath.Join(t.TempDir(), "desk.inventory.json.gz")
		if err := v.Write(path); err != nil {
			t.Fatal(err)
		}
		first, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v, got); d != "" {
			t.Errorf("%d files (-written +read):\n%s", n, d)
		}
		if err := v.Write(path); err != nil {
			t.Fatal(err)
		}
		if again, err := os.ReadFile(path); err != nil || string(again) != string(first) {
			t.Errorf("the same inventory gave other bytes (%v)", err)
		}
	}
}

func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x")
	if err := (&Inventory{Files: []File{{Path: "/"}}}).Write(path); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if v, err := Read(path); err == nil {
			v.Sizes(3)
		}
	})
}
