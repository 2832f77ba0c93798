package device

import (
	"errors"
	"slices"

	"nhos.org/nhos/internal/ui"
)

// systems are the mount points of what the running system itself needs: its root, its boot files, and the medium of a live
// system (live-boot's, and that of others).
var systems = []string{"/", "/usr", "/boot", "/boot/efi", "/run/live/medium", "/cdrom", "/lib/live/mount/medium"}

// Refusal says why the disk may not be written over, or nil if it may. serials are those of internal disks that may be, too:
// whoever types one has looked at which disk it is. In use is in use, whatever the serial.
func (d Device) Refusal(serials ...string) error {
	inUse := func(err, hint string) error { return ui.Hint(errors.New(err), hint) }
	switch {
	case d.SizeBytes == 0:
		return ui.Hint(errors.New("there is no medium in it"), "put the stick or the card in")
	case d.optical:
		return errors.New("it is an optical drive")
	case slices.ContainsFunc(d.Use.Mounts, func(m string) bool { return slices.Contains(systems, m) }):
		return errors.New("this system runs from it: " + d.Use.String())
	case len(d.Use.Holders) > 0:
		return inUse("it is in use: "+d.Use.String(), "what is made of it has to be stopped first (vgchange, mdadm, cryptsetup)")
	case len(d.Use.Swap) > 0:
		return inUse("it is in use: "+d.Use.String(), "swapoff "+d.Use.Swap[0])
	case len(d.Use.Mounts) > 0:
		return inUse("it is in use: "+d.Use.String(), "umount "+d.Use.Mounts[0])
	case d.ReadOnly:
		return ui.Hint(errors.New("it is read-only"), "some sticks and cards have a switch on their side")
	case d.virtual:
		return ui.Hint(errors.New("it isn't a disk of its own, but made by software"), "nhos write lists the disks that there are")
	case d.Removable || d.Bus == "usb":
		return nil
	case d.Serial == "":
		return errors.New("it is an internal disk, and has no serial to name it by")
	case !slices.Contains(serials, d.Serial):
		return ui.Hint(errors.New("it is an internal disk"), "--serial with its serial writes to it all the same")
	}
	return nil
}
