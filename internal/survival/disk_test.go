//go:build boot

package survival

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/image/store"
)

// disk makes an ext4 file system in a file of the trial's and mounts it. It goes with the trial; the namespace that it is
// mounted in goes with the tests.
func (c *trial) disk(name string, size int64, options ...string) (dir string) {
	c.t.Helper()
	image, dir := filepath.Join(c.dir, diskImage+name), filepath.Join(c.dir, name)
	c.run("truncate", "--size", strconv.FormatInt(size, 10), image)
	c.run(append([]string{"mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal"}, append(options, image)...)...)
	c.run("mkdir", dir)
	c.run("mount", "-o", "loop", image, dir)
	c.t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			c.t.Error(err)
		}
	})
	return dir
}

// storeOn moves the trial's store to a disk.
func (c *trial) storeOn(disk string) {
	c.t.Helper()
	c.run("cp", "-a", c.store, disk+"/store")
	c.run("rm", "-rf", c.store)
	c.store = disk + "/store"
}

// fill leaves so many bytes free on a disk, in one file that it returns.
func (c *trial) fill(disk string, free int64) (filler string) {
	c.t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(disk, &s); err != nil {
		c.t.Fatal(err)
	}
	const close = 4 << 20 // ext4 takes some blocks for its own
	filler = disk + "/filler"
	c.run("fallocate", "--length", strconv.FormatInt(int64(s.Bavail)*s.Bsize-close, 10), filler)
	f, err := os.OpenFile(filler, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, s.Bsize))
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Truncate(info.Size()-free)); err != nil {
		c.t.Fatal(err)
	}
	return filler
}

// TestStoreIsFull fills the store's file system so that a build runs out of room sooner or later.
func TestStoreIsFull(t *testing.T) {
	c := newTrial(t, "")
	disk := c.disk("full", 1200<<20)
	c.storeOn(disk)
	words := []string{"the file system of " + c.store + " has too little room left (", "hint: make room there (nhos store gc removes what is old), or name another folder with --store"}
	for _, free := range []int64{8 << 10, 300 << 10, 1 << 20, 2 << 20, 4 << 20} {
		t.Run(fmt.Sprintf("with %d KiB left", free>>10), func(t *testing.T) {
			c.t = t
			c.run("rm", "-rf", c.store+"/apt")
			c.forget(seed.keys["ward"]["respin"])
			filler := c.fill(disk, free)
			defer os.Remove(filler)
			c.fails(words, "build", "ward")
			c.kept("plain", finished...)
		})
	}
	c.t = t
	c.built("ward")

	t.Run("while the base is made", func(t *testing.T) {
		c.t = t
		c.forget(seed.keys["plain"]["base"])
		filler := c.fill(disk, 60<<20)
		defer os.Remove(filler)
		c.fails(append(words, "making layer base of plain: "), "build", "plain")
		c.kept("plain", "packages", "configuration", "boot")
	})
	t.Run("while packages come", func(t *testing.T) {
		c.t = t
		const kernel = "linux-image-6."
		for _, p := range seed.lock.Packages {
			if len(p.Name) > len(kernel) && p.Name[:len(kernel)] == kernel {
				os.Remove(blobPath(c.store, store.Digest(p.SHA256)))
			}
		}
		filler := c.fill(disk, 30<<20)
		defer os.Remove(filler)
		c.fails(append(words, "fetching package "+kernel), "build", "plain")
	})
}

// TestOutputIsFull has no room for the medium. The old one stays.
func TestOutputIsFull(t *testing.T) {
	c := newTrial(t, "")
	c.out = c.disk("full", 100<<20)
	older := c.older("ward")
	c.fails([]string{
		"the file system of " + c.out + "/ward has too little room left (", "hint: make room there, or name another folder with --out",
	}, "build", "ward")
	if c.digest("ward") != older {
		t.Error("the old medium is gone")
	}
	c.kept("ward", append(finished, "respin")...)
	c.out = c.dir + "/elsewhere"
	c.built("ward")
}

// TestInodesRunOut fills the inode table of the store's file system.
func TestInodesRunOut(t *testing.T) {
	c := newTrial(t, "")
	const inodes = 2048
	disk := c.disk("few", 1200<<20, "-N", strconv.Itoa(inodes))
	c.storeOn(disk)
	for _, left := range []int{0, 6, 12} {
		t.Run(fmt.Sprintf("with %d left", left), func(t *testing.T) {
			c.t = t
			c.run("rm", "-rf", c.store+"/apt", disk+"/many")
			c.forget(seed.keys["ward"]["respin"])
			c.run("mkdir", disk+"/many")
			for i := 0; ; i++ {
				var s unix.Statfs_t
				if err := unix.Statfs(disk, &s); err != nil {
					t.Fatal(err)
				}
				if s.Ffree <= uint64(left) {
					break
				}
				if err := syscall.Mknod(fmt.Sprintf("%s/many/%d", disk, i), syscall.S_IFREG, 0); err != nil {
					t.Fatal(err)
				}
			}
			c.fails([]string{"the file system of " + c.store + " has too few inodes left (", "hint: make room there"}, "build", "ward")
			c.kept("plain", finished...)
		})
	}
	c.t = t
	c.run("rm", "-rf", disk+"/many")
	c.built("ward")
}

// TestReadOnlyStore has its store on a disk that can't be written to.
func TestReadOnlyStore(t *testing.T) {
	c := newTrial(t, "")
	disk := c.disk("readonly", 1200<<20)
	c.storeOn(disk)
	remount := func(how string) { c.run("mount", "-o", "remount,"+how, disk) }
	remount("ro")
	c.fails([]string{"making layers: writing to the store " + c.store + ": read-only file system", "hint: --store names another folder"}, "build", "ward")
	for _, command := range []string{"show", "plan"} {
		if said, code := c.call(command, "ward"); code != 0 {
			t.Errorf("nhos %s: exit code %d:\n%s", command, code, said)
		}
	}
	c.clean()
	c.built("plain") // all of it is there
	remount("rw")
	c.built("ward")
}
