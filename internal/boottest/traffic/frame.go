package traffic

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"nhos.org/nhos/internal/manifest"
)

// A packet is what a frame says: where it goes, and what is within.
type packet struct {
	manifest.Contact
	source  netip.AddrPort
	payload []byte // of UDP or TCP
	seq     uint32 // of TCP
	syn     bool
}

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
	// Below this the field is a length (IEEE 802.3), as with spanning tree.
	etherFirst = 0x0600

	protoICMP   = 1
	protoIGMP   = 2
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

var unreadable = packet{Contact: manifest.Contact{Protocol: "unreadable"}}

func other(format string, args ...any) packet {
	return packet{Contact: manifest.Contact{Protocol: fmt.Sprintf(format, args...)}}
}

// read reads an Ethernet frame.
func read(frame []byte) packet {
	const header = 14
	if len(frame) < header {
		return unreadable
	}
	body := frame[header:]
	switch kind := binary.BigEndian.Uint16(frame[12:]); {
	case kind == etherIPv4:
		return readIPv4(body)
	case kind == etherIPv6:
		return readIPv6(body)
	case kind == etherARP:
		return readARP(body)
	case kind < etherFirst:
		return other("ethernet-llc")
	default:
		return other("ethernet-%#04x", kind)
	}
}

// readARP takes whom is asked for (RFC 826).
func readARP(b []byte) packet {
	if len(b) < 28 {
		return unreadable
	}
	p := other("arp")
	p.Address = netip.AddrFrom4([4]byte(b[24:28]))
	return p
}

func readIPv4(b []byte) packet { // RFC 791
	if len(b) < 20 || b[0]>>4 != 4 {
		return unreadable
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < 20 || total < header || total > len(b) {
		return unreadable
	}
	from, to := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
		return fragment(to)
	}
	return readTransport(int(b[9]), from, to, b[header:total])
}

func readIPv6(b []byte) packet { // RFC 8200
	const header = 40
	if len(b) < header || b[0]>>4 != 6 {
		return unreadable
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if header+length > len(b) {
		return unreadable
	}
	from, to := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	next, rest := int(b[6]), b[header:header+length]
	for range 8 { // extension headers: hop-by-hop, routing, destination options, fragment
		switch next {
		case 0, 43, 60:
			if len(rest) < 8 || len(rest) < 8+int(rest[1])*8 {
				return unreadable
			}
			next, rest = int(rest[0]), rest[8+int(rest[1])*8:]
		case 44:
			if len(rest) < 8 {
				return unreadable
			}
			if binary.BigEndian.Uint16(rest[2:])&^7 != 0 {
				return fragment(to)
			}
			next, rest = int(rest[0]), rest[8:]
		default:
			return readTransport(next, from, to, rest)
		}
	}
	return unreadable
}

// fragment is a later part of a packet: it says where it goes, not what it is.
func fragment(to netip.Addr) packet {
	p := other("fragment")
	p.Address = to
	return p
}

func readTransport(protocol int, from, to netip.Addr, b []byte) packet {
	p := packet{Contact: manifest.Contact{Address: to}}
	switch protocol {
	case protoTCP:
		return readTCP(p, from, b)
	case protoUDP:
		return readUDP(p, from, b)
	case protoIGMP:
		p.Protocol = "igmp"
	case protoICMP:
		p.Protocol = "icmp"
	case protoICMPv6:
		if len(b) < 4 {
			return unreadable
		}
		p.Protocol = "icmp"
		switch kind := b[0]; {
		case kind >= 130 && kind <= 132, kind == 143: // RFC 2710, RFC 3810
			p.Protocol = "mld"
		case kind >= 133 && kind <= 137: // RFC 4861
			p.Protocol = "ndp"
		}
	default:
		p.Protocol = fmt.Sprintf("ip-%d", protocol)
	}
	return p
}

// services are the ports that have names in definitions; a port that isn't here goes by its transport.
var services = map[string]map[uint16]string{
	"tcp": {53: "dns", 80: "http", 443: "https"},
	"udp": {53: "dns", 67: "dhcp", 123: "ntp", 443: "https", 547: "dhcpv6", 1900: "ssdp", 5353: "mdns", 5355: "llmnr"},
}

func (p packet) to(transport string, from netip.Addr, b []byte) packet {
	p.source = netip.AddrPortFrom(from, binary.BigEndian.Uint16(b))
	p.Transport, p.Port = transport, binary.BigEndian.Uint16(b[2:])
	if p.Protocol = services[transport][p.Port]; p.Protocol == "" {
		p.Protocol = transport
	}
	return p
}

func readUDP(p packet, from netip.Addr, b []byte) packet {
	const header = 8
	if len(b) < header {
		return unreadable
	}
	p = p.to("udp", from, b)
	p.payload = b[header:]
	return p
}

func readTCP(p packet, from netip.Addr, b []byte) packet { // RFC 9293
	if len(b) < 20 {
		return unreadable
	}
	header := int(b[12]>>4) * 4
	if header < 20 || header > len(b) {
		return unreadable
	}
	p = p.to("tcp", from, b)
	p.seq, p.syn, p.payload = binary.BigEndian.Uint32(b[4:]), b[13]&2 != 0, b[header:]
	return p
}
