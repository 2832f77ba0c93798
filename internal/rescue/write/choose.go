package write

import (
	"errors"
	"fmt"
	"slices"

	"nhos.org/nhos/internal/rescue/device"
	"nhos.org/nhos/internal/ui"
)

// Removable are the sticks and cards of a machine that wouldn't be refused. A USB disk whose medium stays in it isn't one of
// them, though it may be named: it is more likely to be somebody's backup than a stick.
func Removable(m device.Machine) ([]device.Device, error) {
	all, err := m.List()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(d device.Device) bool { return !d.Removable || d.Refused != "" })
	if len(all) == 0 {
		return nil, ui.Hint(errors.New("there is no stick or card that could be written"), "nhos write lists the disks, and why it would refuse them")
	}
	return all, nil
}

// Named are the devices at these paths. If one would be refused, nothing is written to the others either: who names a wrong disk
// may have mixed up the others, too. iso is the file that is to be written, and serials are those of internal disks that may be.
func Named(m device.Machine, iso string, paths, serials []string) ([]device.Device, error) {
	point, err := m.MountPoint(iso)
	if err != nil {
		return nil, err
	}
	var devices []device.Device
	var errs []error
	for _, path := range paths {
		d, err := m.Find(path)
		switch {
		case err != nil:
			errs = append(errs, err)
			continue
		case slices.ContainsFunc(devices, func(x device.Device) bool { return x.Number == d.Number }):
			errs = append(errs, fmt.Errorf("%s is named twice", d.Path))
			continue
		case slices.Contains(d.Use.Mounts, point):
			err = fmt.Errorf("%s lies on it", iso)
		default:
			err = d.Refusal(serials...)
		}
		if err != nil {
			errs = append(errs, ui.Hint(fmt.Errorf("nothing is written to %s: %w", d, err), ui.HintOf(err)))
			continue
		}
		devices = append(devices, d)
	}
	return devices, errors.Join(errs...)
}
