package pretend

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// udp answers DHCP and questions for names.
func (i *Internet) udp(p packet) [][]byte {
	if len(p.body) < 8 {
		return nil
	}
	port, payload := binary.BigEndian.Uint16(p.body[2:]), p.body[8:]
	switch {
	case port == 67 && (p.to == broadcast || p.to == router):
		return i.dhcp(p, payload)
	case port == 53 && !p.to.IsMulticast() && p.to != broadcast: // whichever server it asks: there is one
		if answer := i.resolve(payload); answer != nil {
			return [][]byte{datagram(p, 53, binary.BigEndian.Uint16(p.body), answer)}
		}
	}
	return nil
}

// datagram is the frame of an answer by UDP (RFC 768).
func datagram(p packet, from, to uint16, payload []byte) []byte {
	p.from, p.to = p.to, p.from
	p.body = binary.BigEndian.AppendUint16(nil, from)
	p.body = binary.BigEndian.AppendUint16(p.body, to)
	p.body = binary.BigEndian.AppendUint16(p.body, uint16(8+len(payload)))
	p.body = append(append(p.body, 0, 0), payload...)
	return p.sealed(6)
}

// resolve answers a question (RFC 1035). Every name has an address of IPv4, and nothing else.
func (i *Internet) resolve(message []byte) []byte {
	var parser dnsmessage.Parser
	head, err := parser.Start(message)
	if err != nil || head.Response || head.OpCode != 0 {
		return nil
	}
	asked, err := parser.Question()
	if err != nil {
		return nil
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: head.ID, Response: true, RecursionDesired: head.RecursionDesired, RecursionAvailable: true,
	})
	if b.StartQuestions() != nil || b.Question(asked) != nil || b.StartAnswers() != nil {
		return nil
	}
	if asked.Type == dnsmessage.TypeA {
		if address, ok := i.address(asked.Name.String()); ok {
			head := dnsmessage.ResourceHeader{Name: asked.Name, Class: dnsmessage.ClassINET, TTL: 300}
			if b.AResource(head, dnsmessage.AResource{A: address.As4()}) != nil {
				return nil
			}
		}
	}
	answer, err := b.Finish()
	if err != nil {
		return nil
	}
	return answer
}

// address is that of a name.
func (i *Internet) address(name string) (netip.Addr, bool) {
	name = strings.ToLower(name)
	if a, known := i.names[name]; known {
		return a, true
	}
	if len(i.names) >= maxNames {
		return netip.Addr{}, false
	}
	a := offset(firstNamed, len(i.names))
	i.names[name] = a
	return a, true
}

// offset is the address so many places after a.
func offset(a netip.Addr, places int) netip.Addr {
	b := a.As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(places))
	return netip.AddrFrom4(b)
}
