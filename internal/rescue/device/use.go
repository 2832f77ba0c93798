package device

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// use finds who uses a disk or a partition of it. It sees the mounts of this process's namespace; the others are seen when
// the disk is opened for writing, which the kernel refuses then.
func (m Machine) use(d *Device) Use {
	mounts, swaps := m.mounts(), m.swaps()
	var u Use
	dir := filepath.Join(m.Sys, "block", d.Name)
	places := map[string]string{d.Number: dir}
	for _, p := range d.Parts {
		places[p.number] = filepath.Join(dir, p.Name)
	}
	seen := map[string]bool{}
	var visit func(number, dir string)
	visit = func(number, dir string) {
		if seen[number] {
			return
		}
		seen[number] = true
		u.Mounts = append(u.Mounts, mounts[number]...)
		u.Swap = append(u.Swap, swaps[number]...)
		holders, _ := os.ReadDir(filepath.Join(dir, "holders"))
		for _, h := range holders {
			made := filepath.Join(m.Sys, "block", h.Name())
			name := h.Name()
			if dm := text(made, "dm/name"); dm != "" {
				name += " (" + dm + ")"
			}
			u.Holders = append(u.Holders, name)
			visit(text(made, "dev"), made)
		}
	}
	for number, dir := range places {
		visit(number, dir)
	}
	for _, list := range []*[]string{&u.Mounts, &u.Swap, &u.Holders} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return u
}

// A mount is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mount struct{ number, point, source string }

func (m Machine) mountinfo() []mount {
	b, err := os.ReadFile(filepath.Join(m.Proc, "self/mountinfo"))
	if err != nil {
		return nil
	}
	var all []mount
	for line := range strings.Lines(string(b)) {
		before, after, ok := strings.Cut(line, " - ")
		fields, source := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(source) < 2 {
			continue
		}
		all = append(all, mount{fields[2], octal(fields[4]), octal(source[1])})
	}
	return all
}

// mounts are the mount points by the number of the device. Btrfs has numbers of its own, so the source counts, too.
func (m Machine) mounts() map[string][]string {
	all := map[string][]string{}
	for _, x := range m.mountinfo() {
		all[x.number] = append(all[x.number], x.point)
		if n := blockNumber(x.source); n != "" && n != x.number {
			all[n] = append(all[n], x.point)
		}
	}
	return all
}

func (m Machine) swaps() map[string][]string {
	all := map[string][]string{}
	b, err := os.ReadFile(filepath.Join(m.Proc, "swaps"))
	if err != nil {
		return all
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) > 0 {
			if n := blockNumber(octal(fields[0])); n != "" {
				all[n] = append(all[n], octal(fields[0]))
			}
		}
	}
	return all
}

// MountPoint is where the file system of path is mounted, all links resolved.
func (m Machine) MountPoint(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", fmt.Errorf("looking for the file system of %s: %w", path, err)
	}
	longest := ""
	for _, x := range m.mountinfo() {
		if len(x.point) >= len(longest) && (x.point == "/" || path == x.point || strings.HasPrefix(path, x.point+"/")) {
			longest = x.point
		}
	}
	return longest, nil
}

// blockNumber is the number of the block device that path names, or "".
func blockNumber(path string) string {
	var node unix.Stat_t
	if !filepath.IsAbs(path) || unix.Stat(path, &node) != nil || node.Mode&unix.S_IFMT != unix.S_IFBLK {
		return ""
	}
	return numberOf(node.Rdev)
}

// octal undoes the kernel's \040 for blanks and the like.
func octal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
