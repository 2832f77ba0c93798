package scenario

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"nhos.org/nhos/internal/boottest/vm/vmtest"
)

// FuzzReadManifest damages a medium: patch is written over its bytes from at on.
func FuzzReadManifest(f *testing.F) {
	whole, err := os.ReadFile(vmtest.Medium(f, nil, map[string]string{
		".disk/nhos.json": `{"version": 1, "product": "A Product", "checks": [{"id": "a/b"}]}`, "live/vmlinuz": "a kernel",
	}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte{})
	for at := 16 * 2048; at < 40*2048; at += 2048 { // descriptors, path tables, folders, files
		f.Add(uint32(at), []byte("\xff\xff\xff\x7f"))
		f.Add(uint32(at+156), []byte("\x22\x00\x12\x00\x00\x00")) // where a descriptor has the root's record
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		medium := append([]byte(nil), whole...)
		copy(medium[int(at)%len(medium):], patch)
		dir := t.TempDir()
		path := filepath.Join(dir, "medium.iso")
		if err := os.WriteFile(path, medium, 0o644); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, _ = ReadManifest(path)
		_, _ = copyKernel(path, filepath.Join(dir, "kernel"))
		if time.Since(began) > 10*time.Second {
			t.Error("it takes for ever")
		}
	})
}
