package store

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

func TestVerifyRemovesAndNamesWhatIsDamaged(t *testing.T) {
	s := open(t)
	layer, other, pkg, good := put(t, s, "a layer"), put(t, s, "another layer"), put(t, s, "a package"), put(t, s, "all right")
	hit := step(t, s, "layer base of mini", 1, layer)
	cut := step(t, s, "layer packages of mini", 1, other)
	whole := step(t, s, "layer base of desktop", 1, good)
	overwrite(t, s.blobPath(layer.Digest), "a lAyer")
	overwrite(t, s.blobPath(pkg.Digest), "a pack")
	overwrite(t, s.actionPath(cut), "{")

	var read atomic.Int64
	v, err := s.Verify(t.Context(), func(n int64) { read.Add(n) })
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for _, d := range v.Damaged {
		said.WriteString(d.What + ": " + d.Why + "\n")
		if _, err := os.Stat(d.File); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", d.File, err)
		}
	}
	for _, want := range []string{
		"layer base of mini: its SHA-256 is ", "layer base of mini: its output 0 isn't in the store\n",
		"package " + pkg.Digest.Short() + ": its SHA-256 is ", "the note of a step: it can't be read\n",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it doesn't say %q:\n%s", want, said.String())
		}
	}
	if len(v.Damaged) != 4 || v.Blobs != 4 || read.Load() != v.Size {
		t.Errorf("%d damaged, %d blobs, read %d bytes of %d", len(v.Damaged), v.Blobs, read.Load(), v.Size)
	}
	if _, err := s.readAction(hit); err == nil {
		t.Error("the step of a damaged layer is still a hit")
	}
	if _, err := s.readAction(whole); err != nil {
		t.Error(err)
	}
	if v, err := s.Verify(t.Context(), func(int64) {}); err != nil || len(v.Damaged) > 0 {
		t.Errorf("a second time: %+v, %v", v, err)
	}
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
