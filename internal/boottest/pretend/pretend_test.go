package pretend

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

var guest = hardware{0x52, 0x54, 0, 0x12, 0x34, 0x56}

// addressed is a packet of the guest's.
func addressed(protocol byte, to string, body []byte) packet {
	return packet{guest: guest, protocol: protocol, from: netip.MustParseAddr("10.0.2.15"), to: netip.MustParseAddr(to), body: body}
}

// sent is the frame of a packet that the guest sends.
func sent(p packet) []byte {
	frame := p.frame()
	copy(frame[:6], own[:])
	copy(frame[6:12], guest[:])
	return frame
}

// asked is a guest's datagram.
func asked(to string, port uint16, payload []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, 40000)
	body = binary.BigEndian.AppendUint16(body, port)
	body = binary.BigEndian.AppendUint16(body, uint16(8+len(payload)))
	return sent(addressed(protoUDP, to, append(append(body, 0, 0), payload...)))
}

// got reads the one frame that came back, and holds its checksums against it.
func got(t *testing.T, frames [][]byte) packet {
	t.Helper()
	if len(frames) != 1 {
		t.Fatalf("%d frames", len(frames))
	}
	b := frames[0]
	if hardware(b[6:12]) != own || binary.BigEndian.Uint16(b[12:]) != etherIPv4 || checksum(b[14:34]) != 0 {
		t.Fatalf("% x", b)
	}
	p := packet{
		guest: hardware(b[:6]), protocol: b[23], from: netip.AddrFrom4([4]byte(b[26:30])), to: netip.AddrFrom4([4]byte(b[30:34])),
		body: b[34 : 14+int(binary.BigEndian.Uint16(b[16:]))],
	}
	from, to := p.from.As4(), p.to.As4()
	pseudo := append(append(from[:], to[:]...), 0, p.protocol)
	pseudo = append(binary.BigEndian.AppendUint16(pseudo, uint16(len(p.body))), p.body...)
	if p.protocol == protoICMP {
		pseudo = p.body
	}
	if checksum(pseudo) != 0 {
		t.Errorf("wrong checksum: % x", p.body)
	}
	return p
}

func question(t *testing.T, name string, kind dnsmessage.Type) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// resolve asks for a name and returns its addresses.
func resolve(t *testing.T, i *Internet, name string, kind dnsmessage.Type) (addresses []string) {
	t.Helper()
	p := got(t, i.Answer(asked("10.0.2.3", 53, question(t, name, kind))))
	if p.from != nameServer || binary.BigEndian.Uint16(p.body[2:]) != 40000 {
		t.Errorf("it comes from %v to port %d", p.from, binary.BigEndian.Uint16(p.body[2:]))
	}
	var m dnsmessage.Message
	if err := m.Unpack(p.body[8:]); err != nil {
		t.Fatal(err)
	}
	if m.ID != 7 || !m.Response || m.RCode != dnsmessage.RCodeSuccess || m.Questions[0].Name.String() != name {
		t.Errorf("%+v", m)
	}
	for _, a := range m.Answers {
		addresses = append(addresses, netip.AddrFrom4(a.Body.(*dnsmessage.AResource).A).String())
	}
	return addresses
}

func TestEveryNameHasAnAddressOfItsOwn(t *testing.T) {
	i := New("")
	for _, test := range []struct {
		name string
		kind dnsmessage.Type
		want string
	}{
		{"a.example.", dnsmessage.TypeA, "198.18.0.1"},
		{"b.example.", dnsmessage.TypeA, "198.18.0.2"},
		{"A.example.", dnsmessage.TypeA, "198.18.0.1"},
		{"a.example.", dnsmessage.TypeAAAA, ""},
		{"c.example.", dnsmessage.TypeMX, ""},
	} {
		if got := strings.Join(resolve(t, i, test.name, test.kind), " "); got != test.want {
			t.Errorf("%s %v: %s, not %s", test.name, test.kind, got, test.want)
		}
	}
	if len(i.names) != 2 {
		t.Errorf("%v", i.names)
	}
}

