// Package script is the language of scenarios: what to do to a booted machine and what must come of it, a line a step.
//
// A script is a YAML file. Its steps read as sentences, and each is one thing that a person at the machine could do or
// see, or that the guest can be asked:
//
//	about: The second disk keeps its files through a power cut
//	machine: {disk: 1G}
//	steps:
//	  - wait for unit: multi-user.target
//	  - run: mkfs.ext4 -q /dev/vdb
//	  - power cut
//	  - power on
//	  - wait for text: login
//
// [Read] gives a [Script] or all that is wrong with it, each with its line. [Play] does the steps on a [Stage], which
// is the machine under test, or in tests a machine of words. The verbs stand in one table (verbs.go): the reader, the
// JSON Schema and the player go by it.
//
// Nothing waits for a fixed time, but where silence is what must be shown (listen). A step that waits has a limit, written for a machine with KVM; where instructions
// are emulated all limits are [Slowdown] times as long, so that a script need not know its machine.
package script

import (
	"image"
	"time"
)

//go:generate go run ./schemagen ../../../docs/schema/scenario.json

// Slowdown is how much longer every limit is on a machine without KVM.
const Slowdown = 4

// A Script is a scenario's file, read.
type Script struct {
	Name    string // of the file, without .yaml: "power-cut"
	File    string // path
	About   string // what it shows, as a sentence
	Machine Machine
	Steps   []Step
	// Digest is of the file and of every file that it names.
	Digest string
}

// A Machine is what a script asks of its machine; what is zero is left to the caller.
type Machine struct {
	Firmware string      // bios, uefi, secureboot
	Medium   string      // cd, usb
	Memory   int         // MiB
	CPUs     int         //
	Disks    []int64     // sizes of empty disks, bytes
	Screen   image.Point // width and height in pixels that the screen says it has
	// Network says that the machine has a network card; its cable is in from the beginning if it is on.
	Network Network
}

// A Network is the state of the machine's network.
type Network string

// The networks.
const (
	NetworkOff  Network = "off"
	NetworkOn   Network = "on"
	NetworkSlow Network = "slow"
	// NetworkRecorded is of a machine alone: a pretend internet, on which everything is kept that the guest says.
	NetworkRecorded Network = "recorded"
)

// A Step is one line of a script. Which of the values are set is the verb's business.
type Step struct {
	Line   int           // in the file, from 1
	Verb   string        // "wait for unit"
	Value  string        // what stands after the verb: a unit, a command, a path of a file on this machine
	Place  Place         // of the pointer
	Keys   [][]string    // to press, one combination after the other, by QEMU's names; again and again while a text is waited for
	Within time.Duration // the limit, for a machine with KVM; 0 is the verb's own
	Still  time.Duration // how long the screen must stand still

	As        string   // of a command: root, user; "" is root
	Program   []string // to open, with its arguments
	Expect    string   // in what a command says
	Status    int      // of a command
	Name      string   // of a device that is plugged in
	File      string   // path of what it holds
	Size      int64    // bytes that it has if it holds no file
	Region    Region
	Tolerance float64 // share of the pixels that may differ
	Rate      int64   // bytes a second
	Delay     time.Duration

	verb *verb
}

// asUser is how a step says that the desktop's user does it.
const asUser = "user"

// Command is a step that runs a command in the guest, whatever comes of it.
func Command(command string) Step {
	return Step{Verb: "run", Value: command, Status: anyStatus, verb: verbOf("run")}
}

// Limit is how long the step may take on a machine that is so many times slower than one with KVM.
func (s Step) Limit(slowdown int) time.Duration {
	limit := s.Within
	if limit == 0 {
		limit = s.verb.within
	}
	return limit * time.Duration(slowdown)
}

// A Place is where the pointer goes: a point of the screen, from its top left corner (0, 0) to the bottom right (1, 1),
// or the middle of a text that can be read on it.
type Place struct {
	X, Y float64
	Text string
}

// A Region is a part of the screen: its top left corner, width and height as shares of the whole. The zero value is
// all of it.
type Region struct {
	X, Y, Width, Height float64
}

// String is the step as a sentence: `wait for text "Log in"`.
func (s Step) String() string { return s.verb.sentence(s) }
