package compare

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzReadMedium damages a medium: patch is written over its bytes from at on.
func FuzzReadMedium(f *testing.F) {
	layer := filepath.Join(f.TempDir(), "layer")
	if err := os.WriteFile(layer, []byte("hsqs"), 0o644); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(burn(f, lay(f, tree1), layer, "-no-pad", "-b", "boot/grub/eltorito.img", "-no-emul-boot"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte{})
	for at := firstDescriptor * sector; at < len(whole); at += sector { // descriptors, path tables, folders, files
		f.Add(uint32(at), []byte("\xff\xff\xff\x7f"))
		f.Add(uint32(at+156), []byte("\x22\x00\x12\x00\x00\x00")) // where a descriptor has the root's record
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		medium := append([]byte(nil), whole...)
		copy(medium[int(at)%len(medium):], patch)
		path := filepath.Join(t.TempDir(), "medium.iso")
		if err := os.WriteFile(path, medium, 0o644); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		m, err := readMedium(ctx, file)
		if ctx.Err() != nil {
			t.Fatal("it takes for ever")
		}
		if err == nil && len(m.tree) > len(whole)/34 { // a record has 34 bytes
			t.Errorf("%d files on %d bytes", len(m.tree), len(whole))
		}
		_, _ = readRecords(file)
	})
}
