package scenario

import (
	"fmt"
	"time"

	"nhos.org/nhos/internal/boottest/traffic"
	"nhos.org/nhos/internal/manifest"
)

// A Verdict is what came of a scenario.
type Verdict string

// The verdicts.
const (
	Passed Verdict = "passed"
	Failed Verdict = "failed"
)

// A Result is all that one boot of a medium showed. It is written as result.json into the folder of its run, next to
// the files that it names; every path in it is relative to that folder.
type Result struct {
	Name     string             `json:"name"`            // FIRMWARE-AS or FIRMWARE-AS-ENTRY: "bios-cd"
	Medium   string             `json:"medium"`          // file name
	SHA256   string             `json:"sha256"`          // of the medium
	Size     int64              `json:"size"`            // of the medium, bytes
	Manifest *manifest.Manifest `json:"manifest"`        // nil for a medium that NHoS didn't build
	Firmware string             `json:"firmware"`        // bios, uefi, secureboot
	As       string             `json:"as"`              // cd, usb
	Entry    string             `json:"entry,omitempty"` // of the boot menu, where one was chosen
	// Scenario is the name of the script that was played, "" for a plain boot with the medium's checks.
	Scenario    string      `json:"scenario,omitempty"`
	Memory      int         `json:"memory"` // MiB
	CPUs        int         `json:"cpus"`
	QEMU        string      `json:"qemu"` // version
	Accelerator Accelerator `json:"accelerator"`

	// Key is of all that the verdict depends on: a run with the same key needn't be made again.
	Key string `json:"key,omitempty"`
	// Reused says that the run was made earlier, and only its result used again.
	Reused bool `json:"-"`

	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"duration_ns"`
	Verdict  Verdict       `json:"verdict"`
	// Reasons say why the verdict isn't passed, the weightiest first.
	Reasons []string `json:"reasons,omitempty"`
	// Notes are what the reader should know and what isn't a failure: what a foreign guest couldn't be asked, say.
	Notes []string `json:"notes,omitempty"`

	Guest    *Guest    `json:"guest,omitempty"` // nil when the guest never answered
	Timeline []Event   `json:"timeline"`
	Pictures []Picture `json:"pictures"`
	Checks   []Check   `json:"checks"`
	// Steps are what a scenario's script did, in order.
	Steps []Step `json:"steps,omitempty"`
	// Destinations are all that the guest talked to on a network that was recorded, those first that the definition
	// doesn't name.
	Destinations []traffic.Destination `json:"destinations,omitempty"`
	Traffic      string                `json:"traffic,omitempty"` // every frame of it, as a capture file

	SerialLog string `json:"serial_log"`        // everything that the guest wrote to its serial port
	Journal   string `json:"journal,omitempty"` // the guest's journal of this boot
}

// Waived are the checks that failed and were borne.
func (r Result) Waived() (all []Check) {
	for _, c := range r.Checks {
		if c.Waived {
			all = append(all, c)
		}
	}
	return all
}

// Outcome is the verdict in words: "passed, 1 check waived".
func (r Result) Outcome() string { return string(r.Verdict) + AlsoWaived(len(r.Waived())) }

// AlsoWaived says after a verdict how many checks were waived: ", 2 checks waived"; "" if none was.
func AlsoWaived(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", 1 check waived"
	default:
		return fmt.Sprintf(", %d checks waived", n)
	}
}

// An Accelerator says how the guest's instructions were run.
type Accelerator struct {
	Name string `json:"name"` // kvm, tcg
	Why  string `json:"why"`  // what was tried and found
}

// A Guest is what the guest said of itself.
type Guest struct {
	OS         string `json:"os"`     // PRETTY_NAME
	Kernel     string `json:"kernel"` // release
	Hostname   string `json:"hostname"`
	SecureBoot bool   `json:"secure_boot"`
	Firmware   string `json:"firmware"` // bios, uefi
	MemoryMiB  int    `json:"memory_mib"`
	UsedMiB    int    `json:"used_mib"` // when the checks began
}

// A Step is one line of a scenario's script, and what came of it.
type Step struct {
	Line     int           `json:"line"` // in the scenario's file, counted from 1
	What     string        `json:"what"` // as a sentence: "wait for text \"Log in\""
	At       time.Duration `json:"at_ns"`
	Duration time.Duration `json:"duration_ns"`
	Passed   bool          `json:"passed"`
	// Skipped says why a guest couldn't be asked this; such a step isn't a failure.
	Skipped string `json:"skipped,omitempty"`
	Output  string `json:"output,omitempty"`  // bounded
	Picture string `json:"picture,omitempty"` // file name, of the screen after a failed step or of a screenshot
}

// An Event is one step of the boot.
type Event struct {
	At   time.Duration `json:"at_ns"` // since power-on
	What string        `json:"what"`
}

// A Picture is a PNG of the guest's screen.
type Picture struct {
	At      time.Duration `json:"at_ns"`
	File    string        `json:"file"`
	Caption string        `json:"caption"`
}

// A Check is what came of one check.
type Check struct {
	manifest.Check
	Passed bool `json:"passed"`
	// Waived says that it failed, and that its waivers held on the day of the test: it doesn't make the verdict red.
	Waived   bool          `json:"waived,omitempty"`
	Tries    int           `json:"tries"`
	Duration time.Duration `json:"duration_ns"`
	Output   string        `json:"output"` // of the last try; bounded
}
