package manifest

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// DestinationPattern is what a destination looks like in a definition and in a manifest (docs/privacy.md). What stays
// on the cable, as ARP does, needs no host. All else does: "https" alone would name the whole world.
const DestinationPattern = `^((arp|dhcp|dhcpv6|icmp|igmp|llmnr|mdns|mld|ndp|ssdp)( ` + hostPattern + `)?|(dns|http|https|ntp|tcp|udp) ` + hostPattern + `( [1-9][0-9]{0,4})?)$`

const hostPattern = `(\*\.)?[A-Za-z0-9_:]([A-Za-z0-9_.:-]{0,250}[A-Za-z0-9_:])?(/[0-9]{1,3})?`

var destinationSyntax = regexp.MustCompile(DestinationPattern)

// A Destination is one that the definition names: the image may talk to it by itself.
type Destination struct {
	Protocol string
	Host     string       // name; "*.example.org" stands for all names below example.org; "" is any
	Network  netip.Prefix // instead of a name
	Port     uint16       // 0 is any
}

// ParseDestination reads "PROTOCOL", "PROTOCOL HOST" or "PROTOCOL HOST PORT". HOST is a name, an address, or a network
// as 10.0.0.0/8.
func ParseDestination(text string) (Destination, error) {
	if !destinationSyntax.MatchString(text) {
		return Destination{}, fmt.Errorf("%q is not a destination", text)
	}
	words := strings.Fields(text)
	d := Destination{Protocol: words[0]}
	if len(words) > 1 {
		d.Host = strings.ToLower(words[1])
		if address, err := netip.ParseAddr(d.Host); err == nil {
			d.Host, d.Network = "", netip.PrefixFrom(address, address.BitLen())
		} else if strings.ContainsAny(d.Host, "/:") {
			network, err := netip.ParsePrefix(d.Host)
			if err != nil {
				return Destination{}, fmt.Errorf("%q is not a destination: %w", text, err)
			}
			d.Host, d.Network = "", network.Masked()
		}
	}
	if len(words) > 2 {
		port, err := strconv.ParseUint(words[2], 10, 16)
		if err != nil {
			return Destination{}, fmt.Errorf("%q is not a destination: %s is no port", text, words[2])
		}
		d.Port = uint16(port)
	}
	return d, nil
}

// A Contact is what a guest was seen to talk to, or to ask for.
type Contact struct {
	Protocol  string // as in a [Destination], or another one
	Transport string // tcp, udp or ""
	Name      string // that it goes by, or that is asked for; "" if none is known
	Address   netip.Addr
	Port      uint16
}

// Names reports whether d names c. Who may talk to a host by its name may also ask for its address.
func (d Destination) Names(c Contact) bool {
	asks := c.Protocol == "dns" && d.Host != ""
	if !asks && (d.Port != 0 && d.Port != c.Port || d.Protocol != c.Protocol && d.Protocol != c.Transport) {
		return false
	}
	switch below, all := strings.CutPrefix(d.Host, "*."); {
	case d.Network.IsValid():
		return d.Network.Contains(c.Address) && c.Protocol != "dns"
	case all:
		return strings.HasSuffix(strings.ToLower(c.Name), "."+below)
	case d.Host != "":
		return strings.EqualFold(c.Name, d.Host)
	}
	return true
}
