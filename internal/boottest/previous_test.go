package boottest

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKeepPrevious(t *testing.T) {
	const now, before = `{"iso": "x.iso", "sha256": "aa"}`, `{"name": "bios-cd", "sha256": "bb"}`
	tests := map[string]struct {
		build, result string
		kept          bool
	}{
		"of another medium":   {now, before, true},
		"of the same medium":  {now, `{"name": "bios-cd", "sha256": "aa"}`, false},
		"of a foreign medium": {"", before, false},
		"cut short":           {now, `{"name": "bios-`, false},
		"none":                {now, "", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for path, text := range map[string]string{"build.json": test.build, "boots/bios-cd/result.json": test.result} {
				if text == "" {
					continue
				}
				path = filepath.Join(folder, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := keepPrevious(folder, "bios-cd"); err != nil {
				t.Fatal(err)
			}
			kept, err := os.ReadFile(filepath.Join(folder, "previous/boots/bios-cd/result.json"))
			if (err == nil) != test.kept || test.kept && string(kept) != before {
				t.Errorf("kept %q, %v", kept, err)
			}
		})
	}
}
