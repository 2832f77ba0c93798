package sticktest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/rescue/device"
)

// A Hardware is what a disk looks like to the kernel, which for a loop device is nothing at all.
type Hardware struct {
	Bus       string // usb or ata
	Vendor    string
	Model     string
	Serial    string
	Removable bool
	ReadOnly  bool
}

// A Machine is a machine's sysfs, its mounts and udev's records, as far as package device reads them, with the disks that a test
// plugs in. The disks' nodes are the real ones.
type Machine struct {
	device.Machine
	disks int
}

// NewMachine returns a machine without disks, below a folder.
func NewMachine(t testing.TB, dir string) *Machine {
	t.Helper()
	m := &Machine{Machine: device.Machine{
		Sys: filepath.Join(dir, "sys"), Proc: filepath.Join(dir, "proc"), Run: filepath.Join(dir, "run"), Dev: "/dev",
	}}
	for _, d := range []string{filepath.Join(m.Sys, "block"), filepath.Join(m.Proc, "self"), filepath.Join(m.Run, "udev/data")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// At is the machine below a folder, as another process sees it.
func At(dir string) device.Machine {
	return device.Machine{Sys: filepath.Join(dir, "sys"), Proc: filepath.Join(dir, "proc"), Run: filepath.Join(dir, "run"), Dev: "/dev"}
}

// Plug puts a stick in: its number, size and sequence are the kernel's, what hardware it is, the test says.
func (m *Machine) Plug(t testing.TB, s *Stick, h Hardware) device.Device {
	t.Helper()
	var node unix.Stat_t
	if err := unix.Stat(s.Path, &node); err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(s.Path)
	sequence, err := os.ReadFile(filepath.Join("/sys/block", name, "diskseq"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	m.Add(t, name, fmt.Sprintf("%d:%d", unix.Major(node.Rdev), unix.Minor(node.Rdev)), strings.TrimSpace(string(sequence)), s.SizeBytes, h)
	d, err := m.Find(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Add adds a disk that need not have a node.
func (m *Machine) Add(t testing.TB, name, number, sequence string, size int64, h Hardware) {
	t.Helper()
	m.disks++
	n := strconv.Itoa(m.disks)
	usb := filepath.Join(m.Sys, "devices/pci0000:00/0000:00:14.0/usb1/1-"+n)
	host := filepath.Join(usb, "1-"+n+":1.0/host"+n)
	if h.Bus == "ata" {
		host = filepath.Join(m.Sys, "devices/pci0000:00/0000:00:1f.2/ata"+n+"/host"+n)
	}
	unit := filepath.Join(host, "target"+n+":0:0/"+n+":0:0:0")
	dir := filepath.Join(unit, "block", name)
	bit := map[bool]string{true: "1", false: "0"}
	files := map[string]string{
		filepath.Join(dir, "dev"): number, filepath.Join(dir, "size"): strconv.FormatInt(size/512, 10),
		filepath.Join(dir, "removable"): bit[h.Removable], filepath.Join(dir, "ro"): bit[h.ReadOnly],
		filepath.Join(unit, "vendor"): fmt.Sprintf("%-8s", h.Vendor), filepath.Join(unit, "model"): fmt.Sprintf("%-16s", h.Model),
	}
	if sequence != "" {
		files[filepath.Join(dir, "diskseq")] = sequence
	}
	if h.Bus == "ata" {
		files[filepath.Join(unit, "vpd_pg80")] = "\x00\x80\x00\x14" + h.Serial
	} else {
		files[filepath.Join(usb, "idVendor")] = "0781"
		files[filepath.Join(usb, "serial")] = h.Serial
	}
	for path, text := range files {
		m.Put(t, path, text+"\n")
	}
	for link, to := range map[string]string{filepath.Join(dir, "device"): unit, filepath.Join(m.Sys, "block", name): dir} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
}

// Part adds a partition to a disk, in bytes.
func (m *Machine) Part(t testing.TB, disk string, n int, number string, start, size int64) {
	t.Helper()
	dir := filepath.Join(m.Sys, "block", disk, disk+strconv.Itoa(n))
	for name, value := range map[string]string{
		"partition": strconv.Itoa(n), "dev": number, "start": strconv.FormatInt(start/512, 10), "size": strconv.FormatInt(size/512, 10),
	} {
		m.Put(t, filepath.Join(dir, name), value+"\n")
	}
}

// Pull takes a disk out: the kernel forgets it.
func (m *Machine) Pull(t testing.TB, name string) {
	if err := os.Remove(filepath.Join(m.Sys, "block", name)); err != nil {
		t.Error(err)
	}
}

// Put writes a file, and the folders above it.
func (m *Machine) Put(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
