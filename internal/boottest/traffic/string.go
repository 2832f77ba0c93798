package traffic

import (
	"fmt"
	"net/netip"
	"strings"
)

// String is the destination as a definition would name it, with what is known besides: "https www.example.org
// (198.18.0.7:443)".
func (d Destination) String() string {
	where := d.Address
	if address, err := netip.ParseAddr(d.Address); err == nil && d.Port != 0 {
		where = netip.AddrPortFrom(address, d.Port).String()
	}
	switch {
	case d.Name == "":
		return strings.TrimSpace(d.Protocol + " " + where)
	case where == "":
		return d.Protocol + " " + d.Name
	}
	return fmt.Sprintf("%s %s (%s)", d.Protocol, d.Name, where)
}
