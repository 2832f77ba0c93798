package vm

import (
	"fmt"
	"os"
	"path/filepath"

	"nhos.org/nhos/internal/ui"
)

// ovmfDir is where Debian's ovmf package keeps the UEFI firmware.
const ovmfDir = "/usr/share/OVMF"

// FirmwareFiles are the files that a machine with this firmware starts from: the same files, the same firmware.
func FirmwareFiles(f Firmware) []string {
	switch f {
	case UEFI:
		return []string{ovmfDir + "/OVMF_CODE_4M.fd", ovmfDir + "/OVMF_VARS_4M.fd"}
	case SecureBoot:
		return []string{ovmfDir + "/OVMF_CODE_4M.ms.fd", ovmfDir + "/OVMF_VARS_4M.ms.fd"}
	}
	return []string{"/usr/share/seabios/bios-256k.bin"}
}

// firmwareArguments returns the options that select a firmware. UEFI keeps its variables in flash, so each machine
// gets a fresh copy of them in dir: what one boot stores can't change the next.
func firmwareArguments(f Firmware, dir string) ([]string, error) {
	var code, vars, machine string
	switch f {
	case BIOS:
		return []string{"-machine", "q35"}, nil
	case UEFI:
		machine, code, vars = "q35", "OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"
	case SecureBoot:
		machine, code, vars = "q35,smm=on", "OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd"
	default:
		return nil, fmt.Errorf("unknown firmware %q (bios, uefi and secureboot are known)", f)
	}
	own := filepath.Join(dir, "vars.fd")
	b, err := os.ReadFile(filepath.Join(ovmfDir, vars))
	if err == nil {
		_, err = os.Stat(filepath.Join(ovmfDir, code))
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
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+filepath.Join(ovmfDir, code),
		"-drive", "if=pflash,unit=1,format=raw,file="+escape(own),
	), nil
}
