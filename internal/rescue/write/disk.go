package write

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/ui"
)

// A disk is a device that is open for us alone.
type disk struct {
	file   *os.File
	direct bool  // past the page cache
	block  int64 // bytes that are written at least
	size   int64 // in bytes
}

// openDisk opens a device so that nobody mounts it, or a partition of it, meanwhile, and makes sure that it is the one that
// was looked at.
//
// O_EXCL without O_CREAT is the kernel's way for block devices (open(2)): it refuses what is mounted in any namespace, is
// swapped to, or is a part of something else.
func openDisk(d device.Device) (*disk, error) {
	k, err := openWith(d, unix.O_DIRECT)
	if errors.Is(err, unix.EINVAL) { // its driver has no such way
		return openWith(d, 0)
	}
	return k, err
}

func openWith(d device.Device, direct int) (*disk, error) {
	k := &disk{direct: direct != 0}
	var err error
	k.file, err = os.OpenFile(d.Path, unix.O_RDWR|unix.O_EXCL|direct, 0)
	switch {
	case errors.Is(err, unix.EBUSY):
		return nil, ui.Hint(fmt.Errorf("it is in use: %w", err), "unmount it, and close what has it open; then try again")
	case errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM):
		return nil, ui.Hint(err, "writing to disks takes root: sudo nhos write …")
	case errors.Is(err, unix.EROFS):
		return nil, ui.Hint(err, "some sticks and cards have a switch on their side")
	case err != nil:
		return nil, err
	}
	if err := k.identify(d); err != nil {
		k.file.Close()
		return nil, err
	}
	return k, nil
}

// identify reads what kind of disk it is, and holds it against d.
func (k *disk) identify(d device.Device) error {
	fd := int(k.file.Fd())
	var node unix.Stat_t
	if err := unix.Fstat(fd, &node); err != nil {
		return err
	}
	number := fmt.Sprintf("%d:%d", unix.Major(node.Rdev), unix.Minor(node.Rdev))
	size, err := ioctl64(fd, unix.BLKGETSIZE64)
	if err != nil {
		return fmt.Errorf("asking for its size: %w", err)
	}
	sequence, err := ioctl64(fd, unix.BLKGETDISKSEQ)
	if err != nil {
		sequence = d.Sequence // a kernel that doesn't count
	}
	if node.Mode&unix.S_IFMT != unix.S_IFBLK || number != d.Number || int64(size) != d.SizeBytes || sequence != d.Sequence {
		return ui.Hint(errors.New("it isn't the disk any more that was looked at"), "look again: nhos write lists the disks")
	}
	block, err := unix.IoctlGetInt(fd, unix.BLKSSZGET)
	if err != nil {
		return fmt.Errorf("asking for the size of its blocks: %w", err)
	}
	k.size, k.block = int64(size), int64(block)
	return nil
}

func ioctl64(fd int, request uintptr) (uint64, error) {
	var value [8]byte
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&value))); errno != 0 {
		return 0, errno
	}
	return binary.NativeEndian.Uint64(value[:]), nil
}

// padded is n, made up to whole blocks.
func (k *disk) padded(n int64) int64 { return (n + k.block - 1) / k.block * k.block }

// write writes whole blocks from a buffer that [aligned] gave.
func (k *disk) write(buf []byte, offset int64) error {
	if _, err := k.file.WriteAt(buf, offset); err != nil {
		return fmt.Errorf("writing at byte %d: %w", offset, cause(err))
	}
	return nil
}

// read reads whole blocks: after a flush, from the device and not from what the kernel remembers of them.
func (k *disk) read(buf []byte, offset int64) error {
	if _, err := k.file.ReadAt(buf, offset); err != nil {
		return fmt.Errorf("reading at byte %d: %w", offset, cause(err))
	}
	return nil
}

// flush returns when the device says that it keeps what was written, and the kernel no longer does.
func (k *disk) flush() error {
	fd := int(k.file.Fd())
	if err := unix.Fdatasync(fd); err != nil {
		return fmt.Errorf("flushing: %w", err)
	}
	if !k.direct {
		if err := unix.IoctlSetInt(fd, unix.BLKFLSBUF, 0); err != nil {
			return fmt.Errorf("flushing: %w", err)
		}
	}
	return nil
}

// rereadTable has the kernel read the partition table. A kernel that won't does when the stick is next put in.
func (k *disk) rereadTable() { _ = unix.IoctlSetInt(int(k.file.Fd()), unix.BLKRRPART, 0) }

func (k *disk) close() error { return k.file.Close() }

// cause is err without the operation and the path, which the message says anyway.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// aligned is a buffer of n bytes that O_DIRECT takes: on a border of a page, which no device's blocks exceed.
func aligned(n int) []byte {
	page := os.Getpagesize()
	buf := make([]byte, n+page)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(buf))) % uintptr(page))
	return buf[skip : skip+n : skip+n]
}
