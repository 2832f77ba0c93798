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
	Count, Waived     string // "23 of 24", ", 1 waived"
	Lasted            string
	Reasons, Notes    []string
	Facts             []fact
	Events            []event
	Pictures          []picture
	Missing           []string // names of pictures that can't be read
	Script            string
	Steps             []step
	Recorded          bool // its network was
	Destinations      []destination
	Groups            []group
	Logs              []excerpt
	Evidence          []link
}

// An event is a line of the boot's log.
type event struct{ At, What string }

// A picture is one of the film strip, with the ids of its neighbours for those who look at one after the other.
type picture struct {
	shot
	ID, Strip, At, Caption, Alt string
	Number, Of                  int
	Previous, Next              string // "" at the ends
}

// An excerpt is the end of a log.
type excerpt struct{ Title, Lines, File, Text string }

func (r Run) passed() bool { return r.Result.Verdict == scenario.Passed }

func newSection(run Run, id string, links linker) section {
	r := run.Result
	s := section{
		ID: id, Title: way(r), Passed: run.passed(), Lasted: ui.Duration(r.Duration),
		Reasons: readableAll(r.Reasons), Notes: readableAll(r.Notes), Facts: machine(r), Groups: groups(r),
		Script: readable(r.Scenario), Evidence: links.run(run),
	}
	if !s.Passed && len(s.Reasons) == 0 {
		s.Reasons = []string{"the test gave no reason"}
	}
	s.Count, s.Waived = count(s.Groups), alsoWaived(s.Groups)
	for _, e := range r.Timeline {
		s.Events = append(s.Events, event{fmt.Sprintf("%.1f s", e.At.Seconds()), readable(e.What)})
	}
	s.film(run)
	s.Steps = steps(run, id)
	s.Recorded, s.Destinations = r.Traffic != "", destinations(r)
	s.logs(run)
	return s
}

// film adds the pictures of a run.
func (s *section) film(run Run) {
	for _, p := range run.Result.Pictures {
		shot, err := run.picture(p.File)
		if err != nil {
			s.Missing = append(s.Missing, readable(p.File))
			continue
		}
		at, caption := ui.Duration(p.At), cmp.Or(readable(p.Caption), "no caption")
		s.Pictures = append(s.Pictures, picture{
			shot: shot, Strip: s.ID + "-film", At: at, Caption: caption, Alt: fmt.Sprintf("The screen at %s: %s", at, caption),
		})
	}
	for i := range s.Pictures {
		p := &s.Pictures[i]
		name := func(n int) string { return fmt.Sprintf("%s-picture-%d", s.ID, n+1) }
		p.ID, p.Number, p.Of = name(i), i+1, len(s.Pictures)
		if i > 0 {
			p.Previous = name(i - 1)
		}
		if i+1 < len(s.Pictures) {
			p.Next = name(i + 1)
		}
	}
}

// logs adds the ends of a run's logs.
func (s *section) logs(run Run) {
	r := run.Result
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
}

// way says how the medium was booted: "UEFI, as a USB stick", and which entry of the menu was chosen or which
// scenario was played, if one was.
func way(r scenario.Result) string {
	how := shortFirmware(r.Firmware) + ", as a " + mediumName(r.As)
	if r.Entry != "" {
		how += ", menu entry " + readable(r.Entry)
	}
	if r.Scenario != "" {
		how += ", scenario " + readable(r.Scenario)
	}
	return how
}

func shortFirmware(firmware string) string {
	if firmware == "secureboot" {
		return "Secure Boot"
	}
	return firmwareName(firmware)
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
