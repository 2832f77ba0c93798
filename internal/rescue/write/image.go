package write

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"nhos.org/nhos/internal/ui"
)

const (
	// headBytes is what is written last. It holds all that firmware and kernels look for first: MBR, GPT (34 blocks), and the
	// descriptors of ISO 9660, from byte 32768 on.
	headBytes = 1 << 20
	// pieceBytes is how much is read and written at a time. Flash is erased in blocks of some MiB: writes that begin and end on
	// their borders spare the stick from doing it twice.
	pieceBytes = 4 << 20
)

// A piece is a part of the image with the digest that it had when the image was first read.
type piece struct {
	offset, length int64 // in bytes
	digest         [sha256.Size]byte
}

// An Image is an ISO that was read once, whole. Whatever is read of it later has to be what it was then.
type Image struct {
	Path      string
	SizeBytes int64
	SHA256    string // in hex, of all of it
	file      *os.File
	pieces    []piece // the first one is the head, the others end on multiples of pieceBytes
}

// Open reads the ISO at path. want is the SHA-256 that it has to have, in hex, or "" if nobody knows. It has to be an ISO that a stick
// starts from; others are refused, because a stick with them on it would be of no use.
func Open(ctx context.Context, path, want string, progress ui.Progress) (*Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the image: %w", err)
	}
	i := &Image{Path: path, file: f}
	if err := i.load(ctx, progress); err != nil {
		f.Close()
		return nil, fmt.Errorf("reading the image %s: %w", path, err)
	}
	if want != "" && want != i.SHA256 {
		f.Close()
		return nil, ui.Hint(fmt.Errorf("%s is damaged: its SHA-256 is %s, and SHA256SUMS beside it says %s", path, i.SHA256, want),
			"copy or build it anew; no stick was written to")
	}
	return i, nil
}

func (i *Image) load(ctx context.Context, progress ui.Progress) error {
	about, err := i.file.Stat()
	if err != nil {
		return err
	}
	if !about.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	i.SizeBytes = about.Size()
	if err := i.bootable(); err != nil {
		return err
	}
	phase := progress.Begin("reading "+filepath.Base(i.Path), i.SizeBytes)
	whole, buf := sha256.New(), make([]byte, pieceBytes)
	for at := int64(0); at < i.SizeBytes; {
		if err := ctx.Err(); err != nil {
			phase.Fail(err)
			return err
		}
		end := min(i.SizeBytes, at-at%pieceBytes+pieceBytes)
		if at == 0 {
			end = min(i.SizeBytes, headBytes)
		}
		part := buf[:end-at]
		if _, err := i.file.ReadAt(part, at); err != nil {
			phase.Fail(err)
			return err
		}
		whole.Write(part)
		i.pieces = append(i.pieces, piece{at, end - at, sha256.Sum256(part)})
		phase.Add(end - at)
		at = end
	}
	i.SHA256 = hex.EncodeToString(whole.Sum(nil))
	phase.Done("")
	return nil
}

// bootable looks for what a hybrid ISO has: a boot record with its signature, and a volume descriptor (ECMA-119, 8.1).
func (i *Image) bootable() error {
	var record [512]byte
	var descriptor [6]byte
	_, err := i.file.ReadAt(record[:], 0)
	if err == nil {
		_, err = i.file.ReadAt(descriptor[:], 16*2048)
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case err != nil || string(descriptor[:]) != "\x01CD001":
		return errors.New("it is not an ISO")
	case record[510] != 0x55 || record[511] != 0xaa:
		return errors.New("it is an ISO for CDs alone: it has no boot record, and no computer would start from a stick with it")
	}
	return nil
}

// Close closes the file.
func (i *Image) Close() error { return i.file.Close() }

func (i *Image) head() piece   { return i.pieces[0] }
func (i *Image) body() []piece { return i.pieces[1:] }

// read reads a piece into buf, which may be longer.
func (i *Image) read(p piece, buf []byte) error {
	if _, err := i.file.ReadAt(buf[:p.length], p.offset); err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	if sha256.Sum256(buf[:p.length]) != p.digest {
		return fmt.Errorf("%s was altered while it was being written", i.Path)
	}
	return nil
}
