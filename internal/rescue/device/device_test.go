package device_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/rescue/sticktest"
	"nhos.org/nhos/internal/ui"
)

const (
	mib = 1 << 20
	gb  = 1_000_000_000
)

var (
	flash    = sticktest.Hardware{Bus: "usb", Vendor: "SanDisk", Model: "Ultra", Serial: "4C53", Removable: true}
	external = sticktest.Hardware{Bus: "usb", Vendor: "WD", Model: "Elements", Serial: "WX12"}
	internal = sticktest.Hardware{Bus: "ata", Vendor: "ATA", Model: "INTEL SSDSC2KB", Serial: "BTYF83"}
)

// Facts of sysfs and of udev, as a table shows them.
func TestList(t *testing.T) {
	m := sticktest.NewMachine(t, t.TempDir())
	m.Add(t, "sda", "8:0", "3", 480*gb, internal)
	m.Part(t, "sda", 1, "8:1", mib, 512*mib)
	m.Part(t, "sda", 2, "8:2", 513*mib, 400*gb)
	m.Add(t, "sdaa", "65:160", "9", 4*gb, external)
	m.Add(t, "sdb", "8:16", "8", 31*gb, flash)
	m.Put(t, filepath.Join(m.Run, "udev/data/b8:0"), "I:1\nE:ID_PART_TABLE_TYPE=gpt\n")
	m.Put(t, filepath.Join(m.Run, "udev/data/b8:1"), "E:ID_FS_TYPE=vfat\nE:ID_FS_LABEL=EFI\n")
	m.Put(t, filepath.Join(m.Run, "udev/data/b8:2"), "E:ID_FS_TYPE=LVM2_member\n")
	m.Put(t, filepath.Join(m.Run, "udev/data/b8:16"), "E:ID_FS_TYPE=vfat\nE:ID_FS_LABEL=MY_PHOTOS\nE:ID_FS_LABEL_ENC=MY\\x20PHOTOS\n")
	m.Put(t, filepath.Join(m.Sys, "block/loop99/dev"), "7:99\n")
	m.Put(t, filepath.Join(m.Sys, "block/loop99/size"), "2048\n")
	all, err := m.List()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range all {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%d|%t|%s|%s", d.Name, d.Model, d.Serial, d.Bus, d.SizeBytes, d.Removable, d.Holds(), d.Refused))
	}
	want := []string{
		`sda|INTEL SSDSC2KB|BTYF83|ata|480000000000|false|gpt: vfat "EFI", LVM|it is an internal disk`,
		`sdb|SanDisk Ultra|4C53|usb|31000000000|true|vfat "MY PHOTOS"|`,
		`sdaa|WD Elements|WX12|usb|4000000000|false|unknown|`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What isn't in sysfs and is in use, and what else isn't to be written to.
func TestRefusal(t *testing.T) {
	stick, other := sticktest.New(t, 8*mib), sticktest.New(t, 8*mib)
	name := filepath.Base(stick.Path)
	otherNumber := deviceNumber(t, other.Path)
	for what, c := range map[string]struct {
		hardware sticktest.Hardware
		set      func(t *testing.T, m *sticktest.Machine)
		serials  []string
		want     string
	}{
		"a stick":                     {flash, nil, nil, ""},
		"an external disk":            {external, nil, nil, ""},
		"an internal disk":            {internal, nil, nil, "it is an internal disk"},
		"an internal disk, forced":    {internal, nil, []string{"x", "BTYF83"}, ""},
		"an internal disk, misforced": {internal, nil, []string{"BTYF8"}, "it is an internal disk"},
		"one without a serial":        {sticktest.Hardware{Bus: "ata", Model: "Old"}, nil, []string{""}, "it is an internal disk, and has no serial to name it by"},
		"read-only":                   {sticktest.Hardware{Bus: "usb", ReadOnly: true, Removable: true}, nil, nil, "it is read-only"},
		"mounted": {flash, func(t *testing.T, m *sticktest.Machine) {
			m.Put(t, filepath.Join(m.Proc, "self/mountinfo"), "36 1 "+deviceNumber(t, stick.Path)+" / /media/my\\040stick rw - vfat /dev/x rw\n")
		}, nil, "it is in use: mounted on /media/my stick"},
		"mounted, whatever its serial": {internal, func(t *testing.T, m *sticktest.Machine) {
			m.Put(t, filepath.Join(m.Proc, "self/mountinfo"), "36 1 "+deviceNumber(t, stick.Path)+" / /srv rw - ext4 /dev/x rw\n")
		}, []string{"BTYF83"}, "it is in use: mounted on /srv"},
		"the system's": {flash, func(t *testing.T, m *sticktest.Machine) {
			m.Put(t, filepath.Join(m.Proc, "self/mountinfo"), "36 1 "+deviceNumber(t, stick.Path)+" / /run/live/medium ro - iso9660 /dev/x ro\n")
		}, nil, "this system runs from it: mounted on /run/live/medium"},
		"of btrfs, which has its own numbers": {flash, func(t *testing.T, m *sticktest.Machine) {
			m.Put(t, filepath.Join(m.Proc, "self/mountinfo"), "36 1 0:44 /home /home rw - btrfs "+stick.Path+" rw\n")
		}, nil, "it is in use: mounted on /home"},
		"swapped to": {flash, func(t *testing.T, m *sticktest.Machine) {
			m.Put(t, filepath.Join(m.Proc, "swaps"), "Filename Type Size Used Priority\n"+stick.Path+" partition 1 0 -2\n")
		}, nil, "it is in use: swapped to as " + stick.Path},
		"a partition of it is mounted": {flash, func(t *testing.T, m *sticktest.Machine) {
			m.Part(t, name, 1, "259:7", mib, mib)
			m.Put(t, filepath.Join(m.Proc, "self/mountinfo"), "36 1 259:7 / /mnt rw - ext4 /dev/x rw\n")
		}, nil, "it is in use: mounted on /mnt"},
		"LVM on a partition": {flash, func(t *testing.T, m *sticktest.Machine) {
			m.Part(t, name, 1, "259:7", mib, mib)
			m.Put(t, filepath.Join(m.Sys, "block", name, name+"1/holders/dm-3/x"), "")
			m.Put(t, filepath.Join(m.Sys, "block/dm-3/dev"), "252:3\n")
			m.Put(t, filepath.Join(m.Sys, "block/dm-3/dm/name"), "vg-home\n")
			m.Put(t, filepath.Join(m.Proc, "self/mountinfo"), "36 1 252:3 / /home rw - ext4 /dev/mapper/vg-home rw\n")
		}, nil, "it is in use: mounted on /home, held by dm-3 (vg-home)"},
		"RAID that nobody has mounted": {flash, func(t *testing.T, m *sticktest.Machine) {
			m.Put(t, filepath.Join(m.Sys, "block", name, "holders/md0/x"), "")
		}, nil, "it is in use: held by md0"},
	} {
		t.Run(what, func(t *testing.T) {
			m := sticktest.NewMachine(t, t.TempDir())
			d := m.Plug(t, stick, c.hardware)
			if c.set != nil {
				c.set(t, m)
				var err error
				if d, err = m.Find(stick.Path); err != nil {
					t.Fatal(err)
				}
			}
			got := ""
			if err := d.Refusal(c.serials...); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}

	m := sticktest.NewMachine(t, t.TempDir())
	m.Plug(t, stick, flash)
	m.Part(t, name, 1, otherNumber, mib, mib)
	if _, err := m.Find(other.Path); !errors.Is(err, device.ErrPartition) || ui.HintOf(err) != "name the disk: "+stick.Path {
		t.Errorf("a partition is found: %v", err)
	}
	for _, path := range []string{"/dev/null", "/dev/nothing", t.TempDir()} {
		if d, err := m.Find(path); err == nil {
			t.Errorf("%s is found as %+v", path, d)
		}
	}
	link := filepath.Join(t.TempDir(), "usb-SanDisk_Ultra-0:0")
	if err := os.Symlink(stick.Path, link); err != nil {
		t.Fatal(err)
	}
	if d, err := m.Find(link); err != nil || d.Path != stick.Path {
		t.Errorf("by a link it is %+v, %v", d, err)
	}
}

// The machine that the test runs on: a loop device is seen, with what is really on it, and who really uses it.
func TestThisMachine(t *testing.T) {
	stick := sticktest.New(t, 16*mib)
	run(t, "mkfs.ext4", "-q", "-L", "notes", stick.Path)
	m := device.This()
	m.Run = t.TempDir() // so that blkid looks
	d, err := m.Find(stick.Path)
	if err != nil {
		t.Fatal(err)
	}
	if d.SizeBytes != stick.SizeBytes || d.Holds() != `ext4 "notes"` || !m.Present(d) {
		t.Errorf("it is %+v, with %s", d, d.Holds())
	}
	if err := d.Refusal(""); err == nil || err.Error() != "it isn't a disk of its own, but made by software" {
		t.Errorf("a loop device may be written to: %v", err)
	}
	d.Sequence++
	if m.Present(d) {
		t.Error("another disk is taken for it")
	}

	point := t.TempDir()
	run(t, "mount", stick.Path, point)
	t.Cleanup(func() { _ = unix.Unmount(point, 0) })
	if d, err = m.Find(stick.Path); err != nil || d.Use.String() != "mounted on "+point {
		t.Errorf("it is used as %q, %v", d.Use, err)
	}
	if at, err := m.MountPoint(filepath.Join(point, "lost+found")); err != nil || at != point {
		t.Errorf("a file on it is on %q, %v", at, err)
	}
	run(t, "umount", point)

	run(t, "mkswap", "-q", stick.Path)
	run(t, "swapon", stick.Path)
	t.Cleanup(func() { _ = exec.Command("swapoff", stick.Path).Run() })
	if d, err = m.Find(stick.Path); err != nil || d.Use.String() != "swapped to as "+stick.Path || d.Holds() != "swap" {
		t.Errorf("it is used as %q with %s, %v", d.Use, d.Holds(), err)
	}
	run(t, "swapoff", stick.Path)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func deviceNumber(t *testing.T, path string) string {
	t.Helper()
	var node unix.Stat_t
	if err := unix.Stat(path, &node); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d:%d", unix.Major(node.Rdev), unix.Minor(node.Rdev))
}
