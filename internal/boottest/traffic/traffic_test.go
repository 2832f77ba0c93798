package traffic

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
)

// ether is an Ethernet frame of a guest.
func ether(kind uint16, body []byte) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 12), kind), body...)
}

func ip(protocol byte, from, to string, body []byte) []byte {
	a, b := netip.MustParseAddr(from), netip.MustParseAddr(to)
	if b.Is6() {
		head := make([]byte, 8)
		head[0], head[6] = 6<<4, protocol
		binary.BigEndian.PutUint16(head[4:], uint16(len(body)))
		return ether(etherIPv6, slices.Concat(head, a.AsSlice(), b.AsSlice(), body))
	}
	head := make([]byte, 12)
	head[0], head[9] = 4<<4|5, protocol
	binary.BigEndian.PutUint16(head[2:], uint16(20+len(body)))
	return ether(etherIPv4, slices.Concat(head, a.AsSlice(), b.AsSlice(), body))
}

func udp(from string, source uint16, to string, port uint16, payload []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, source)
	body = binary.BigEndian.AppendUint16(body, port)
	body = binary.BigEndian.AppendUint16(body, uint16(8+len(payload)))
	return ip(protoUDP, from, to, append(append(body, 0, 0), payload...))
}

func tcp(to string, port uint16, seq uint32, flags byte, payload string) []byte {
	body := binary.BigEndian.AppendUint16(nil, 50000)
	body = binary.BigEndian.AppendUint16(body, port)
	body = binary.BigEndian.AppendUint32(body, seq)
	body = append(body, 0, 0, 0, 0, 5<<4, flags, 0, 0, 0, 0, 0, 0)
	return ip(protoTCP, "10.0.2.15", to, append(body, payload...))
}

