package vm

import (
	"fmt"
	"os"
	"path/filepath"

	"nhos.org/nhos/internal/ui"
)

// Where Debian keeps firmware.
const (
	ovmfDir = "/usr/share/OVMF"
	seaBIOS = "/usr/share/seabios/bios-256k.bin"
)

// FirmwareFiles are the files that a machine with this firmware starts from: the same files, the same firmware.
func (q QEMU) FirmwareFiles(f Firmware) []string {
	switch f {
	case UEFI:
		return []string{q.path(ovmfDir + "/OVMF_CODE_4M.fd"), q.path(ovmfDir + "/OVMF_VARS_4M.fd")}
	case SecureBoot:
		return []string{q.path(ovmfDir + "/OVMF_CODE_4M.ms.fd"), q.path(ovmfDir + "/OVMF_VARS_4M.ms.fd")}
	}
	return []string{q.path(seaBIOS)}
}

// firmwareArguments returns the options that select a firmware. UEFI keeps its variables in flash, so each machine
// gets a fresh copy of them in dir: what one boot stores can't change the next.
func (q QEMU) firmwareArguments(f Firmware, dir string) ([]string, error) {
	machine := "q35"
	switch f {
	case BIOS:
		return []string{"-machine", machine}, nil
	case UEFI:
	case SecureBoot:
		machine += ",smm=on"
	default:
		return nil, fmt.Errorf("unknown firmware %q (bios, uefi and secureboot are known)", f)
	}
	files := q.FirmwareFiles(f)
	code, vars, own := files[0], files[1], filepath.Join(dir, "vars.fd")
	b, err := os.ReadFile(vars)
	if err == nil {
		_, err = os.Stat(code)
	}
	if err != nil {
		return nil, ui.Hint(fmt.Errorf("looking for the UEFI firmware: %w", err), "install the package ovmf")
	}
	if err := os.WriteFile(own, b, 0o600); err != nil {
		return nil, fmt.Errorf("copying the UEFI variables: %w", err)
	}
	args := []string{"-machine", machine}
	if f == SecureBoot {
		// Without it a guest could write the variables behind the firmware's back.
		args = append(args, "-global", "driver=cfi.pflash01,property=secure,value=on")
	}
	return append(
		args,
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+escape(code),
		"-drive", "if=pflash,unit=1,format=raw,file="+escape(own),
	), nil
}
