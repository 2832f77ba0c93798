package manifest

import (
	"net/netip"
	"testing"
)

func TestDestinationNames(t *testing.T) {
	web := Contact{Protocol: "https", Transport: "tcp", Name: "www.example.org", Address: netip.MustParseAddr("198.18.0.1"), Port: 443}
	quic := web
	quic.Transport = "udp"
	question := Contact{Protocol: "dns", Transport: "udp", Name: "www.Example.org", Address: netip.MustParseAddr("10.0.2.3"), Port: 53}
	tests := []struct {
		named string
		by    Contact
		want  bool
	}{
		{"https www.example.org", web, true},
		{"https www.example.org", quic, true},
		{"tcp www.example.org", web, true},
		{"tcp www.example.org", quic, false},
		{"tcp www.example.org 443", web, true},
		{"tcp www.example.org 80", web, false},
		{"http www.example.org", web, false},
		{"https *.example.org", web, true},
		{"https *.www.example.org", web, false},
		{"https example.org", web, false},
		{"https 198.18.0.0/15", web, true},
		{"https 198.18.0.1", web, true},
		{"https 198.18.0.2", web, false},
		// Asking for a name is a contact of its own: a refused answer doesn't take back what the question told.
		{"https www.example.org", question, true},
		{"dns www.example.org", question, true},
		{"dns www.example.org", web, false},
		{"dns *.example.com", question, false},
		{"dns 10.0.2.3", question, false},
		{"udp 10.0.2.0/24", question, false},
		{"arp", Contact{Protocol: "arp"}, true},
		{"arp", Contact{Protocol: "ndp"}, false},
		{"mdns _ipp._tcp.local", Contact{Protocol: "mdns", Transport: "udp", Name: "_ipp._tcp.local"}, true},
		{"mdns _ipp._tcp.local", Contact{Protocol: "mdns", Transport: "udp", Name: "_ftp._tcp.local"}, false},
		{"udp ff02::c 1900", Contact{Protocol: "ssdp", Transport: "udp", Address: netip.MustParseAddr("ff02::c"), Port: 1900}, true},
	}
	for _, test := range tests {
		d, err := ParseDestination(test.named)
		if err != nil {
			t.Errorf("%s: %v", test.named, err)
		} else if got := d.Names(test.by); got != test.want {
			t.Errorf("%s names %+v: %v", test.named, test.by, got)
		}
	}
}

func TestDestinationRefused(t *testing.T) {
	for _, text := range []string{
		"", "https", "dns", "tcp", "ftp example.org", "https *", "https *.", "https example.org 0", "https example.org 65536",
		"arp ", "dhcp 10.0.2.2 67", "https a b", "https 10.0.0.0/33", "https example.org/8", "https a:b", "HTTPS example.org",
	} {
		if d, err := ParseDestination(text); err == nil {
			t.Errorf("%q is %+v", text, d)
		}
	}
}