// names is a message that asks for names, and has an answer if there is an address.
func names(t *testing.T, address string, asked ...string) []byte {
	t.Helper()
	var m dnsmessage.Message
	for _, name := range asked {
		n := dnsmessage.MustNewName(name)
		m.Questions = append(m.Questions, dnsmessage.Question{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET})
	}
	if address != "" {
		alias := dnsmessage.MustNewName("cdn.example.net.")
		m.Response = true
		m.Answers = []dnsmessage.Resource{
			{Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.CNAMEResource{CNAME: alias}},
			{Header: dnsmessage.ResourceHeader{Name: alias, Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()}},
		}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hello is a ClientHello for a host.
func hello(host string) string {
	sized := func(bytes int, b string) string {
		n := binary.BigEndian.AppendUint32(nil, uint32(len(b)))
		return string(n[4-bytes:]) + b
	}
	entry := sized(2, "\x00"+sized(2, host))
	extensions := "\x00\x17" + sized(2, "") + "\x00\x00" + sized(2, entry)
	body := "\x03\x03" + strings.Repeat("r", 32) + sized(1, "session") + sized(2, "\x13\x01") + sized(1, "\x00") + sized(2, extensions)
	return "\x16\x03\x01" + sized(2, "\x01"+sized(3, body))
}

// told is what a ledger has of frames that a guest sent, each with "<" before it if it was sent to the guest.
func told(t *testing.T, named []string, frames ...any) []string {
	t.Helper()
	l, err := NewLedger(named)
	if err != nil {
		t.Fatal(err)
	}
	for n, f := range frames {
		switch f := f.(type) {
		case []byte:
			l.Add(time.Duration(n)*time.Second, true, f)
		case toGuest:
			l.Add(time.Duration(n)*time.Second, false, f)
		}
	}
	var lines []string
	for _, d := range l.Destinations() {
		by := d.NamedBy
		if !d.Named() {
			by = "not named"
		}
		lines = append(lines, fmt.Sprintf("%s: %d from %v, %s", d, d.Packets, d.First, by))
	}
	return lines
}

type toGuest []byte

func TestWhomAGuestTalksTo(t *testing.T) {
	ask := udp("10.0.2.15", 40000, "10.0.2.3", 53, names(t, "", "WWW.example.org."))
	answer := toGuest(udp("10.0.2.3", 53, "10.0.2.15", 40000, names(t, "198.18.0.1", "www.example.org.")))
	arp := ether(etherARP, append(make([]byte, 24), 10, 0, 2, 2))
	const guest6, group6 = "fe80::1", "ff02::16"
	greeting := hello("x.example.com")
	tests := map[string]struct {
		named  []string
		frames []any
		want   []string
	}{
		"silence": {},
		"what stays on the cable": {
			[]string{"arp", "dhcp", "mld", "ndp", "igmp"},
			[]any{
				arp, arp, udp("0.0.0.0", 68, "255.255.255.255", 67, nil),
				ip(0, guest6, group6, append([]byte{protoICMPv6, 0, 5, 2, 0, 0, 1, 0}, 143, 0, 0, 0)), // with a hop-by-hop header
				ip(protoICMPv6, guest6, "ff02::2", []byte{133, 0, 0, 0}), ip(protoIGMP, "10.0.2.15", "224.0.0.22", nil),
			},
			[]string{
				"arp 10.0.2.2: 2 from 0s, arp", "dhcp 255.255.255.255:67: 1 from 2s, dhcp", "mld ff02::16: 1 from 3s, mld",
				"ndp ff02::2: 1 from 4s, ndp", "igmp 224.0.0.22: 1 from 5s, igmp",
			},
		},
		"a name, and who has it": {
			[]string{"https www.example.org"},
			[]any{ask, answer, tcp("198.18.0.1", 443, 1, 2, ""), tcp("198.18.0.1", 443, 2, 16, hello("www.example.org")), tcp("198.18.0.1", 8443, 1, 2, "")},
			[]string{
				"tcp www.example.org (198.18.0.1:8443): 1 from 4s, not named",
				"dns www.example.org (10.0.2.3:53): 1 from 0s, https www.example.org",
				"https www.example.org (198.18.0.1:443): 2 from 2s, https www.example.org",
			},
		},
		"a question without what follows": {
			nil,
			[]any{udp("10.0.2.15", 5353, "224.0.0.251", 5353, names(t, "", "_ipp._tcp.local.", "_ftp._tcp.local."))},
			[]string{"mdns _ipp._tcp.local (224.0.0.251:5353): 1 from 0s, not named", "mdns _ftp._tcp.local (224.0.0.251:5353): 1 from 0s, not named"},
		},
		"a built-in address that greets somebody, in two parts": {
			[]string{"https x.example.com"},
			[]any{tcp("1.2.3.4", 443, 0xffffffff, 2, ""), tcp("1.2.3.4", 443, 0, 16, greeting[:20]), tcp("1.2.3.4", 443, 20, 16, greeting[20:])},
			[]string{"https 1.2.3.4:443: 2 from 0s, not named", "https x.example.com (1.2.3.4:443): 1 from 2s, https x.example.com"},
		},
		"somebody else behind a name that is named": {
			[]string{"https www.example.org"},
			[]any{ask, answer, tcp("198.18.0.1", 443, 1, 2, ""), tcp("198.18.0.1", 443, 2, 16, hello("front.example.com"))},
			[]string{
				"https front.example.com (198.18.0.1:443): 1 from 3s, not named",
				"dns www.example.org (10.0.2.3:53): 1 from 0s, https www.example.org",
				"https www.example.org (198.18.0.1:443): 1 from 2s, https www.example.org",
			},
		},
		"what nobody can name": {
			[]string{"tcp 0.0.0.0/0", "udp 0.0.0.0/0"},
			[]any{
				ether(0x88cc, nil), ether(3, nil), []byte("short"), ip(47, "10.0.2.15", "1.2.3.4", nil),
				ip(protoUDP, "10.0.2.15", "1.2.3.4", []byte("short")), ip(44, guest6, "2001:db8::1", []byte{17, 0, 0, 8, 0, 0, 0, 0}),
				udp("10.0.2.15", 40000, "10.0.2.3", 53, []byte("no question")),
			},
			[]string{
				"ethernet-0x88cc: 1 from 0s, not named", "ethernet-llc: 1 from 1s, not named", "unreadable: 2 from 2s, not named",
				"ip-47 1.2.3.4: 1 from 3s, not named", "fragment 2001:db8::1: 1 from 5s, not named",
				"unreadable 10.0.2.3:53: 1 from 6s, not named",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, told(t, test.named, test.frames...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLedgerIsBounded(t *testing.T) {
	l, err := NewLedger([]string{"udp 0.0.0.0/0"})
	if err != nil {
		t.Fatal(err)
	}
	for n := range maxDestinations + 50 {
		l.Add(0, true, udp("10.0.2.15", 1, "1.2.3.4", uint16(n+10_000), nil))
	}
	all := l.Destinations()
	if len(all) != maxDestinations+1 || all[0].Protocol != "more" || all[0].Packets != 50 || all[0].Named() {
		t.Errorf("%d destinations, the first %+v", len(all), all[0])
	}
}

func TestNewLedgerRefuses(t *testing.T) {
	if _, err := NewLedger([]string{"arp", "https"}); err == nil || !strings.Contains(err.Error(), `"https" is not a destination`) {
		t.Errorf("error %v", err)
	}
}

// TestRecorderAgreesWithTcpdump lets the program that everybody trusts read what was recorded.
func TestRecorderAgreesWithTcpdump(t *testing.T) {
	var b bytes.Buffer
	r := NewRecorder(&b)
	at := time.Date(2026, 11, 22, 5, 0, 0, 123456000, time.UTC)
	r.Add(at, udp("10.0.2.15", 40000, "10.0.2.3", 53, names(t, "", "www.example.org.")))
	r.Add(at.Add(time.Second), tcp("198.18.0.1", 443, 1, 2, ""))
	r.Add(at, make([]byte, MaxRecord))
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	program, err := exec.LookPath("tcpdump")
	if err != nil {
		const header, record, first = 24, 16, 14 + 20 + 8 + 33
		if b.Len() != header+2*record+first+14+20+20 {
			t.Errorf("%d bytes", b.Len())
		}
		return
	}
	cmd := exec.Command(program, "-n", "-tt", "-r", "-")
	cmd.Stdin = &b
	out, err := cmd.Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 2 || !strings.Contains(lines[0], ".123456 IP 10.0.2.15.40000 > 10.0.2.3.53: ") ||
		!strings.Contains(lines[0], "www.example.org.") || !strings.Contains(lines[1], "> 198.18.0.1.443: Flags [S]") {
		t.Errorf("%v:\n%s", err, out)
	}
}

func FuzzLedger(f *testing.F) {
	f.Add(tcp("198.18.0.1", 443, 2, 16, hello("www.example.org")))
	f.Add(udp("10.0.2.3", 53, "10.0.2.15", 40000, []byte("\x00\x07\x01\x00\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01")))
	f.Add(ip(0, "fe80::1", "ff02::16", []byte{58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0}))
	f.Add(ether(etherARP, make([]byte, 28)))
	f.Fuzz(func(t *testing.T, frame []byte) {
		l, err := NewLedger(nil)
		if err != nil {
			t.Fatal(err)
		}
		l.Add(0, true, tcp("198.18.0.1", 443, 1, 2, ""))
		l.Add(0, false, frame)
		l.Add(0, true, frame)
		l.Add(0, true, frame)
		all := l.Destinations()
		if len(all) == 0 || len(all) > maxQuestions+2 {
			t.Fatalf("%d destinations", len(all))
		}
		for _, d := range all {
			if d.Named() || d.Packets == 0 || strings.ContainsFunc(d.String(), func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("%+v", d)
			}
		}
	})
}

func FuzzServerName(f *testing.F) {
	f.Add([]byte(hello("www.example.org")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if name, done := serverName(b); name != "" && (!done || len(name) > 255 || clean(name) != name) {
			t.Fatalf("%q, done is %v", name, done)
		}
	})
}
