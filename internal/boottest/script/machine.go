package script

import (
	"fmt"
	"image"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"nhos.org/nhos/internal/yamlfile"
)

const (
	maxDisks  = 8
	maxMemory = 1 << 20 // MiB
	maxCPUs   = 64
)

var (
	firmwareKind = kind{noun: "a firmware", example: "uefi", words: []string{"bios", "uefi", "secureboot"}}
	mediumKind   = kind{noun: "a way to attach the medium", example: "usb", words: []string{"cd", "usb"}}
	memoryKind   = kind{noun: "an amount of memory", example: "4096", rule: "MiB, a number from 64 to 1048576"}
	screenKind   = kind{noun: "a size of screen", example: "1920x1080", rule: "width x height in pixels, from 640x480 to 2560x1600", pattern: regexp.MustCompile(`^[0-9]{3,4}x[0-9]{3,4}$`)}
	cpusKind     = kind{noun: "a number of CPUs", example: "2", rule: "a number from 1 to 64"}
)

var machineKeys = []string{"firmware", "medium", "memory", "cpus", "disk", "network", "screen"}

// machine reads what a script asks of its machine.
func (r *reader) machine(n ast.Node, m *Machine) {
	r.entries(n, machineKeys, nil, func(key string, value ast.Node) {
		var fault, hint string
		choose := func(k kind) string {
			var s string
			s, fault = k.plain(value)
			hint = k.hint(value)
			return s
		}
		count := func(k kind, from, to int64) int {
			var v int64
			v, fault = number(value, from, to, k)
			hint = k.hint(value)
			return int(v)
		}
		switch key {
		case "firmware":
			m.Firmware = choose(firmwareKind)
		case "medium":
			m.Medium = choose(mediumKind)
		case "network":
			m.Network = Network(choose(lineKind))
		case "memory":
			m.Memory = count(memoryKind, 64, maxMemory)
		case "cpus":
			m.CPUs = count(cpusKind, 1, maxCPUs)
		case "screen":
			m.Screen, fault = screenSize(value)
			hint = screenKind.rule
		case "disk":
			m.Disks, fault = disks(value)
			hint = "for example 8G, or [8G, 1G] for two"
		}
		if fault != "" {
			r.Add(r.at(value), hint, "%s", fault)
		}
	})
}

// screenSize reads "1920x1080". A machine has 16 MiB for its picture.
func screenSize(n ast.Node) (size image.Point, fault string) {
	s, fault := screenKind.plain(n)
	if fault != "" {
		return size, fault
	}
	width, height, _ := strings.Cut(s, "x")
	size.X, _ = strconv.Atoi(width) // digits, by the pattern
	size.Y, _ = strconv.Atoi(height)
	if !size.In(image.Rect(640, 480, 2560+1, 1600+1)) {
		return image.Point{}, fmt.Sprintf("%q is not %s", s, screenKind.noun)
	}
	return size, ""
}

func disks(n ast.Node) (sizes []int64, fault string) {
	entries := []ast.Node{n}
	if list, ok := n.(*ast.SequenceNode); ok {
		entries = list.Values
	}
	if len(entries) > maxDisks {
		return nil, fmt.Sprintf("a machine has at most %d disks", maxDisks)
	}
	for _, e := range entries {
		bytes, fault := size(e, sizeKind)
		if fault != "" {
			return nil, fault
		}
		sizes = append(sizes, bytes)
	}
	return sizes, ""
}

// DiskName is what the n-th disk (from 0) is called in the guest: /dev/disk/by-id/virtio-disk1 is the first.
func DiskName(n int) string { return "disk" + strconv.Itoa(n+1) }

// follow goes through the steps and reports those that can't be done where they stand: because the machine is off, or
// has no such device.
func (r *reader) follow(s *Script) {
	on, changed := true, 0
	var plugged []string
	fault := func(step Step, hint, format string, args ...any) {
		r.Add(yamlfile.Origin{File: r.file, Line: step.Line, Column: 1}, hint, format, args...)
	}
	for _, step := range s.Steps {
		switch v := step.verb; {
		case !on && !v.off:
			fault(step, "power on comes first", "the machine is off since line %d", changed)
			on = true // one error is enough
		case on && v.off:
			fault(step, "power off, power cut or power button comes first", "the machine is on")
		}
		switch step.Verb {
		case "power off", "power cut", "power button":
			on, changed, plugged = false, step.Line, nil
		case "power on":
			on = true
		case "plug":
			if slices.Contains(plugged, step.Name) {
				fault(step, "name it otherwise, for example name: "+step.Name+"-2", "something is plugged in as %q already", step.Name)
			}
			plugged = append(plugged, step.Name)
		case "unplug":
			i := slices.Index(plugged, step.Value)
			if i < 0 && step.Value != Medium {
				fault(step, yamlfile.Suggest(step.Value, "the devices", append([]string{Medium}, plugged...)), "nothing is plugged in as %q", step.Value)
			}
			if i >= 0 {
				plugged = slices.Delete(plugged, i, i+1)
			}
		case "network":
			if s.Machine.Network == "" {
				fault(step, "machine: {network: off} gives it one, with its cable pulled", "the machine has no network card")
			}
			if step.Value != string(NetworkSlow) && (step.Rate != 0 || step.Delay != 0) {
				fault(step, "network: slow takes them", "rate and delay are for a slow network")
			}
		case "listen", "expect only named destinations":
			if s.Machine.Network != NetworkRecorded {
				fault(step, "machine: {network: recorded} gives it one that is", "the machine has no network that is recorded")
			}
		}
	}
}

// Medium is the name of the medium that the machine booted from, as a device that can be pulled out.
const Medium = "medium"
