package rootfs

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mountSquashfs mounts file read-only on dir. The loop device is the kernel's to free: it goes when the last mount of
// it does.
func mountSquashfs(file, dir string) error {
	backing, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("mounting a layer: %w", err)
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("mounting a layer: %w", err)
	}
	defer control.Close()
	// Another process may take the free device between the two calls; then the next one is asked for.
	for range 64 {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return fmt.Errorf("finding a free loop device: %w", err)
		}
		path := fmt.Sprintf("/dev/loop%d", n)
		loop, err := openLoop(path, n)
		if err != nil {
			return fmt.Errorf("mounting a layer: %w", err)
		}
		config := unix.LoopConfig{Fd: uint32(backing.Fd())}
		config.Info.Flags = unix.LO_FLAGS_READ_ONLY | unix.LO_FLAGS_AUTOCLEAR
		err = unix.IoctlLoopConfigure(int(loop.Fd()), &config)
		if errors.Is(err, unix.EBUSY) {
			loop.Close()
			continue
		}
		if err == nil {
			err = unix.Mount(path, dir, "squashfs", unix.MS_RDONLY, "")
		}
		loop.Close()
		if err != nil {
			return fmt.Errorf("mounting layer %s: %w", file, err)
		}
		return nil
	}
	return fmt.Errorf("mounting a layer: no loop device stays free for long enough")
}

// openLoop opens a loop device, and makes its node where nothing else does (a container without udev).
func openLoop(path string, n int) (*os.File, error) {
	loop, err := os.OpenFile(path, os.O_RDWR, 0)
	if os.IsNotExist(err) {
		if err := unix.Mknod(path, unix.S_IFBLK|0o660, int(unix.Mkdev(7, uint32(n)))); err != nil && !os.IsExist(err) {
			return nil, err
		}
		return os.OpenFile(path, os.O_RDWR, 0)
	}
	return loop, err
}
