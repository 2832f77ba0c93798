package build

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestDigestGrowing digests a file that grows by pieces, is waited for, and is read to its end.
func TestDigestGrowing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "medium")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	written, sum := make(chan struct{}), make(chan string)
	go func() {
		s, err := digestGrowing(path, written)
		if err != nil {
			t.Error(err)
		}
		sum <- s
	}()
	h, random := sha256.New(), rand.NewChaCha8([32]byte{})
	piece := make([]byte, 300_001)
	for i := range 20 {
		_, _ = random.Read(piece)
		h.Write(piece)
		if _, err := f.Write(piece); err != nil {
			t.Fatal(err)
		}
		if i%7 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	select {
	case s := <-sum:
		t.Fatalf("digested before the file was whole: %s", s)
	case <-time.After(20 * time.Millisecond):
	}
	close(written)
	if got, want := <-sum, hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("%s, not %s", got, want)
	}
}
