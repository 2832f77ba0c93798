// Package guest is the part of a boot test that runs inside the machine under test.
//
// The medium isn't changed for it. systemd (256 and later) takes credentials from SMBIOS strings, and two of them
// ([Credentials]) add a unit to the boot. The unit mounts a second disk with the label [DiskLabel], which holds this
// program and a [Job], and runs it. The program waits for the boot to end, runs the checks and tells of all that in
// [Message]s, lines of JSON on the virtio-serial port [PortPath]. The host reads them with a [Reader].
//
// A scenario needs a guest that does what it is told. If the job says so, the program serves: it answers [Request]s,
// lines of JSON the other way, that the host sends by a [Conversation].
//
// Everything has a limit, so that a guest in which something hangs says what hangs.
package guest

import (
	"strings"
	"time"

	"nhos.org/nhos/internal/manifest"
)

// PortPath is where the guest finds the port to its host.
const PortPath = "/dev/virtio-ports/org.nhos.test"

// A Job is what the guest has to do. It lies on the second disk as [JobFile].
type Job struct {
	Checks      []manifest.Check  `json:"checks"`
	Environment map[string]string `json:"environment"`
	// BootLimit is how long the boot may take from the program's start, StuckLimit how long the same jobs of systemd
	// may be waited for.
	BootLimit  time.Duration `json:"boot_limit_ns"`
	StuckLimit time.Duration `json:"stuck_limit_ns"`
	// Serve makes the program do nothing by itself after the boot, but what is asked of it ([Conversation]).
	Serve bool `json:"serve,omitempty"`
}

// The checks that every guest gets.
const (
	BootFinished  = "guest/boot-finished"
	NoFailedUnits = "guest/no-failed-units"
)

// A Message is one line from the guest. Kind says which of the fields is set.
type Message struct {
	Kind  string  `json:"kind"`
	Hello *Facts  `json:"hello,omitempty"`
	Beat  *Beat   `json:"beat,omitempty"`
	Boot  *Boot   `json:"boot,omitempty"`
	Check *Check  `json:"check,omitempty"`
	Chunk []byte  `json:"chunk,omitempty"` // the next part of the journal, gzipped
	Error *string `json:"error,omitempty"`
	// Session is in the hello of a guest that serves: what is asked of it must name it.
	Session string  `json:"session,omitempty"`
	Answer  *Answer `json:"answer,omitempty"`
}

// The kinds of messages, in the order in which they come. A beat may come at any time after the hello.
const (
	KindHello   = "hello"
	KindBeat    = "beat"
	KindBoot    = "boot"
	KindCheck   = "check"
	KindJournal = "journal"
	KindDone    = "done"
	KindAnswer  = "answer" // only of a guest that serves; at any time after the hello
)

// Facts are what the guest knows of its machine.
type Facts struct {
	OS         string        `json:"os"`     // PRETTY_NAME
	Kernel     string        `json:"kernel"` // release
	Hostname   string        `json:"hostname"`
	Arguments  string        `json:"arguments"` // the kernel's command line
	SecureBoot bool          `json:"secure_boot"`
	Firmware   string        `json:"firmware"` // bios, uefi
	MemoryMiB  int           `json:"memory_mib"`
	Uptime     time.Duration `json:"uptime_ns"` // since the kernel started, on its monotonic clock
}

// A Beat says that the guest lives, and what it is at. A guest whose beats stay the same for longer than Limit hangs.
type Beat struct {
	Step  int           `json:"step"` // grows with each thing done
	Doing string        `json:"doing"`
	Limit time.Duration `json:"limit_ns"` // how long this step may take
}

// checking is how a beat begins that is of a check.
const checking = "check "

// Check is the id of the check that goes on.
func (b Beat) Check() (id string, ok bool) { return strings.CutPrefix(b.Doing, checking) }

// A Boot says how the boot ended.
type Boot struct {
	State   string `json:"state"` // systemd's word: running, degraded, …
	UsedMiB int    `json:"used_mib"`
	Steps   []Step `json:"steps"`
}

// A Step is one stamp of systemd's, on the kernel's monotonic clock.
type Step struct {
	At   time.Duration `json:"at_ns"`
	What string        `json:"what"`
}

// A Check is what came of one check.
type Check struct {
	manifest.Check
	Passed   bool          `json:"passed"`
	Tries    int           `json:"tries"`
	Duration time.Duration `json:"duration_ns"`
	Output   string        `json:"output"` // of the last try; bounded
}
