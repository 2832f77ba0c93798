package device

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sector is the unit of sizes and offsets in sysfs, whatever the disk's own blocks are.
const sector = 512

// opticalMajor is the number of CD drives (the kernel's Documentation/admin-guide/devices.txt).
const opticalMajor = "11:"

// scan reads what sysfs says of all disks. One that goes while it is read is left out.
func (m Machine) scan() ([]Device, error) {
	entries, err := os.ReadDir(filepath.Join(m.Sys, "block"))
	if err != nil {
		return nil, fmt.Errorf("listing the disks: %w", err)
	}
	var all []Device
	for _, e := range entries {
		dir, err := filepath.EvalSymlinks(filepath.Join(m.Sys, "block", e.Name()))
		if err != nil {
			continue
		}
		if d := m.read(dir); d.Number != "" {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b Device) int { // sdb before sdaa
		if len(a.Name) != len(b.Name) {
			return len(a.Name) - len(b.Name)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, nil
}

// read is a disk by its folder in sysfs, all links resolved: the path tells by which bus it is attached.
func (m Machine) read(dir string) Device {
	// A "!" stands in sysfs for the slash of a node in a folder of its own.
	name := strings.ReplaceAll(filepath.Base(dir), "!", "/")
	d := Device{
		Name: filepath.Base(dir), Path: filepath.Join(m.Dev, name), Number: text(dir, "dev"), Sequence: uint64(number(dir, "diskseq")),
		SizeBytes: number(dir, "size") * sector, ReadOnly: text(dir, "ro") == "1",
		Bus: bus(dir), Model: model(dir), Serial: m.serial(dir),
	}
	// A card in a reader of its own isn't "removable" to the kernel; MMC is what is soldered in.
	d.Removable = text(dir, "removable") == "1" || d.Bus == "mmc" && text(dir, "device/type") == "SD"
	d.optical = strings.HasPrefix(d.Number, opticalMajor)
	_, err := os.Stat(filepath.Join(dir, "device"))
	d.virtual = err != nil
	parts, _ := filepath.Glob(filepath.Join(dir, "*", "partition"))
	for _, p := range parts {
		p = filepath.Dir(p)
		d.Parts = append(d.Parts, Part{
			Name: filepath.Base(p), StartBytes: number(p, "start") * sector, SizeBytes: number(p, "size") * sector, number: text(p, "dev"),
		})
	}
	slices.SortFunc(d.Parts, func(a, b Part) int { return int((a.StartBytes - b.StartBytes) / sector) })
	return d
}

var buses = []struct {
	name string
	in   *regexp.Regexp // the path of a disk in sysfs
}{
	{"usb", regexp.MustCompile(`/usb\d+/`)}, // before all that may be behind USB
	{"firewire", regexp.MustCompile(`/fw\d+[./]`)},
	{"nvme", regexp.MustCompile(`/nvme[-\d]`)},
	{"mmc", regexp.MustCompile(`/mmc_host/`)},
	{"ata", regexp.MustCompile(`/ata\d+/`)},
	{"virtio", regexp.MustCompile(`/virtio\d+/`)},
	{"scsi", regexp.MustCompile(`/host\d+/`)},
}

func bus(dir string) string {
	for _, b := range buses {
		if b.in.MatchString(dir) {
			return b.name
		}
	}
	return ""
}

// model is what the maker calls it: SCSI, and with it USB and SATA, has the maker apart; SATA's is always "ATA", and virtio's
// and NVMe's are numbers.
func model(dir string) string {
	vendor := text(dir, "device/vendor")
	if vendor == "ATA" || strings.HasPrefix(vendor, "0x") {
		vendor = ""
	}
	name := text(dir, "device/model")
	if name == "" {
		name = text(dir, "device/name")
	}
	return strings.Join(strings.Fields(vendor+" "+name), " ")
}

// serial is the number of this one disk, wherever its bus keeps it.
func (m Machine) serial(dir string) string {
	for _, where := range []string{"device/serial", "serial"} { // NVMe and MMC; virtio
		if s := text(dir, where); s != "" {
			return s
		}
	}
	for up := dir; up != filepath.Dir(up) && up != m.Sys; up = filepath.Dir(up) {
		if text(up, "idVendor") != "" { // the USB device that the disk is a part of
			if s := text(up, "serial"); s != "" {
				return s
			}
			break
		}
	}
	// SCSI's page of serial numbers: a head of 4 bytes, then text (SPC-4, 7.8.15).
	if page, err := os.ReadFile(filepath.Join(dir, "device/vpd_pg80")); err == nil && len(page) > 4 {
		if s := clean(string(page[4:])); s != "" {
			return s
		}
	}
	return m.record(text(dir, "dev"))["ID_SERIAL_SHORT"]
}

// text is an attribute without blanks around it, or "" if there is none.
func text(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return clean(string(b))
}

// clean takes the padding away, and what isn't text: devices say of themselves what they like.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

func number(dir, name string) int64 {
	n, _ := strconv.ParseInt(text(dir, name), 10, 64)
	return n
}
