package vm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// DeviceKind is what a device is.
type DeviceKind string

// The kinds of devices that can be plugged in.
const (
	USBStick    DeviceKind = "usb-stick"    // a stick whose content is File
	USBTablet   DeviceKind = "usb-tablet"   // a pointer that knows where on the screen it is
	USBKeyboard DeviceKind = "usb-keyboard" // from then on keys are pressed on it
	NetworkCard DeviceKind = "network-card" // on the machine's network
	VirtioDisk  DeviceKind = "disk"         // a disk in a slot, with File as content
)

// A Device is something to plug in while the machine runs.
type Device struct {
	ID       string // names it to the caller, and a stick or disk to the guest, like [Disk.ID]
	Kind     DeviceKind
	File     string // path of a stick's or disk's content
	Size     int64  // bytes, for a writable file that doesn't exist yet
	Writable bool   // the guest may write to File
}

// drivers are QEMU's names of the devices, and what each needs.
var drivers = map[DeviceKind]struct {
	name               string
	slot, block, wired bool // it sits in a slot, has a File, is on the network
}{
	USBStick:    {name: "usb-storage", block: true},
	USBTablet:   {name: "usb-tablet"},
	USBKeyboard: {name: "usb-kbd"},
	NetworkCard: {name: "virtio-net-pci", slot: true, wired: true},
	VirtioDisk:  {name: "virtio-blk-pci", slot: true, block: true},
}

const (
	slots = 4 // on PCI Express
	// releaseLimit is how long a guest may take until it lets go of a device in a slot. One on USB is simply gone.
	releaseLimit = 60 * time.Second
	pollPause    = 50 * time.Millisecond
)

// A pluggedDevice is a device that was plugged in, and where.
type pluggedDevice struct {
	Device
	slot string
}

// usbController returns the option for the one USB controller, if something needs it.
func usbController(cfg Config) []string {
	switch {
	case cfg.HotPlug, slices.ContainsFunc(cfg.Disks, func(d Disk) bool { return d.Bus == "usb" }):
		return []string{"-device", "qemu-xhci,id=nhos-usb,p2=8,p3=8"}
	case cfg.As == USB:
		return []string{"-device", "qemu-xhci"}
	}
	return nil
}

// hotPlugArguments returns the options for the slots and the pointer.
func hotPlugArguments(cfg Config) []string {
	if !cfg.HotPlug {
		return nil
	}
	args := []string{"-device", "usb-tablet,id=nhos-tablet"}
	for i := range slots {
		args = append(args, "-device", fmt.Sprintf("pcie-root-port,id=%s,chassis=%d", slotName(i), i+1))
	}
	return args
}

func slotName(i int) string { return "nhos-slot-" + strconv.Itoa(i) }

// Plug plugs a device in. That the guest has found it is for the caller to see.
func (v *VM) Plug(ctx context.Context, d Device) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.plug(ctx, d); err != nil {
		return fmt.Errorf("plugging in %s: %w", d.ID, err)
	}
	return nil
}

func (v *VM) plug(ctx context.Context, d Device) (err error) {
	driver, known := drivers[d.Kind]
	if err := checkID(d.ID); err != nil {
		return err
	}
	_, taken := v.plugged[d.ID]
	switch {
	case !v.hotPlug:
		return errNoHotPlug
	case !known:
		return fmt.Errorf("unknown kind %q (usb-stick, usb-tablet, usb-keyboard, network-card and disk are known)", d.Kind)
	case taken:
		return errors.New("it is plugged in already")
	}
	properties := map[string]any{"id": d.ID, "driver": driver.name}
	var slot string
	if driver.slot {
		if slot = v.freeSlot(); slot == "" {
			return fmt.Errorf("all %d slots are taken", slots)
		}
		properties["bus"] = slot
	}
	if driver.block {
		if err := v.addBlock(ctx, d.ID, d); err != nil {
			return err
		}
		properties["drive"], properties["serial"] = d.ID, d.ID
		if d.Kind == USBStick {
			properties["removable"] = true
		}
		defer v.undo(ctx, &err, "blockdev-del", "node-name", d.ID)
	}
	if driver.wired {
		peer := d.ID + "-net"
		arguments := map[string]any{"type": "hubport", "id": peer, "hubid": cardHub}
		if err := v.execute(ctx, "netdev_add", arguments, nil); err != nil {
			return err
		}
		properties["netdev"], properties["romfile"] = peer, ""
		defer v.undo(ctx, &err, "netdev_del", "id", peer)
	}
	if err := v.execute(ctx, "device_add", properties, nil); err != nil {
		return err
	}
	v.plugged[d.ID] = pluggedDevice{d, slot}
	return nil
}

