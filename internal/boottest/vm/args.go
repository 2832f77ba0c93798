package vm

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The descriptors that QEMU inherits: the first of [os/exec.Cmd.ExtraFiles] is 3.
const (
	qmpFD = 3 + iota
	serialFD
	portFD
	// Only of a machine with a network.
	natFD
	cableFD
	webFD
	pretendFD = natFD // which has no near end in QEMU
)

// processName is what the process is called, whatever loads it: the program's name, as much of it as Linux keeps.
const processName = "qemu-system-x86"

// arguments returns the command line of this version of QEMU, and writes the files into dir that it names.
func arguments(cfg Config, version, dir string) ([]string, error) {
	args := []string{"-no-user-config", "-nodefaults", "-name", "nhos-test,process=" + processName}
	args = append(args, cfg.Accelerator.arguments(cfg.CPUs, version)...)
	args = append(
		args,
		"-smp", strconv.Itoa(cfg.CPUs), "-m", strconv.Itoa(cfg.Memory),
		"-display", "none",
	)
	args = append(args, screenArguments(cfg.Screen)...)
	args = append(args, "-nic", "none")
	if !cfg.Restartable {
		args = append(args, "-no-reboot")
	}
	args = append(args, "-no-shutdown")
	firmware, err := cfg.QEMU.firmwareArguments(cfg.Firmware, dir)
	if err != nil {
		return nil, err
	}
	args = append(args, firmware...)

	args = append(args, "-blockdev", rawFile("medium", cfg.Medium))
	args = append(args, usbController(cfg)...)
	name := ""
	if cfg.HotPlug {
		name = ",id=" + medium
	}
	switch cfg.As {
	case CD:
		args = append(args, "-device", "ide-cd,drive=medium,bootindex=0"+name)
	case USB:
		args = append(args, "-device", "usb-storage,drive=medium,removable=on,bootindex=0"+name)
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
	if err != nil {
		return nil, err
	}
	extra, err := extraArguments(cfg)
	return slices.Concat(args, oem, extra), err
}

// screenArguments are the graphics card's, which tells the guest of one size of screen that it should use.
func screenArguments(size image.Point) []string {
	if size == (image.Point{}) {
		return []string{"-vga", "std"}
	}
	return []string{"-vga", "none", "-device", fmt.Sprintf("VGA,edid=on,xres=%d,yres=%d", size.X, size.Y)}
}

// extraArguments are for what only some machines have.
func extraArguments(cfg Config) ([]string, error) {
	disks, err := diskArguments(cfg.Disks)
	if err != nil {
		return nil, err
	}
	network, err := networkArguments(cfg.Network)
	if err != nil {
		return nil, err
	}
	vnc, err := vncArguments(cfg.VNC)
	if err != nil {
		return nil, err
	}
	return slices.Concat(disks, network, vnc, hotPlugArguments(cfg)), nil
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