func TestAddressesAreGivenOut(t *testing.T) {
	i := New("")
	ask := func(card byte, kind byte, wanted string) (answer byte, address string, options map[byte][]byte) {
		b := make([]byte, bootpHeader)
		b[0], b[1], b[2], b[33] = 1, 1, 6, card
		b = append(b, cookie[:]...)
		b = append(b, 0, optMessage, 1, kind)
		if wanted != "" {
			b = append(append(b, optRequested, 4), netip.MustParseAddr(wanted).AsSlice()...)
		}
		p := got(t, i.Answer(asked("255.255.255.255", 67, append(b, optEnd))))
		if p.to != broadcast || p.from != router {
			t.Errorf("from %v to %v", p.from, p.to)
		}
		m := p.body[8:]
		options = optionsOf(m[bootpHeader+4:])
		return options[optMessage][0], netip.AddrFrom4([4]byte(m[16:20])).String(), options
	}
	for _, test := range []struct {
		card, kind byte
		wanted     string
		answer     byte
		address    string
	}{
		{1, discover, "", offer, "10.0.2.15"},
		{1, request, "10.0.2.15", ack, "10.0.2.15"},
		{2, discover, "", offer, "10.0.2.16"},
		{2, request, "10.0.2.15", nak, "0.0.0.0"},
		{1, inform, "", ack, "10.0.2.15"},
	} {
		answer, address, options := ask(test.card, test.kind, test.wanted)
		if answer != test.answer || address != test.address {
			t.Errorf("%+v: %d with %s", test, answer, address)
		}
		if names := options[optNames]; answer != nak && netip.AddrFrom4([4]byte(names)) != nameServer {
			t.Errorf("the name server is at %v", names)
		}
	}
}

func TestWhoIsAskedFor(t *testing.T) {
	who := func(address string) [][]byte {
		b := append([]byte{0, 1, 8, 0, 6, 4, 0, 1}, guest[:]...)
		b = append(b, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0)
		b = append(b, netip.MustParseAddr(address).AsSlice()...)
		return New("").Answer(append(append(append([]byte{255, 255, 255, 255, 255, 255}, guest[:]...), 8, 6), b...))
	}
	answer := who("10.0.2.2")
	if len(answer) != 1 || hardware(answer[0][22:28]) != own || [4]byte(answer[0][28:32]) != router.As4() {
		t.Errorf("% x", answer)
	}
	for _, nobody := range []string{"10.0.2.15", "10.0.2.77", "198.18.0.1"} {
		if answer := who(nobody); answer != nil {
			t.Errorf("%s: % x", nobody, answer)
		}
	}
}

func TestPing(t *testing.T) {
	ping := []byte{8, 0, 0, 0, 1, 2, 0, 1, 'h', 'i'}
	p := got(t, New("").Answer(sent(addressed(protoICMP, "198.18.0.9", ping))))
	if p.from.String() != "198.18.0.9" || p.body[0] != 0 || string(p.body[8:]) != "hi" {
		t.Errorf("%+v", p)
	}
	for _, nobody := range []string{"10.0.2.77", "224.0.0.1", "255.255.255.255"} {
		if answer := New("").Answer(sent(addressed(protoICMP, nobody, ping))); answer != nil {
			t.Errorf("%s answers", nobody)
		}
	}
}

// A caller is the guest's end of a connection.
type caller struct {
	t        *testing.T
	i        *Internet
	port     uint16
	seq, ack uint32
}

// say sends a segment and returns the flags and data of the answer, if there is one.
func (c *caller) say(flags byte, data string) (byte, string, bool) {
	c.t.Helper()
	b := binary.BigEndian.AppendUint16(nil, 50000)
	b = binary.BigEndian.AppendUint16(b, c.port)
	b = binary.BigEndian.AppendUint32(b, c.seq)
	b = binary.BigEndian.AppendUint32(b, c.ack)
	b = append(b, 5<<4, flags, 255, 255, 0, 0, 0, 0)
	frames := c.i.Answer(sent(addressed(protoTCP, "198.18.0.1", append(b, data...))))
	c.seq += uint32(len(data))
	if flags&(syn|fin) != 0 {
		c.seq++
	}
	if frames == nil {
		return 0, "", false
	}
	p := got(c.t, frames)
	if at := binary.BigEndian.Uint32(p.body[8:]); at != c.seq {
		c.t.Errorf("it has heard up to %d, not %d", at, c.seq)
	}
	got, said := p.body[13], string(p.body[tcpHeader:])
	c.ack = binary.BigEndian.Uint32(p.body[4:]) + uint32(len(said))
	if got&(syn|fin) != 0 {
		c.ack++
	}
	return got, said, true
}

