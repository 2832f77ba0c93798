// Package sticktest makes sticks to write to: good ones, and such that break off, lie about their size, or don't keep what
// they are given.
//
// Each is a loop device. A good one lies on a sparse file; what a bad one does, a program of ours decides for each block: the file
// below the loop device is answered for by the test itself, through FUSE. (Device-mapper could do most of it, but not every
// kernel has it, and none of its targets forgets or pretends.)
//
// Nothing stays behind: a loop device goes with its last user, the file below is unmounted as soon as it is open, and the
// kernel closes both when the test ends, however it ends.
package sticktest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A Stick is a loop device that is there as long as the test.
type Stick struct {
	Path      string // /dev/loop7
	SizeBytes int64  // that it says it has
	file      *os.File
	loop      *os.File
}

// New returns a stick that works, and has random bytes on it: what was there before is never a row of zeros.
func New(t testing.TB, size int64) *Stick { return Faulty(t, size, nil) }

// Faulty returns a stick that does what flash makes of it; nil is a good one.
func Faulty(t testing.TB, size int64, flash func(Flash) Flash) *Stick {
	t.Helper()
	name := filepath.Join(t.TempDir(), "flash")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	s := &Stick{SizeBytes: size, file: file}
	if err := errors.Join(file.Truncate(size), scribble(file, size)); err != nil {
		t.Fatal(err)
	}
	below := file
	if flash != nil {
		below = serve(t, flash(file), size)
	}
	if s.loop, err = attach(below); err != nil {
		t.Fatal(err)
	}
	s.Path = s.loop.Name()
	t.Cleanup(func() { s.loop.Close() })
	return s
}

// scribble fills the beginning, the end, and a place in each MiB, so that a file of many GiB stays small.
func scribble(file *os.File, size int64) error {
	source := rand.New(rand.NewPCG(1, uint64(size))) //nolint:gosec // nothing is kept secret by it
	buf := make([]byte, 8192)
	var errs error
	for at := int64(0); at < size; at += 1 << 20 {
		for i := range buf {
			buf[i] = byte(1 + source.IntN(255))
		}
		n := min(int64(len(buf)), size-at)
		_, err := file.WriteAt(buf[:n], at)
		_, err2 := file.WriteAt(buf[:n], size-n)
		errs = errors.Join(errs, err, err2)
	}
	return errs
}

// Blocks makes the stick one of blocks of that many bytes; they have 512 else.
func (s *Stick) Blocks(t testing.TB, bytes int) {
	t.Helper()
	if err := unix.IoctlSetInt(int(s.loop.Fd()), unix.LOOP_SET_BLOCK_SIZE, bytes); err != nil {
		t.Fatal(err)
	}
}

// Bytes are n bytes of the flash itself, which for a bad stick isn't what it shows.
func (s *Stick) Bytes(t testing.TB, offset, n int64) []byte {
	t.Helper()
	_ = s.loop.Sync() // what somebody has written, and not flushed; a stick that broke off can't
	buf := make([]byte, n)
	if _, err := s.file.ReadAt(buf, offset); err != nil {
		t.Fatal(err)
	}
	return buf
}

// attach makes a loop device of a file, which is free again as soon as nobody has it open.
func attach(file *os.File) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for range 64 { // another program may take the free one between the two calls
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("finding a free loop device: %w", err)
		}
		path := fmt.Sprintf("/dev/loop%d", n)
		if err := unix.Mknod(path, unix.S_IFBLK|0o660, int(unix.Mkdev(7, uint32(n)))); err != nil && !os.IsExist(err) {
			return nil, err
		}
		loop, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		config := unix.LoopConfig{Fd: uint32(file.Fd())}
		config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_PARTSCAN
		err = unix.IoctlLoopConfigure(int(loop.Fd()), &config)
		if err == nil {
			return loop, nil
		}
		loop.Close()
		if !errors.Is(err, unix.EBUSY) {
			return nil, fmt.Errorf("attaching a loop device: %w", err)
		}
	}
	return nil, errors.New("no loop device stays free for long enough")
}
