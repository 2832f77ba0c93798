// Package manifest is what a medium says of itself.
//
// The build chain writes it into the medium as [Path], the boot test reads it back, and neither knows the other: a
// medium carries its own proof, so whoever holds the ISO can test it without the definitions that it was made from.
package manifest

import "time"

// Path is where a medium keeps its manifest, from the medium's root.
const Path = "/.disk/nhos.json"

// Version is the manifest's format. A reader refuses a later one.
const Version = 1

// A Manifest describes one medium.
type Manifest struct {
	Version int    `json:"version"`
	Image   string `json:"image"`
	Respin  string `json:"respin,omitempty"`
	Product string `json:"product"`
	// Graphical says that a screen in graphics mode is what the image ends its boot with.
	Graphical bool `json:"graphical"`
	// Menu names the entries of the boot menu, from the top: "start" is the one that starts by itself.
	Menu   []string `json:"menu"`
	Layers []Layer  `json:"layers"`
	Checks []Check  `json:"checks"`
	// Environment is what every check's command finds in its environment: the settings of the definition as
	// NHOS_PRODUCT, NHOS_HOSTNAME and so on (docs/features.md lists them).
	Environment map[string]string `json:"environment"`
	// Destinations are all that the image may talk to by itself, each as [ParseDestination] reads it.
	Destinations []string `json:"destinations,omitempty"`
}

// A Layer is one squashfs of the medium, in the order from the bottom to the top.
type Layer struct {
	Name   string `json:"name"` // file name below /live
	Key    string `json:"key"`  // digest of all that went in
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
	// Root is the digest that those of all blocks follow from (dm-verity); the kernel's line of each entry of the menu has it.
	Root string `json:"root,omitempty"`
}

// A Check is one assertion inside the booted guest. Exactly one of Run, Unit, Process and File is set.
type Check struct {
	ID      string `json:"id"`      // unique in the medium: FEATURE/NAME
	Claim   string `json:"claim"`   // what is asserted, as a sentence
	Feature string `json:"feature"` // who brought it
	// Run is a command line for /bin/sh, run as root; exit status 0 passes.
	Run string `json:"run,omitempty"`
	// Unit is a systemd unit that must be active.
	Unit string `json:"unit,omitempty"`
	// Process is the name (comm or base name of argv[0]) of a process that must run.
	Process string `json:"process,omitempty"`
	// File is a path that must exist.
	File string `json:"file,omitempty"`
	// Within is how long the check is retried until it passes. Zero is once.
	Within time.Duration `json:"within_ns,omitempty"`
	// Waivers bear that the check fails, each until its own day: one of every control that names the check. Where a
	// single control isn't waived there are none.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// EntryArguments are what the entries of the boot menu add to the kernel's command line, by the entries' names.
var EntryArguments = map[string]string{"check": "nhos.check-medium", "ram": "toram"}
