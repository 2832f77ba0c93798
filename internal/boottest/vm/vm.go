// Package vm boots a medium in a virtual machine and lets its caller watch it.
//
// One [VM] is one QEMU process with the chipset of a current PC (q35), one medium that it can't write to, no network,
// a serial port whose lines the caller gets, and a virtio-serial port over which a program in the guest may talk. All
// three wires are socket pairs that QEMU inherits, so no socket lies in a file system. What QEMU must have as a file
// lies in [Config.Dir], which is removed when the process has ended.
//
// That is the machine of a boot test. For a scenario it may have more: disks that are written to, a network from which
// nothing leaves, a pointer, sockets to plug devices into, a screen to look at from outside. All of it is asked for in
// the [Config] and handled by the methods of the VM, each of which is one movement of a person's hand.
//
// The process never outlives its VM: it ends with the context, with [VM.Kill], and by the kernel's hand if this
// program dies. A guest that resets or powers off doesn't end it: the machine stops with its screen as it was
// ("SHUTDOWN" and "STOP" in [VM.Events]), so that there is a last picture to take.
package vm

import (
	"image"
	"time"
)

// PortName is the virtio-serial port of every machine: /dev/virtio-ports/ and this name in a Linux guest.
const PortName = "org.nhos.test"

// Firmware is what starts the machine.
type Firmware string

// The firmwares.
const (
	BIOS       Firmware = "bios"       // SeaBIOS
	UEFI       Firmware = "uefi"       // OVMF
	SecureBoot Firmware = "secureboot" // OVMF that holds Microsoft's keys and enforces them
)

// Attachment is how the machine sees its medium.
type Attachment string

// The attachments.
const (
	CD  Attachment = "cd"  // in an optical drive on AHCI
	USB Attachment = "usb" // as a USB stick on xHCI
)

// DefaultMemory is that of a [Config], in MiB.
const DefaultMemory = 2048

// A Config describes a machine.
type Config struct {
	QEMU        QEMU
	Medium      string // path of the ISO; it is opened read-only
	Firmware    Firmware
	As          Attachment
	Memory      int         // MiB; 0 is DefaultMemory
	Screen      image.Point // width and height in pixels; zero leaves it to firmware and guest
	CPUs        int         // 0 is what [Accelerator.CPUs] says
	Accelerator Accelerator
	Disk        string   // path of a second disk (virtio, read-only, not booted from), or ""
	OEMStrings  []string // SMBIOS type 11, in this order
	Dir         string   // folder for the machine's own files; made, and removed at the end
	SerialLog   string   // path of a file to which all is appended that the guest writes to its serial port, or ""
	Keep        bool     // leave Dir as it is at the end
	// Line gets each line of the serial port, without control sequences, from a goroutine of the machine. A line that
	// stays unfinished for a moment (a prompt) is handed over as it is, and again when it is complete.
	Line func(line string)

	Disks   []Disk
	Network Network
	// Frame gets each Ethernet frame that a card of the machine sends, or that is sent to one, before anything else is
	// done with it; sent says which of the two. It is called by two goroutines, one each way. The frame is only lent.
	Frame    func(sent bool, frame []byte)
	Keyboard Keyboard // the layout that the guest has, for [VM.Type]
	// VNC is where the screen is served, without a password: the path of a Unix socket or 127.0.0.1:PORT, from port 5900
	// on; "" is nowhere.
	VNC string
	// HotPlug gives the machine what devices are plugged into later, a tablet as pointer, and a name to its medium.
	HotPlug bool
	// Restartable lets a guest that restarts go on. Without it the machine stops then, as it does when powered off.
	Restartable bool
}

// An Event is something that QEMU told about its machine (QMP events: SHUTDOWN, RESET, STOP, GUEST_PANICKED, …).
type Event struct {
	At     time.Time
	Name   string
	Reason string // of a SHUTDOWN or RESET: guest-shutdown, guest-reset, host-qmp-quit, …
	Guest  bool   // whether the guest did it
}
