// Package device knows the disks of a machine: what they are, what is on them, and which of them may be written over.
//
// What a disk is comes from sysfs, which the kernel keeps and anybody may read. What is on it comes from udev's records, which
// need no root and wake no disk; where udev keeps none (a container, a small rescue system), blkid looks at the disk itself.
// lsblk knows both, too, but its columns depend on its version, and it doesn't say from where it has what it says.
package device

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/ui"
)

// A Device is a whole disk as the machine knew it when it was looked at.
type Device struct {
	Name      string  `json:"name"` // the kernel's: sdb
	Path      string  `json:"path"` // of its node: /dev/sdb
	Model     string  `json:"model,omitempty"`
	Serial    string  `json:"serial,omitempty"`
	Bus       string  `json:"bus,omitempty"` // usb, ata, nvme, mmc, virtio, scsi, firewire
	SizeBytes int64   `json:"size"`
	Removable bool    `json:"removable"` // its medium can be taken out: a stick, a card
	ReadOnly  bool    `json:"read_only"`
	Content   Content `json:"content"`
	Parts     []Part  `json:"partitions,omitempty"`
	Use       Use     `json:"use"`
	Refused   string  `json:"refused,omitempty"` // why it would be, or ""

	// Number is the kernel's, "8:16", and Sequence the count of disks up to this one since the start (0: the kernel, older than
	// 5.15, tells none). A stick that takes another one's place gets its name and number, but not its sequence.
	Number   string `json:"-"`
	Sequence uint64 `json:"-"`

	virtual bool // no hardware is behind it: loop, dm, md, zram
	optical bool
}

// A Part is a partition, as the kernel read it from the table.
type Part struct {
	Name       string  `json:"name"`
	StartBytes int64   `json:"start"`
	SizeBytes  int64   `json:"size"`
	Content    Content `json:"content"`
	number     string
}

// A Use is who uses a disk, or a partition of it, or what is made of it.
type Use struct {
	Mounts  []string `json:"mounts,omitempty"`  // mount points
	Swap    []string `json:"swap,omitempty"`    // names of what is swapped to
	Holders []string `json:"holders,omitempty"` // devices that are made of it: LVM, RAID, opened LUKS
}

// None says that nobody uses it.
func (u Use) None() bool { return len(u.Mounts)+len(u.Swap)+len(u.Holders) == 0 }

// String is the use in words: "mounted on /home, swap".
func (u Use) String() string {
	var words []string
	for _, m := range u.Mounts {
		words = append(words, "mounted on "+m)
	}
	for _, s := range u.Swap {
		words = append(words, "swapped to as "+s)
	}
	for _, h := range u.Holders {
		words = append(words, "held by "+h)
	}
	return strings.Join(words, ", ")
}

// String is the device as a message names it: "/dev/sdb (SanDisk Ultra, 31.0 GB)".
func (d Device) String() string {
	about := ui.Bytes(d.SizeBytes)
	if d.Model != "" {
		about = d.Model + ", " + about
	}
	return d.Path + " (" + about + ")"
}

// A Machine is where to look: the mount points of the kernel's file systems, and the folder of udev's records.
type Machine struct{ Sys, Proc, Run, Dev string }

// This is the machine that the program runs on.
func This() Machine { return Machine{Sys: "/sys", Proc: "/proc", Run: "/run", Dev: "/dev"} }

// List returns the disks that have hardware behind them, by name. What can't be read of one is left empty.
func (m Machine) List() ([]Device, error) {
	all, err := m.scan()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(d Device) bool { return d.virtual })
	for i := range all {
		m.look(&all[i])
	}
	return all, nil
}

// ErrPartition is why a partition isn't found: a medium takes a whole disk.
var ErrPartition = errors.New("it is a partition, and a medium takes the whole disk")

// Find returns the disk whose node path is, or leads to (/dev/disk/by-id/…).
func (m Machine) Find(path string) (Device, error) {
	var node unix.Stat_t
	if err := unix.Stat(path, &node); err != nil {
		return Device{}, &os.PathError{Op: "looking for the disk", Path: path, Err: err}
	}
	if node.Mode&unix.S_IFMT != unix.S_IFBLK {
		return Device{}, ui.Hint(fmt.Errorf("%s is not a disk", path), "nhos write lists the disks that there are")
	}
	all, err := m.scan()
	if err != nil {
		return Device{}, err
	}
	number := numberOf(node.Rdev)
	for _, d := range all {
		if d.Number == number {
			m.look(&d)
			return d, nil
		}
		for _, p := range d.Parts {
			if p.number == number {
				return Device{}, ui.Hint(fmt.Errorf("%s: %w", path, ErrPartition), "name the disk: "+d.Path)
			}
		}
	}
	return Device{}, fmt.Errorf("%s: the kernel knows no disk %s", path, number)
}

// Present says whether d is still there, and not another one in its place.
func (m Machine) Present(d Device) bool {
	dir := filepath.Join(m.Sys, "block", d.Name)
	return text(dir, "dev") == d.Number && uint64(number(dir, "diskseq")) == d.Sequence
}

// look fills in what takes more than sysfs: content, use, and whether it would be refused.
func (m Machine) look(d *Device) {
	m.fillContent(d)
	d.Use = m.use(d)
	if err := d.Refusal(); err != nil {
		d.Refused = err.Error()
	}
}

func numberOf(rdev uint64) string { return fmt.Sprintf("%d:%d", unix.Major(rdev), unix.Minor(rdev)) }