var errNoHotPlug = errors.New("the machine was started without anything to plug devices into")

// undo takes away what a device was to stand on, if it failed.
func (v *VM) undo(ctx context.Context, failed *error, command, argument, id string) {
	if *failed != nil {
		*failed = errors.Join(*failed, v.execute(ctx, command, map[string]any{argument: id}, nil))
	}
}

// addBlock opens a file as QEMU's node of this name.
func (v *VM) addBlock(ctx context.Context, node string, d Device) error {
	if d.File == "" {
		return errors.New("it has no file")
	}
	if d.Writable {
		if err := ensureFile(d.File, d.Size); err != nil {
			return err
		}
	}
	return v.execute(ctx, "blockdev-add", map[string]any{
		"driver": "raw", "node-name": node, "read-only": !d.Writable,
		"file": map[string]any{"driver": "file", "filename": d.File},
	}, nil)
}

func (v *VM) freeSlot() string {
	taken := map[string]bool{}
	for _, d := range v.plugged {
		taken[d.slot] = true
	}
	for i := range slots {
		if !taken[slotName(i)] {
			return slotName(i)
		}
	}
	return ""
}

// Unplug pulls a device out: one that was plugged in, a USB disk, or the USB stick that is the medium ("medium"). A
// guest must let go of a device in a slot; that it didn't is the error.
func (v *VM) Unplug(ctx context.Context, id string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.unplug(ctx, id); err != nil {
		return fmt.Errorf("unplugging %s: %w", id, err)
	}
	return nil
}

func (v *VM) unplug(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, releaseLimit, fmt.Errorf("the guest didn't let go of it within %v", releaseLimit))
	defer cancel()
	if !v.hotPlug {
		return errNoHotPlug
	}
	there, err := v.hasDevice(ctx, id)
	if err != nil {
		return err
	}
	d, known := v.plugged[id]
	if there || !known { // a guest may have let go after an earlier try
		if err := v.execute(ctx, "device_del", map[string]any{"id": id}, nil); err != nil {
			return err
		}
	}
	for there {
		if there, err = v.hasDevice(ctx, id); err != nil {
			return err
		}
		if there && !sleep(ctx, pollPause) {
			return context.Cause(ctx)
		}
	}
	delete(v.plugged, id)
	switch {
	case known && drivers[d.Kind].wired:
		return v.execute(ctx, "netdev_del", map[string]any{"id": id + "-net"}, nil)
	case known && !drivers[d.Kind].block:
		return nil
	}
	// QEMU lets go of the file a moment after the device is gone.
	for {
		err := v.execute(ctx, "blockdev-del", map[string]any{"node-name": id}, nil)
		if err == nil || !sleep(ctx, pollPause) {
			return err
		}
	}
}

// hasDevice reports whether QEMU has a device of this name.
func (v *VM) hasDevice(ctx context.Context, id string) (bool, error) {
	var devices []struct {
		Name string `json:"name"`
	}
	err := v.execute(ctx, "qom-list", map[string]any{"path": "/machine/peripheral"}, &devices)
	for _, d := range devices {
		if d.Name == id {
			return true, err
		}
	}
	return false, err
}

// sleep waits, and reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
