package report

import (
	"net/netip"
	"slices"
	"strconv"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/boottest/traffic"
	"nhos.org/nhos/internal/ui"
)

// A destination is a line of the table of whom the guest talked to.
type destination struct {
	State, Protocol, Name, Where, First, Packets, Bytes, NamedBy string
}

func destinations(r scenario.Result) []destination {
	var all []destination
	for _, d := range r.Destinations {
		where := d.Address
		if address, err := netip.ParseAddr(d.Address); err == nil && d.Port != 0 {
			where = netip.AddrPortFrom(address, d.Port).String()
		}
		all = append(all, destination{
			State: stateOf(d.Named()), Protocol: readable(d.Protocol), Name: readable(d.Name), Where: readable(where),
			First: ui.Duration(d.First), Packets: strconv.Itoa(d.Packets), Bytes: ui.Bytes(d.Bytes), NamedBy: readable(d.NamedBy),
		})
	}
	return all
}

// junitDestination is a case that passes if the definition names whom the guest talked to. A script that doesn't ask
// for that has it only told.
func junitDestination(run string, r scenario.Result, d traffic.Destination) junitCase {
	what := readable(d.String())
	one := junitCase{Class: run + ".network", Name: "talks to " + what, Time: seconds(0)}
	one.SystemOut = "first after " + ui.Duration(d.First) + ", " + strconv.Itoa(d.Packets) + " frames, " + ui.Bytes(d.Bytes)
	asked := slices.ContainsFunc(r.Steps, func(s scenario.Step) bool { return s.What == scenario.ExpectNamed && s.Skipped == "" })
	if asked && !d.Named() {
		one.Failure = &junitMessage{Message: "the definition doesn't name " + what, Text: one.SystemOut}
		one.SystemOut = ""
	}
	return one
}
