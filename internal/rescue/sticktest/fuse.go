package sticktest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What the kernel asks (linux/fuse.h, version 7.31). All else is answered with ENOSYS, FLUSH too: see [open].
const (
	opGetattr = 3
	opSetattr = 4
	opOpen    = 14
	opRead    = 15
	opWrite   = 16
	opRelease = 18
	opFsync   = 20
	opInit    = 26
	opDestroy = 38

	opForget      = 2 // these three want no answer
	opInterrupt   = 36
	opBatchForget = 42
)

const (
	headIn    = 40 // length of a request's head, of an answer's, and of the head of READ and WRITE
	headOut   = 16
	headIO    = 40
	mostBytes = 1 << 20

	maxPages     = 1 << 22 // a flag of INIT: requests may be longer than 32 pages
	bigWrites    = 1 << 5
	uncached     = 1 // a flag of OPEN
	attributes   = 104
	serverRights = 0o600
)

// A server answers for one file of a fixed size. The root of its file system is that file.
type server struct {
	flash Flash
	size  int64
	fd    int
}

// serve returns a file whose bytes flash gives and takes.
func serve(t testing.TB, flash Flash, size int64) *os.File {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("opening /dev/fuse: %v", err)
	}
	point := filepath.Join(t.TempDir(), "answered-for")
	if err := os.WriteFile(point, nil, serverRights); err != nil {
		t.Fatal(err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=%o,user_id=0,group_id=0", fd, unix.S_IFREG|serverRights)
	if err := unix.Mount("sticktest", point, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		t.Fatalf("mounting a file of our own: %v", err)
	}
	s := &server{flash: flash, size: size, fd: fd}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.loop()
	}()
	opened, err := open(point)
	file := os.NewFile(uintptr(opened), point)
	// It stays as long as it is open, and is in nobody's way.
	if err := errors.Join(err, unix.Unmount(point, unix.MNT_DETACH)); err != nil {
		unix.Close(fd)
		t.Fatalf("opening a file of our own: %v", err)
	}
	t.Cleanup(func() {
		file.Close()
		select {
		case <-done:
			unix.Close(fd)
		case <-time.After(10 * time.Second):
			t.Error("somebody keeps a stick of this test open")
		}
	})
	return file
}

// open opens the file, so that from then on nothing in this process waits for the server in a way that stops it.
//
// os.OpenFile would ask epoll about the file, and that stops the scheduler until the server answers. So does starting a
// program: until the child has closed what it doesn't inherit, its parent's garbage collector stands still, and with it
// perhaps the server; and a close waits for an answer to FLUSH. That one is never asked for again after the first was
// answered with ENOSYS, so the first is provoked while no program can be started.
func open(point string) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	first, err := unix.Open(point, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Close(first); err != nil {
		return -1, err
	}
	return unix.Open(point, unix.O_RDWR|unix.O_CLOEXEC, 0)
}

// loop answers until the kernel has no more use for the file.
func (s *server) loop() {
	buf := make([]byte, mostBytes+64<<10)
	for {
		n, err := unix.Read(s.fd, buf)
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOENT):
			continue
		case err != nil || n < headIn: // ENODEV: it was unmounted
			return
		}
		request := buf[:n]
		op, id := binary.NativeEndian.Uint32(request[4:]), binary.NativeEndian.Uint64(request[8:])
		if op == opForget || op == opBatchForget || op == opInterrupt {
			continue
		}
		answer, err := s.answer(op, request[headIn:])
		errno := unix.Errno(0)
		if err != nil {
			answer = nil
			if !errors.As(err, &errno) {
				errno = unix.EIO
			}
		}
		out := make([]byte, headOut, headOut+len(answer))
		binary.NativeEndian.PutUint32(out, uint32(headOut+len(answer)))
		binary.NativeEndian.PutUint32(out[4:], uint32(-int32(errno)))
		binary.NativeEndian.PutUint64(out[8:], id)
		_, _ = unix.Write(s.fd, append(out, answer...))
	}
}

func (s *server) answer(op uint32, in []byte) ([]byte, error) {
	put32, put64 := binary.NativeEndian.PutUint32, binary.NativeEndian.PutUint64
	switch op {
	case opInit:
		out := make([]byte, 64)
		put32(out, 7)
		put32(out[4:], 31)
		put32(out[12:], bigWrites|maxPages)
		put32(out[20:], mostBytes)
		put32(out[24:], 1) // nanoseconds
		binary.NativeEndian.PutUint16(out[28:], mostBytes/4096)
		return out, nil
	case opGetattr, opSetattr:
		out := make([]byte, attributes)
		attr := out[16:]
		put64(attr, 1)
		put64(attr[8:], uint64(s.size))
		put64(attr[16:], uint64(s.size/512))
		put32(attr[60:], unix.S_IFREG|serverRights)
		put32(attr[64:], 1)
		put32(attr[80:], 4096)
		return out, nil
	case opOpen:
		out := make([]byte, 16)
		put32(out[8:], uncached)
		return out, nil
	case opRead:
		off, n := int64(binary.NativeEndian.Uint64(in[8:])), int64(binary.NativeEndian.Uint32(in[16:]))
		out := make([]byte, max(0, min(n, s.size-off)))
		_, err := s.flash.ReadAt(out, off)
		return out, err
	case opWrite:
		off, n := int64(binary.NativeEndian.Uint64(in[8:])), int(binary.NativeEndian.Uint32(in[16:]))
		if _, err := s.flash.WriteAt(in[headIO:headIO+n], off); err != nil {
			return nil, err
		}
		out := make([]byte, 8)
		put32(out, uint32(n))
		return out, nil
	case opFsync, opRelease, opDestroy:
		return nil, nil
	}
	return nil, unix.ENOSYS
}
