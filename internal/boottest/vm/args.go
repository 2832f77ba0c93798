package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The descriptors that QEMU inherits: the first of [os/exec.Cmd.ExtraFiles] is 3.
const (
	qmpFD = 3 + iota
	serialFD
	portFD
)

// arguments returns QEMU's command line, and writes the files into dir that it names.
func arguments(cfg Config, dir string) ([]string, error) {
	args := []string{"-no-user-config", "-nodefaults", "-name", "nhos-test"}
	args = append(args, cfg.Accelerator.arguments()...)
	args = append(
		args,
		"-smp", strconv.Itoa(cfg.CPUs), "-m", strconv.Itoa(cfg.Memory),
		"-display", "none", "-vga", "std", "-nic", "none",
		"-no-reboot", "-no-shutdown",
	)
	firmware, err := firmwareArguments(cfg.Firmware, dir)
	if err != nil {
		return nil, err
	}
	args = append(args, firmware...)

	args = append(args, "-blockdev", rawFile("medium", cfg.Medium))
	switch cfg.As {
	case CD:
		args = append(args, "-device", "ide-cd,drive=medium,bootindex=0")
	case USB:
		args = append(args, "-device", "qemu-xhci", "-device", "usb-storage,drive=medium,removable=on,bootindex=0")
	default:
		return nil, fmt.Errorf("unknown attachment %q of the medium (cd and usb are known)", cfg.As)
	}
	if cfg.Disk != "" {
		args = append(args, "-blockdev", rawFile("disk", cfg.Disk), "-device", "virtio-blk-pci,drive=disk")
	}
	args = append(
		args,
		"-chardev", fmt.Sprintf("socket,id=qmp,fd=%d", qmpFD), "-mon", "chardev=qmp,mode=control",
		"-chardev", fmt.Sprintf("socket,id=serial,fd=%d", serialFD), "-serial", "chardev:serial",
		"-device", "virtio-serial-pci",
		"-chardev", fmt.Sprintf("socket,id=port,fd=%d", portFD),
		"-device", "virtserialport,chardev=port,name="+PortName,
	)
	oem, err := oemArguments(cfg.OEMStrings, dir)
	return append(args, oem...), err
}

// oemArguments hands each string over by a file: a command line's argument is bounded, and its commas mean something.
func oemArguments(values []string, dir string) ([]string, error) {
	var args []string
	for i, s := range values {
		path := filepath.Join(dir, fmt.Sprintf("oem-%d", i+1))
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			return nil, fmt.Errorf("writing an SMBIOS string: %w", err)
		}
		args = append(args, "-smbios", "type=11,path="+escape(path))
	}
	return args, nil
}

func rawFile(node, path string) string {
	return "driver=raw,node-name=" + node + ",read-only=on,file.driver=file,file.filename=" + escape(path)
}

// escape makes a path safe as the value of an option: QEMU reads ",," as one comma.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }
