//go:build boot || acceptance

package survival

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// clean wants nothing of the trial's builds to be left: no process, mount or loop device, no half-made file. What is
// ended by the kernel may take a moment.
func (c *trial) clean() {
	c.t.Helper()
	var left []string
	for begun := time.Now(); time.Since(begun) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
		if left = c.left(); len(left) == 0 {
			return
		}
	}
	c.t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
}

func (c *trial) left() []string {
	left := slices.Concat(c.processes(), c.loops())
	for _, pattern := range []string{c.store + "/work/*", c.store + "/actions/*/.*", c.out + "/*/.*", c.dir + "/tmp/*"} {
		files, _ := filepath.Glob(pattern)
		left = append(left, files...)
	}
	return left
}

// processes are those that have the trial's folder in their arguments, their environment or their mounts.
func (c *trial) processes() []string {
	var found []string
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range all {
		argv, _ := os.ReadFile(proc + "/cmdline")
		mounts, _ := os.ReadFile(proc + "/mountinfo")
		for line := range strings.Lines(string(mounts)) {
			// A disk that the trial has mounted itself is on a line of its own, without these.
			if strings.Contains(line, "upperdir="+c.dir) || strings.Contains(line, " "+c.store+"/work/") {
				found = append(found, fmt.Sprintf("%s: %s: mounted: %s", proc, printable(argv), strings.TrimSpace(line)))
			}
		}
		environment, _ := os.ReadFile(proc + "/environ")
		if strings.Contains(string(argv), c.dir) || strings.Contains(string(environment), "TMPDIR="+c.dir) {
			found = append(found, proc+": "+printable(argv))
		}
	}
	return found
}

// commands are the arguments of all processes.
func commands() []string {
	var found []string
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range all {
		argv, _ := os.ReadFile(file)
		found = append(found, printable(argv))
	}
	return found
}

func printable(argv []byte) string { return strings.ReplaceAll(string(argv), "\x00", " ") }

// loops are the loop devices whose file is in the trial's folder; but for its own disks.
func (c *trial) loops() []string {
	var found []string
	all, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, file := range all {
		text, _ := os.ReadFile(file)
		backing := strings.TrimSpace(string(text))
		if strings.HasPrefix(backing, c.dir) && !strings.HasPrefix(filepath.Base(backing), diskImage) {
			found = append(found, file+": "+backing)
		}
	}
	return found
}

// diskImage is how the files are called that hold a trial's disks.
const diskImage = "disk-"
