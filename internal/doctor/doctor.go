// Package doctor says whether a machine has what building and testing media takes.
package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/ui"
)

// A Finding is one thing that was looked for.
type Finding struct {
	What    string `json:"what"`
	Found   string `json:"found"`
	For     string `json:"for"`
	OK      bool   `json:"ok"`
	Package string `json:"package,omitempty"` // Debian's, that has it
}

// needs are the files that building and testing use, and the packages that have them.
var needs = []struct{ what, file, pkg, purpose string }{
	{"apt-get", "", "apt", "choosing packages"},
	{"dpkg", "", "dpkg", "choosing packages"},
	{"archive keys", "/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring", "checking Debian's signatures"},
	{"mmdebstrap", "", "mmdebstrap", "making the base"},
	{"mksquashfs", "", "squashfs-tools", "compressing layers"},
	{"veritysetup", "/usr/sbin/veritysetup", "cryptsetup-bin", "making the digests of layers"},
	{"xorriso", "", "xorriso", "writing ISOs"},
	{"qemu-system-x86_64", "", "qemu-system-x86", "booting media"},
	{"UEFI firmware", "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "ovmf", "booting media under UEFI and Secure Boot"},
	{"tesseract", "", "tesseract-ocr", "reading what a screen shows"},
	{"English for tesseract", "/usr/share/tesseract-ocr/*/tessdata/eng.traineddata", "tesseract-ocr-eng", "reading what a screen shows"},
}

// minimumFree is what a build of the desktop takes: packages, layers in the making, the ISO.
const minimumFree = 10e9

// Examine looks at this machine. store is the folder that builds keep their work in.
func Examine(store string) []Finding {
	var all []Finding
	for _, n := range needs {
		f := Finding{What: n.what, For: n.purpose, Package: n.pkg, Found: "not found"}
		if n.file == "" {
			if path, err := exec.LookPath(n.what); err == nil {
				f.OK, f.Found = true, path
			}
		} else if paths, _ := filepath.Glob(n.file); len(paths) > 0 {
			f.OK, f.Found = true, paths[0]
		}
		all = append(all, f)
	}
	return append(all, root(), disk(store), kvm())
}

func root() Finding {
	f := Finding{What: "root", For: "making layers (showing, locking and testing need none)", OK: true, Found: "yes"}
	if os.Geteuid() != 0 {
		f.Found = "no: build with sudo"
	}
	return f
}

// disk looks at the file system of the store, or of the nearest folder above it that exists.
func disk(store string) Finding {
	f := Finding{What: "disk space", For: "building images/desktop"}
	for dir := store; ; dir = filepath.Dir(dir) {
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err == nil {
			free := int64(s.Bavail) * s.Bsize
			f.OK, f.Found = free >= minimumFree, ui.Bytes(free)+" free for "+store
			return f
		}
		if dir == filepath.Dir(dir) {
			f.Found = "can't be told for " + store
			return f
		}
	}
}

// kvm only looks for the device; whether a kernel boots with it is found out when a medium is first tested.
func kvm() Finding {
	f := Finding{What: "KVM", For: "testing in seconds instead of minutes (optional)", OK: true}
	device, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		f.Found = "no: guests are emulated, which is slower"
		return f
	}
	device.Close()
	f.Found = "/dev/kvm opens; a test tries it before it relies on it"
	return f
}

// Missing returns the Debian packages that would mend the findings.
func Missing(findings []Finding) []string {
	var packages []string
	for _, f := range findings {
		if !f.OK && f.Package != "" {
			packages = append(packages, f.Package)
		}
	}
	return packages
}

// Err joins what is wrong and no package would mend.
func Err(findings []Finding) error {
	var errs []error
	for _, f := range findings {
		if !f.OK && f.Package == "" {
			errs = append(errs, fmt.Errorf("%s: %s", f.What, f.Found))
		}
	}
	return errors.Join(errs...)
}
