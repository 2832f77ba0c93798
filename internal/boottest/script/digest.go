package script

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// digest computes the script's, of its own text and of every file that a step names, in their order.
func (s *Script) digest(text []byte) error {
	h := sha256.New()
	h.Write(text)
	for _, step := range s.Steps {
		path := step.File
		if step.verb.takes.decode != nil && (step.Verb == "insert" || step.Verb == "compare") {
			path = step.Value
		}
		if path == "" {
			continue
		}
		sum, err := FileDigest(path)
		if err != nil {
			return fmt.Errorf("reading what line %d of %s names: %w", step.Line, s.File, err)
		}
		fmt.Fprintf(h, "\x00%d %s", step.Line, sum)
	}
	s.Digest = hex.EncodeToString(h.Sum(nil))
	return nil
}

// FileDigest is the SHA-256 of a file, in hexadecimal.
func FileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
