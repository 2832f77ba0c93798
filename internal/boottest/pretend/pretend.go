// Package pretend is an internet that isn't there.
//
// A guest on it gets an address by DHCP, a router, and a name server for which every name exists: each gets an address
// of its own out of 198.18.0.0/15, which RFC 2544 keeps for tests, so that an address says by which name it was found.
// Every address answers: to a ping, and to TCP on every port. What a program would tell the world by itself it so
// comes to tell, and nobody hears it but the recorder on the cable (package traffic). No packet leaves this program.
//
// Port 80 answers every request with a greeting. On every other port the connection is accepted, and ended once the
// guest has said who it is: no server here has a certificate that a guest should trust. UDP isn't answered, but for
// DHCP and names; nor is anything of IPv6, which has no router here.
//
// [Internet.Answer] is all: a frame in, the frames out that answer it. It keeps no time and starts nothing. A frame
// that is lost is the guest's to send again, and what it can't make sense of it leaves unanswered.
package pretend

import (
	"encoding/binary"
	"net/netip"
)

// The addresses of the guest's own network are those that QEMU's router gives out.
var (
	ownNetwork = netip.MustParsePrefix("10.0.2.0/24")
	router     = netip.MustParseAddr("10.0.2.2")
	nameServer = netip.MustParseAddr("10.0.2.3")
	webServer  = netip.MustParseAddr("10.0.2.100")
	broadcast  = netip.MustParseAddr("255.255.255.255")
	firstGuest = netip.MustParseAddr("10.0.2.15") // and the next card's is 10.0.2.16
	firstNamed = netip.MustParseAddr("198.18.0.1")
)

type hardware = [6]byte

// own is the hardware address of all that isn't the guest.
var own = hardware{0x52, 0x55, 10, 0, 2, 2}

const (
	maxGuests      = 16
	maxNames       = 1 << 14
	maxConnections = 4096
)

// An Internet is one, for the cards of one guest. It isn't for several goroutines at once.
type Internet struct {
	greeting    string // of port 80
	guests      map[hardware]netip.Addr
	names       map[string]netip.Addr
	connections map[pair]*connection
}

// New makes an internet whose web servers answer with this text.
func New(greeting string) *Internet {
	return &Internet{
		greeting: greeting, guests: map[hardware]netip.Addr{}, names: map[string]netip.Addr{}, connections: map[pair]*connection{},
	}
}

const (
	etherHeader = 14
	etherIPv4   = 0x0800
	etherARP    = 0x0806
)

// Answer takes an Ethernet frame of the guest's and returns those that answer it, the first one first.
func (i *Internet) Answer(frame []byte) [][]byte {
	if len(frame) < etherHeader {
		return nil
	}
	guest, body := hardware(frame[6:12]), frame[etherHeader:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherARP:
		return i.arp(guest, body)
	case etherIPv4:
		return i.ipv4(guest, body)
	}
	return nil
}

func (i *Internet) ipv4(guest hardware, b []byte) [][]byte {
	if len(b) < 20 || b[0]>>4 != 4 {
		return nil
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < 20 || total < header || total > len(b) || binary.BigEndian.Uint16(b[6:])&0x3fff != 0 { // a fragment
		return nil
	}
	p := packet{
		guest: guest, protocol: b[9], from: netip.AddrFrom4([4]byte(b[12:16])), to: netip.AddrFrom4([4]byte(b[16:20])), body: b[header:total],
	}
	if p.protocol == protoUDP {
		return i.udp(p)
	}
	if p.to.IsMulticast() || p.to == broadcast || ownNetwork.Contains(p.to) && !isOurs(p.to) {
		return nil
	}
	switch p.protocol {
	case protoICMP:
		return echo(p)
	case protoTCP:
		return i.tcp(p)
	}
	return nil
}

// isOurs reports whether an address of the guest's own network is somebody's here.
func isOurs(a netip.Addr) bool { return a == router || a == nameServer || a == webServer }

// arp answers who asks for the hardware address of somebody here (RFC 826). All others, among them the guest's own, stay
// without an answer: that is how a guest finds out that an address is free.
func (i *Internet) arp(guest hardware, b []byte) [][]byte {
	const request, reply = 1, 2
	if len(b) < 28 || binary.BigEndian.Uint16(b[6:]) != request || !isOurs(netip.AddrFrom4([4]byte(b[24:28]))) {
		return nil
	}
	answer := append([]byte{0, 1, 8, 0, 6, 4, 0, reply}, own[:]...)
	answer = append(answer, b[24:28]...) // whom it asked for
	answer = append(answer, guest[:]...)
	answer = append(answer, b[14:18]...)
	return [][]byte{ethernet(guest, etherARP, answer)}
}

// echo answers a ping (RFC 792).
func echo(p packet) [][]byte {
	if len(p.body) < 8 || p.body[0] != 8 {
		return nil
	}
	body := append([]byte{0, 0, 0, 0}, p.body[4:]...)
	binary.BigEndian.PutUint16(body[2:], checksum(body))
	return [][]byte{p.answer(body)}
}
