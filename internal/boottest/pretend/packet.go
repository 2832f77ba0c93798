package pretend

import (
	"encoding/binary"
	"net/netip"
)

const (
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17
)

// A packet is one of IPv4.
type packet struct {
	guest    hardware // that sent it, or that it is for
	protocol byte
	from, to netip.Addr
	body     []byte
}

// answer is the frame that goes back to who sent p.
func (p packet) answer(body []byte) []byte {
	return packet{guest: p.guest, protocol: p.protocol, from: p.to, to: p.from, body: body}.frame()
}

// frame is the packet as it is on the cable (RFC 791).
func (p packet) frame() []byte {
	from, to := p.from.As4(), p.to.As4()
	b := make([]byte, 20, 20+len(p.body))
	b[0], b[8], b[9] = 4<<4|5, 64, p.protocol
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(p.body)))
	binary.BigEndian.PutUint16(b[6:], 0x4000) // not to be divided
	copy(b[12:], from[:])
	copy(b[16:], to[:])
	binary.BigEndian.PutUint16(b[10:], checksum(b))
	to6 := p.guest
	if p.to == broadcast {
		to6 = hardware{255, 255, 255, 255, 255, 255}
	}
	return ethernet(to6, etherIPv4, append(b, p.body...))
}

func ethernet(to hardware, kind uint16, body []byte) []byte {
	b := append(to[:], own[:]...)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = append(b, body...)
	const shortest = 60 // bytes, without the check sequence
	return append(b, make([]byte, max(0, shortest-len(b)))...)
}

// sealed completes a UDP or TCP packet: its checksum, which is at a place of the body, covers the addresses too.
func (p packet) sealed(at int) []byte {
	from, to := p.from.As4(), p.to.As4()
	pseudo := append(from[:], to[:]...)
	pseudo = append(pseudo, 0, p.protocol)
	pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(p.body)))
	sum := checksum(append(pseudo, p.body...))
	if sum == 0 && p.protocol == protoUDP {
		sum = 0xffff // 0 means that there is none
	}
	binary.BigEndian.PutUint16(p.body[at:], sum)
	return p.frame()
}

// checksum is that of the internet's protocols (RFC 1071).
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
