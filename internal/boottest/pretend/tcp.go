package pretend

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
)

const (
	fin, syn, rst, psh, ackFlag = 1, 2, 4, 8, 16
	tcpHeader                   = 20

	// enough is how much a guest may say before the connection is ended: a TLS record, a long request.
	enough = 5 + 1<<14
)

// A pair is the two ends of a connection.
type pair struct{ guest, here netip.AddrPort }

// A connection is our end of one (RFC 9293). It sends so little that it never has to wait or to send again: a guest
// that missed it sends its own part again, and is answered again.
type connection struct {
	next  uint32 // that is expected of the guest
	first uint32 // our own first number
	said  []byte // by the guest, until it is answered
	reply []byte // what we answered
	ended bool   // we have said that we are done
	left  bool   // the guest has
}

// A segment is what the guest sent.
type segment struct {
	packet
	pair
	seq, ack uint32
	flags    byte
	data     []byte
}

func (i *Internet) tcp(p packet) [][]byte {
	b := p.body
	if len(b) < tcpHeader || int(b[12]>>4)*4 < tcpHeader || int(b[12]>>4)*4 > len(b) {
		return nil
	}
	s := segment{
		packet: p, seq: binary.BigEndian.Uint32(b[4:]), ack: binary.BigEndian.Uint32(b[8:]), flags: b[13], data: b[int(b[12]>>4)*4:],
		pair: pair{netip.AddrPortFrom(p.from, binary.BigEndian.Uint16(b)), netip.AddrPortFrom(p.to, binary.BigEndian.Uint16(b[2:]))},
	}
	c := i.connections[s.pair]
	switch {
	case s.flags&rst != 0:
		delete(i.connections, s.pair)
		return nil
	case s.flags&(syn|ackFlag) == syn && (c != nil && s.seq+1 == c.next || len(i.connections) < maxConnections):
		c = &connection{next: s.seq + 1, first: s.seq ^ 0x5a5a5a5a}
		i.connections[s.pair] = c
		return [][]byte{s.send(c.first, c.next, syn|ackFlag, nil)}
	case c == nil:
		return [][]byte{s.send(s.ack, s.seq+uint32(len(s.data))+uint32(s.flags>>1&1), rst|ackFlag, nil)} // a SYN counts as one
	}
	return i.goOn(s, c)
}

// goOn takes what the guest says on a connection, and answers.
func (i *Internet) goOn(s segment, c *connection) [][]byte {
	news := len(s.data) > 0 || s.flags&fin != 0 || s.seq != c.next // the last is one that was answered, and is sent again
	if s.seq == c.next && !c.left {
		c.next += uint32(len(s.data))
		if !c.ended {
			c.said = append(c.said, s.data...)
		}
		if s.flags&fin != 0 {
			c.next++
			c.left = true
		}
	}
	if whole := c.complete(s.here.Port()); !c.ended && (whole || c.left) {
		if whole && s.here.Port() == 80 {
			c.reply = i.web(c.said)
		}
		c.ended, c.said = true, nil
	}
	mine := c.first + 1
	heard := c.ended && s.ack == mine+uint32(len(c.reply))+1
	if heard && c.left {
		delete(i.connections, s.pair)
	}
	switch {
	case !news:
		return nil
	case heard:
		return [][]byte{s.send(s.ack, c.next, ackFlag, nil)}
	case c.ended:
		return [][]byte{s.send(mine, c.next, psh|fin|ackFlag, c.reply)}
	}
	return [][]byte{s.send(mine, c.next, ackFlag, nil)}
}

// complete reports whether the guest has said all that it is let say: a request of HTTP, a record of TLS, or some bytes of
// another protocol.
func (c *connection) complete(port uint16) bool {
	switch {
	case len(c.said) >= enough:
		return true
	case port == 80:
		return bytes.Contains(c.said, []byte("\r\n\r\n"))
	case len(c.said) > 0 && c.said[0] == 22: // a handshake of TLS
		return len(c.said) >= 5 && len(c.said) >= 5+int(binary.BigEndian.Uint16(c.said[3:]))
	}
	return len(c.said) > 0
}

func (i *Internet) web(request []byte) []byte {
	body := i.greeting
	if bytes.HasPrefix(request, []byte("HEAD ")) {
		body = ""
	}
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(i.greeting), body)
}

// send is a frame that answers a segment.
func (s segment) send(seq, ack uint32, flags byte, data []byte) []byte {
	p := packet{guest: s.packet.guest, protocol: protoTCP, from: s.to, to: s.from}
	p.body = binary.BigEndian.AppendUint16(nil, s.here.Port())
	p.body = binary.BigEndian.AppendUint16(p.body, s.pair.guest.Port())
	p.body = binary.BigEndian.AppendUint32(p.body, seq)
	p.body = binary.BigEndian.AppendUint32(p.body, ack)
	p.body = append(p.body, tcpHeader/4<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	p.body = append(p.body, data...)
	return p.sealed(16)
}
