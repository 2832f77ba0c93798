package scenario

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"nhos.org/nhos/internal/ui"
)

// digest returns the SHA-256 and the size of a file.
func digest(ctx context.Context, path string, progress ui.Progress) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, fmt.Errorf("reading the medium: %w", err)
	}
	defer func() { _ = f.Close() }()
	stat, err := f.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err != nil {
		return "", 0, fmt.Errorf("reading the medium %s: %w", path, err)
	}
	phase := progress.Begin("reading "+filepath.Base(path), stat.Size())
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		size += int64(n)
		phase.Add(int64(n))
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			err = fmt.Errorf("reading the medium %s: %w", path, err)
			phase.Fail(err)
			return "", 0, err
		}
	}
	sum = hex.EncodeToString(h.Sum(nil))
	phase.Done("sha256 " + sum[:12])
	return sum, size, nil
}

// makeISO writes a folder as an ISO 9660 image with a label.
func makeISO(ctx context.Context, dir, label, target string) error {
	path, err := exec.LookPath("xorriso")
	if err != nil {
		return ui.Hint(err, "install the package xorriso")
	}
	dir, err = filepath.Abs(dir)
	if err == nil {
		target, err = filepath.Abs(target)
	}
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, path, "-as", "mkisofs", "-quiet", "-R", "-V", label, "-o", target, dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("xorriso: %w: %s", err, lastLine(strings.ToValidUTF8(string(out), "?")))
	}
	return nil
}
