package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Disk is one that the guest writes to. What it has written stays in the file when the machine has ended, so a
// machine that is killed and started again with the same disks is one whose power was cut.
type Disk struct {
	// ID names the disk to the caller, and to the guest as its serial number: /dev/disk/by-id/virtio-ID and the like.
	ID   string
	File string // path
	Size int64  // bytes, for a file that doesn't exist yet: it is made, sparse
	Bus  string // virtio, usb, sata, nvme
}

// sataPorts is how many SATA disks a machine may have.
const sataPorts = 5

// medium names the medium's device, if it has a name, and its block node.
const medium = "medium"

// idForm is what a serial number and QEMU's names have in common.
var idForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)

// checkID refuses names that QEMU or this package could take for something else.
func checkID(id string) error {
	switch {
	case !idForm.MatchString(id):
		return fmt.Errorf("%q can't name a device (1 to 20 of a-z, 0-9 and -, a letter first)", id)
	case id == medium || id == "disk" || strings.HasPrefix(id, "nhos-"):
		return fmt.Errorf("the name %q belongs to a device of every machine", id)
	}
	return nil
}

// diskArguments makes what files are missing and returns the options for all disks.
func diskArguments(disks []Disk) ([]string, error) {
	var args []string
	known := map[string]bool{}
	sata := 0 // the first port of q35's controller is the medium's
	for _, d := range disks {
		device, ok := map[string]string{
			"virtio": "virtio-blk-pci", "usb": "usb-storage", "sata": "ide-hd", "nvme": "nvme",
		}[d.Bus]
		err := checkID(d.ID)
		switch {
		case err != nil:
		case known[d.ID]:
			err = errors.New("two disks have this name")
		case !ok:
			err = fmt.Errorf("unknown bus %q (virtio, usb, sata and nvme are known)", d.Bus)
		case d.Bus == "sata" && sata == sataPorts:
			err = fmt.Errorf("more than %d SATA disks", sataPorts)
		default:
			err = ensureFile(d.File, d.Size)
		}
		if err != nil {
			return nil, fmt.Errorf("disk %s: %w", d.ID, err)
		}
		known[d.ID] = true
		if d.Bus == "sata" {
			sata++
			device += fmt.Sprintf(",bus=ide.%d", sata)
		}
		args = append(
			args,
			"-blockdev", "driver=raw,node-name="+d.ID+",discard=unmap,file.driver=file,file.filename="+escape(d.File),
			"-device", device+",id="+d.ID+",drive="+d.ID+",serial="+d.ID,
		)
	}
	return args, nil
}

// sector is what sizes of disks are counted in.
const sector = 512

// ensureFile makes a sparse file of size bytes where there is none.
func ensureFile(path string, size int64) error {
	_, err := os.Stat(path)
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if size <= 0 || size%sector != 0 {
		return fmt.Errorf("%s doesn't exist, and %d bytes can't be the size of a disk", path, size)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}
