package build

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"time"
)

// digestGrowing returns the SHA-256, in hexadecimal digits, of a file that another process writes from its first byte to
// its last. It reads what is there already, which is still in memory, and is done soon after written is closed.
func digestGrowing(path string, written <-chan struct{}) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h, buffer := sha256.New(), make([]byte, 1<<20)
	for whole := false; ; {
		if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, buffer); err != nil {
			return "", err
		}
		if whole {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		select {
		case <-written:
			whole = true
		case <-time.After(5 * time.Millisecond):
		}
	}
}
