package script

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A verb is one thing that a step can say.
type verb struct {
	name   string
	takes  kind     // what stands after the colon; nothing if its noun is ""
	keys   []string // that may stand beside the verb; "within" goes with every verb that has a limit
	guest  bool     // only a guest that runs our program can do it
	off    bool     // it is done to a machine that is off; all others to one that is on
	within time.Duration
	about  string
	do     action
}

// The limits of steps that name none, on a machine with KVM.
const (
	aWhile = 2 * time.Minute  // for what a boot brings with it
	soon   = 30 * time.Second // for what answers to a key or a click
	aBoot  = 5 * time.Minute
)

var verbs []verb

// init breaks the circle from the table over the actions back to the table; it makes nothing but the table.
func init() {
	verbs = []verb{
		{name: "wait for unit", takes: unitKind, guest: true, within: aWhile, do: wait("unit"), about: "A systemd unit is active."},
		{name: "wait for port", takes: portKind, guest: true, within: aWhile, do: wait("port"), about: "Something in the guest listens on this TCP port."},
		{name: "wait for file", takes: pathKind, guest: true, within: aWhile, do: wait("file"), about: "A path exists in the guest."},
		{name: "wait for process", takes: processKind, guest: true, within: aWhile, do: wait("process"), about: "A process of this name runs in the guest."},
		{name: "wait for command", takes: commandKind, keys: []string{"as"}, guest: true, within: aWhile, do: waitForCommand, about: "A command succeeds in the guest; it is tried again until it does."},
		{name: "wait for no unit", takes: unitKind, guest: true, within: aWhile, do: waitForNo("unit"), about: "A systemd unit isn't active."},
		{name: "wait for no port", takes: portKind, guest: true, within: aWhile, do: waitForNo("port"), about: "Nothing in the guest listens on this TCP port."},
		{name: "wait for no file", takes: pathKind, guest: true, within: aWhile, do: waitForNo("file"), about: "A path doesn't exist in the guest."},
		{name: "wait for no process", takes: processKind, guest: true, within: aWhile, do: waitForNo("process"), about: "No process of this name runs in the guest."},
		{name: "wait for boot", guest: true, within: aBoot, do: waitForBoot, about: "The guest has finished its boot: systemd has nothing left to start."},
		{name: "wait for text", takes: textKind, keys: []string{"region", "pressing"}, within: aWhile, do: waitForText, about: "This can be read on the screen (by tesseract)."},
		{name: "wait for still screen", takes: durationKind, within: aWhile, do: waitForStill, about: "The screen shows something and hasn't changed for so long."},
		{name: "wait for serial line", takes: textKind, within: aWhile, do: waitForSerial, about: "A line of the serial port holds this."},
		{name: "type", takes: typedKind, do: typeText, about: "Types text; \\n is Enter."},
		{name: "keys", takes: keysKind, do: pressKeys, about: "Presses keys, one combination after the other."},
		{name: "move to", takes: placeKind, within: soon, do: moveTo, about: "Moves the pointer."},
		{name: "click", takes: placeKind, within: soon, do: click("left", 1), about: "Moves the pointer and clicks."},
		{name: "double click", takes: placeKind, within: soon, do: click("left", 2), about: "Moves the pointer and clicks twice."},
		{name: "right click", takes: placeKind, within: soon, do: click("right", 1), about: "Moves the pointer and clicks the right button."},
		{name: "plug", takes: deviceKind, keys: []string{"name", "file", "size"}, do: plug, about: "Plugs a device in."},
		{name: "unplug", takes: nameKind, within: soon, do: unplug, about: "Pulls out what was plugged in under this name."},
		{name: "insert", takes: fileKind, do: insert, about: "Puts another medium into the drive that the machine booted from."},
		{name: "eject", do: eject, about: "Takes the medium out of the drive that the machine booted from."},
		{name: "network", takes: networkKind, keys: []string{"rate", "delay"}, do: network, about: "Pulls the network cable, puts it in, or makes the line slow."},
		{name: "listen", takes: durationKind, do: listen, about: "Does nothing for so long, while the network is recorded."},
		{name: "expect only named destinations", do: expectNamed, about: "Since power-on, the guest has talked to nothing on the network but what its definition names."},
		{name: "run", takes: commandKind, keys: []string{"as", "expect", "status"}, guest: true, within: time.Minute, do: run, about: "Runs a command in the guest once, by /bin/sh as root or as the desktop's user; it must succeed."},
		{name: "open", takes: programKind, guest: true, within: aWhile, do: open, about: "Starts a program in the session of the desktop's user, when that is there, and goes on."},
		{name: "run checks", guest: true, within: aBoot, do: runChecks, about: "Runs the checks that the medium carries."},
		{name: "restart", guest: true, within: aBoot, do: power, about: "Asks the guest to restart, and waits until it answers again."},
		{name: "power off", guest: true, within: aWhile, do: power, about: "Asks the guest to switch itself off, and waits until it has."},
		{name: "power button", within: aWhile, do: power, about: "Presses the power button, and waits until the guest has switched itself off."},
		{name: "power cut", do: power, about: "Cuts the power. What has reached the disks stays."},
		{name: "power on", off: true, do: power, about: "Switches the machine on again, with the same disks."},
		{name: "reset", do: power, about: "Presses the reset button."},
		{name: "screenshot", takes: nameKind, do: screenshot, about: "Keeps a picture of the screen under this name."},
		{name: "compare", takes: fileKind, keys: []string{"region", "tolerance"}, within: soon, do: compare, about: "The screen looks like this picture."},
	}
}

// verbOf finds a verb by its name.
func verbOf(name string) *verb {
	if i := slices.IndexFunc(verbs, func(v verb) bool { return v.name == name }); i >= 0 {
		return &verbs[i]
	}
	return nil
}

func verbNames() []string {
	var names []string
	for _, v := range verbs {
		names = append(names, v.name)
	}
	return names
}

// beside are the keys that may stand beside the verb.
func (v *verb) beside() []string {
	if v.within > 0 {
		return append([]string{"within"}, v.keys...)
	}
	return v.keys
}

// sentence is a step of this verb in words.
func (v *verb) sentence(s Step) string {
	switch {
	case v.takes.noun == "":
		return v.name
	case v.takes.say != nil:
		return v.name + " " + v.takes.say(s)
	case s.As == asUser:
		return v.name + " as " + s.As + " " + short(s.Value)
	case v.takes.quoted:
		return v.name + " " + short(s.Value)
	}
	return v.name + " " + s.Value
}

func (p Place) String() string {
	if p.Text != "" {
		return short(p.Text)
	}
	return fmt.Sprintf("%g, %g", p.X, p.Y)
}

// short quotes a text, and cuts it if it is long.
func short(s string) string {
	const most = 100
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	return strconv.Quote(s)
}
