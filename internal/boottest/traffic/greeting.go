package traffic

import (
	"encoding/binary"
	"net/netip"
)

const (
	// maxGreeting is how much of a connection is kept until its greeting is whole: a TLS record (RFC 8446, 5.1).
	maxGreeting = 5 + 1<<14
	maxFlows    = 1024
)

// A flow is a TCP connection.
type flow struct {
	from netip.AddrPort
	to   netip.AddrPort
}

// A greeting is the beginning of what the guest says on a connection.
type greeting struct {
	text []byte
	next uint32
	name string
	done bool
}

// greeted returns whom the connection of a packet is for, as far as its greeting has said it.
func (l *Ledger) greeted(p packet) string {
	if p.Transport != "tcp" {
		return ""
	}
	key := flow{p.source, netip.AddrPortFrom(p.Address, p.Port)}
	if p.syn {
		if len(l.flows) < maxFlows {
			l.flows[key] = &greeting{next: p.seq + 1}
		}
		return ""
	}
	g := l.flows[key]
	if g == nil {
		return ""
	}
	if !g.done && p.seq == g.next { // what comes out of order comes again
		g.next += uint32(len(p.payload))
		g.text = append(g.text, p.payload...)
		g.name, g.done = serverName(g.text)
		if g.done = g.done || len(g.text) > maxGreeting; g.done {
			g.text = nil
		}
	}
	return g.name
}

// serverName finds the name in a TLS ClientHello (RFC 8446, 4.1.2; RFC 6066, 3). done is false as long as more bytes may
// make one.
func serverName(b []byte) (name string, done bool) {
	if len(b) > 0 && b[0] != 22 { // no handshake
		return "", true
	}
	if len(b) < 5 {
		return "", false
	}
	if length := int(binary.BigEndian.Uint16(b[3:])); len(b) < 5+length {
		return "", false
	} else if b = b[5 : 5+length]; length < 4 || b[0] != 1 { // no ClientHello
		return "", true
	}
	c := cursor{rest: b[4:]}
	c.skip(2 + 32) // version, random
	c.take(1)      // session
	c.take(2)      // cipher suites
	c.take(1)      // compression
	extensions := cursor{rest: c.take(2)}
	for len(extensions.rest) >= 4 {
		kind := binary.BigEndian.Uint16(extensions.rest)
		extensions.skip(2)
		body := extensions.take(2)
		if kind != 0 {
			continue
		}
		list := cursor{rest: body}
		entry := cursor{rest: list.take(2)}
		entry.skip(1) // host_name
		if host := entry.take(2); len(host) > 0 && len(host) <= 255 {
			return clean(string(host)), true
		}
	}
	return "", true
}

// A cursor goes through bytes; at their end it stays.
type cursor struct{ rest []byte }

func (c *cursor) skip(n int) { c.rest = c.rest[min(n, len(c.rest)):] }

// take returns what follows, with its length before it in so many bytes; nothing if that is more than there is.
func (c *cursor) take(bytes int) []byte {
	if len(c.rest) < bytes {
		c.rest = nil
		return nil
	}
	n := 0
	for _, b := range c.rest[:bytes] {
		n = n<<8 | int(b)
	}
	c.skip(bytes)
	if n > len(c.rest) {
		c.rest = nil
		return nil
	}
	taken := c.rest[:n]
	c.skip(n)
	return taken
}
