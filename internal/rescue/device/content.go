package device

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Content is what is on a disk or on a partition, in libblkid's words.
type Content struct {
	Type    string `json:"type,omitempty"`    // a file system, or LVM2_member, linux_raid_member, crypto_LUKS, BitLocker, swap
	Label   string `json:"label,omitempty"`   // of that
	Table   string `json:"table,omitempty"`   // kind of partition table: gpt, dos
	Unknown bool   `json:"unknown,omitempty"` // nobody could look
}

// words for those types that are hard to read.
var words = map[string]string{
	"LVM2_member": "LVM", "linux_raid_member": "RAID", "isw_raid_member": "RAID", "ddf_raid_member": "RAID",
	"crypto_LUKS": "LUKS", "zfs_member": "ZFS", "iso9660": "ISO",
}

// String is the content in few words: `vfat "PHOTOS"`.
func (c Content) String() string {
	if c.Unknown {
		return "unknown"
	}
	what := c.Type
	if w, ok := words[what]; ok {
		what = w
	}
	if c.Label != "" {
		what += " " + strconv.Quote(c.Label)
	}
	return what
}

// Holds says in few words what is on the disk and its partitions: `gpt: vfat "EFI", ntfs "Windows"`, or "nothing".
func (d Device) Holds() string {
	var parts []string
	for _, p := range d.Parts {
		what := p.Content.String()
		if what == "" {
			what = "blank"
		}
		parts = append(parts, what)
	}
	whole := strings.TrimSpace(d.Content.String())
	if len(parts) > 0 || d.Content.Table != "" {
		if whole != "" && whole != "unknown" {
			whole += ", "
		} else {
			whole = ""
		}
		table := d.Content.Table
		if table == "" {
			table = "partitions"
		}
		whole += table
		if len(parts) > 0 {
			whole += ": " + strings.Join(parts, ", ")
		}
	}
	if whole == "" {
		return "nothing"
	}
	return whole
}

func (m Machine) fillContent(d *Device) {
	if d.SizeBytes == 0 {
		return
	}
	d.Content = m.content(d.Number, d.Path)
	for i := range d.Parts {
		p := &d.Parts[i]
		p.Content = m.content(p.number, filepath.Join(m.Dev, p.Name))
	}
}

// content is udev's record, or what blkid finds where there is none.
func (m Machine) content(number, path string) Content {
	values := m.record(number)
	if values == nil {
		var err error
		if values, err = probe(path); err != nil {
			return Content{Unknown: true}
		}
	}
	label := unescape(values["ID_FS_LABEL_ENC"])
	if label == "" {
		label = values["ID_FS_LABEL"]
	}
	return Content{Type: clean(values["ID_FS_TYPE"]), Label: clean(label), Table: clean(values["ID_PART_TABLE_TYPE"])}
}

// record is udev's of a device: its properties, or nil if it has none. The file's lines are "E:KEY=VALUE".
func (m Machine) record(number string) map[string]string {
	b, err := os.ReadFile(filepath.Join(m.Run, "udev/data", "b"+number))
	if err != nil {
		return nil
	}
	values := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if property, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "E:"); ok {
			if key, value, ok := strings.Cut(property, "="); ok {
				values[key] = value
			}
		}
	}
	return values
}

// probe has blkid look at a device, without its cache; the properties have udev's names. It takes root.
func probe(path string) (map[string]string, error) {
	f, err := os.Open(path) // blkid's exit code doesn't tell "nothing there" from "no leave to look"
	if err != nil {
		return nil, err
	}
	f.Close()
	program, err := exec.LookPath("blkid")
	if err != nil {
		program = "/usr/sbin/blkid" // which isn't on the path of those who aren't root
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // a disk that is broken may never answer
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--probe", "--output", "udev", path).Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 2: // nothing that it knows
	case errors.As(err, &exit) && exit.ExitCode() == 8: // several things at once
		return map[string]string{"ID_FS_TYPE": "several"}, nil
	case err != nil:
		return nil, err
	}
	values := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
			values[key] = value
		}
	}
	return values, nil
}

// unescape undoes udev's \x20.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], `\x`) && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
