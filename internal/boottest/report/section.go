package report

import (
	"cmp"
	"fmt"
	"strings"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/ui"
)

// A section is one run on the page.
type section struct {
	ID, Title, Medium string
	Passed            bool
	Count             string // "23 of 24"
	Lasted            string
	Reasons, Notes    []string
	Facts             []fact
	Steps             []step
	Ticks             []tick
	Last              *picture
	Earlier           []picture
	Missing           []string // names of pictures that can't be read
	Groups            []group
	Logs              []excerpt
}

// A picture is one of the gallery.
type picture struct {
	shot
	At, Caption, Alt string
}

// An excerpt is the end of a log.
type excerpt struct{ Title, Lines, File, Text string }

func (r Run) passed() bool { return r.Result.Verdict == scenario.Passed }

func newSection(run Run, id string) section {
	r := run.Result
	s := section{
		ID: id, Title: way(r), Passed: run.passed(), Lasted: ui.Duration(r.Duration),
		Reasons: readableAll(r.Reasons), Notes: readableAll(r.Notes), Facts: machine(r), Groups: groups(r),
	}
	if !s.Passed && len(s.Reasons) == 0 {
		s.Reasons = []string{"the test gave no reason"}
	}
	s.Count = count(s.Groups)
	s.Steps, s.Ticks = timeline(r.Timeline)
	for _, p := range r.Pictures {
		shot, err := run.picture(p.File)
		if err != nil {
			s.Missing = append(s.Missing, readable(p.File))
			continue
		}
		at, caption := ui.Duration(p.At), cmp.Or(readable(p.Caption), "no caption")
		s.Earlier = append(s.Earlier, picture{shot, at, caption, fmt.Sprintf("The screen at %s: %s", at, caption)})
	}
	if n := len(s.Earlier); n > 0 {
		s.Last, s.Earlier = &s.Earlier[n-1], s.Earlier[:n-1]
	}
	for _, log := range []struct{ title, file string }{{"Serial port", r.SerialLog}, {"Journal", r.Journal}} {
		text, more := run.tail(log.file)
		if text == "" {
			continue
		}
		lines := "all"
		if more {
			lines = fmt.Sprintf("the last %d lines", strings.Count(text, "\n")+1)
		}
		s.Logs = append(s.Logs, excerpt{log.title, lines, readable(log.file), text})
	}
	return s
}

// way says how the medium was booted: "UEFI, as a USB stick", and which entry of the menu was chosen, if one was.
func way(r scenario.Result) string {
	firmware := firmwareName(r.Firmware)
	if r.Firmware == "secureboot" {
		firmware = "Secure Boot"
	}
	how := firmware + ", as a " + mediumName(r.As)
	if r.Entry != "" {
		how += ", menu entry " + readable(r.Entry)
	}
	return how
}

func firmwareName(firmware string) string {
	switch firmware {
	case "bios":
		return "BIOS"
	case "uefi":
		return "UEFI"
	case "secureboot":
		return "UEFI with Secure Boot"
	default:
		return cmp.Or(readable(firmware), "unknown firmware")
	}
}

func mediumName(as string) string {
	switch as {
	case "cd":
		return "CD"
	case "usb":
		return "USB stick"
	default:
		return cmp.Or(readable(as), "medium of an unknown kind")
	}
}

// machine is what the medium was booted on, and what the guest said of itself.
func machine(r scenario.Result) []fact {
	facts := []fact{
		{Name: "Firmware", Value: firmwareName(r.Firmware)},
		{Name: "Medium as", Value: mediumName(r.As)},
		{Name: "Memory", Value: fmt.Sprintf("%d MiB", r.Memory)},
		{Name: "Processors", Value: fmt.Sprint(r.CPUs)},
		{Name: "Accelerator", Value: strings.ToUpper(readable(r.Accelerator.Name)), Aside: readable(r.Accelerator.Why)},
		{Name: "QEMU", Value: readable(r.QEMU)},
	}
	if !r.Started.IsZero() {
		facts = append(facts, fact{Name: "Power on", Value: r.Started.UTC().Format("2 January 2006, 15:04:05 UTC")})
	}
	g := r.Guest
	if g == nil {
		return append(facts, fact{Name: "Guest", Value: "it never answered"})
	}
	secure := "Secure Boot off"
	if g.SecureBoot {
		secure = "Secure Boot on"
	}
	facts = append(
		facts,
		fact{Name: "Guest", Value: readable(g.OS)},
		fact{Name: "Kernel", Value: readable(g.Kernel)},
		fact{Name: "Host name", Value: readable(g.Hostname)},
		fact{Name: "The guest sees", Value: firmwareName(g.Firmware) + ", " + secure},
	)
	if g.MemoryMiB > 0 {
		value := fmt.Sprintf("%d MiB", g.MemoryMiB)
		if g.UsedMiB > 0 {
			value = fmt.Sprintf("%d of %d MiB", g.UsedMiB, g.MemoryMiB)
		}
		facts = append(facts, fact{Name: "In use at the checks", Value: value})
	}
	return facts
}