func dial(t *testing.T, i *Internet, port uint16) *caller {
	t.Helper()
	c := &caller{t: t, i: i, port: port, seq: 0xfffffff0}
	if flags, _, _ := c.say(syn, ""); flags != syn|ackFlag {
		t.Fatalf("flags %#x", flags)
	}
	if _, _, answered := c.say(ackFlag, ""); answered {
		t.Error("an ACK is answered")
	}
	return c
}

func TestConnections(t *testing.T) {
	hello := "\x16\x03\x01\x00\x05abcde"
	tests := map[string]struct {
		port   uint16
		says   []string
		answer string
	}{
		"web":        {80, []string{"GET / HTTP/1.1\r\n", "Host: x\r\n\r\n"}, "HTTP/1.1 200 OK"},
		"TLS":        {443, []string{hello[:3], hello[3:8], hello[8:]}, ""},
		"other":      {4444, []string{"hello"}, ""},
		"TLS on 993": {993, []string{hello[:9], hello[9:]}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			i := New("nhos\n")
			c := dial(t, i, test.port)
			for n, says := range test.says {
				flags, said, _ := c.say(ackFlag|psh, says)
				if last := n == len(test.says)-1; last != (flags&fin != 0) || last && !strings.HasPrefix(said, test.answer) {
					t.Fatalf("part %d: flags %#x, %q", n, flags, said)
				}
			}
			if flags, _, _ := c.say(ackFlag|fin, ""); flags != ackFlag || len(i.connections) != 0 {
				t.Errorf("flags %#x, %d connections are left", flags, len(i.connections))
			}
		})
	}
}

func TestConnectionsThatGoWrong(t *testing.T) {
	t.Run("a part that comes twice", func(t *testing.T) {
		c := dial(t, New("nhos\n"), 80)
		before := *c
		_, first, _ := c.say(ackFlag, "GET / HTTP/1.0\r\n\r\n")
		*c = before // the answer was lost
		if flags, again, _ := c.say(ackFlag, "GET / HTTP/1.0\r\n\r\n"); again != first || flags&fin == 0 {
			t.Errorf("flags %#x, %q and then %q", flags, first, again)
		}
	})
	t.Run("the guest says nothing and goes", func(t *testing.T) {
		i := New("")
		c := dial(t, i, 25)
		if flags, _, _ := c.say(ackFlag|fin, ""); flags&(fin|ackFlag) != fin|ackFlag {
			t.Errorf("flags %#x", flags)
		}
		if _, _, answered := c.say(ackFlag, ""); answered || len(i.connections) != 0 {
			t.Errorf("%d connections are left", len(i.connections))
		}
	})
	t.Run("the guest breaks it off", func(t *testing.T) {
		i := New("")
		c := dial(t, i, 443)
		if _, _, answered := c.say(rst, ""); answered || len(i.connections) != 0 {
			t.Errorf("%d connections are left", len(i.connections))
		}
	})
	t.Run("no connection", func(t *testing.T) {
		c := &caller{t: t, i: New(""), port: 443, seq: 9}
		if flags, _, _ := c.say(ackFlag, "hello"); flags&rst == 0 {
			t.Errorf("flags %#x", flags)
		}
	})
	t.Run("too many", func(t *testing.T) {
		i := New("")
		for n := range maxConnections {
			i.connections[pair{here: netip.AddrPortFrom(firstNamed, uint16(n))}] = &connection{}
		}
		c := &caller{t: t, i: i, port: 443}
		if flags, _, _ := c.say(syn, ""); flags&rst == 0 {
			t.Errorf("flags %#x", flags)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(asked("10.0.2.3", 53, []byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01")))
	f.Add(asked("255.255.255.255", 67, append(make([]byte, bootpHeader), cookie[:]...)))
	f.Add(sent(addressed(protoTCP, "198.18.0.1", append(make([]byte, 12), 5<<4, syn, 0, 0, 0, 0, 0, 0))))
	f.Add(sent(addressed(protoICMP, "198.18.0.1", make([]byte, 8))))
	f.Fuzz(func(t *testing.T, frame []byte) {
		i := New("nhos\n")
		for range 2 {
			for _, answer := range i.Answer(frame) {
				if len(answer) < 60 || hardware(answer[6:12]) != own {
					t.Fatalf("% x", answer)
				}
			}
		}
	})
}
