package rootfs

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownMounts is set to the process's number once it has mounts of its own; a child's number is another one.
const ownMounts = "NHOS_OWN_MOUNTS"

// OwnMounts gives this process mounts of its own: it starts the program anew, under the same process number and with
// the same arguments, where what is mounted from now on is seen by this process and its children alone, and goes with
// the last of them however it ends. Called in a process that has them already, it returns at once.
//
// Without root, or where the kernel doesn't allow it, the process goes on as it was, and [Memory] gives nothing.
func OwnMounts() error {
	if haveOwnMounts() || os.Geteuid() != 0 {
		return nil
	}
	// The new mounts are this thread's; exec makes it the only one.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return nil
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("keeping mounts to this process: %w", err)
	}
	env := append(os.Environ(), ownMounts+"="+strconv.Itoa(os.Getpid()))
	if err := syscall.Exec("/proc/self/exe", os.Args, env); err != nil {
		return fmt.Errorf("starting the program anew with mounts of its own: %w", err)
	}
	return nil
}

func haveOwnMounts() bool { return os.Getenv(ownMounts) == strconv.Itoa(os.Getpid()) }

// A Room is a folder in memory for a step to work in. It takes files many times as fast as a disk does.
type Room struct {
	Dir  string
	size uint64 // bytes
}

// Memory makes dir, an empty folder, a room that takes up to size bytes. It gives nil where this process's mounts
// aren't its own ([OwnMounts]), since what it mounts then might be left behind.
func Memory(dir string, size int64) (*Room, error) {
	if !haveOwnMounts() {
		return nil, nil
	}
	if err := unix.Mount("nhos", dir, "tmpfs", 0, fmt.Sprintf("mode=0755,nr_inodes=0,size=%d", size)); err != nil {
		return nil, fmt.Errorf("making room in memory at %s: %w", dir, err)
	}
	return &Room{Dir: dir, size: uint64(size)}, nil
}

// Full says whether so little is free that a step may have failed for it.
func (r *Room) Full() bool {
	var s unix.Statfs_t
	if err := unix.Statfs(r.Dir, &s); err != nil {
		return false
	}
	return s.Bavail*uint64(s.Bsize) < r.size/64
}

// Close gives the memory back.
func (r *Room) Close() error {
	if err := unix.Unmount(r.Dir, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("giving back the room in memory at %s: %w", r.Dir, err)
	}
	return nil
}
