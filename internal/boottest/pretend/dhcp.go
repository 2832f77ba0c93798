package pretend

import (
	"net/netip"
)

// The messages and options of DHCP that are spoken here (RFC 2131, RFC 2132).
const (
	discover, offer, request, ack, nak, inform = 1, 2, 3, 5, 6, 8

	optMask, optRouter, optNames, optRequested, optLease, optMessage, optServer, optEnd = 1, 3, 6, 50, 51, 53, 54, 255

	bootpHeader = 236
)

var cookie = [4]byte{99, 130, 83, 99}

// dhcp gives each of the guest's cards its address.
func (i *Internet) dhcp(p packet, b []byte) [][]byte {
	if len(b) < bootpHeader+4 || b[0] != 1 || [4]byte(b[bootpHeader:]) != cookie {
		return nil
	}
	options := optionsOf(b[bootpHeader+4:])
	guest, ok := i.lease(hardware(b[28:34]))
	if len(options[optMessage]) != 1 || !ok {
		return nil
	}
	kind := byte(ack)
	switch options[optMessage][0] {
	case discover:
		kind = offer
	case request:
		wanted, current := options[optRequested], netip.AddrFrom4([4]byte(b[12:16]))
		if len(wanted) == 4 && netip.AddrFrom4([4]byte(wanted)) != guest || len(wanted) == 0 && !current.IsUnspecified() && current != guest {
			kind = nak
		}
	case inform:
	default:
		return nil
	}
	answer := make([]byte, bootpHeader, 300)
	copy(answer, b[:8])
	answer[0], answer[3] = 2, 0
	copy(answer[10:12], b[10:12]) // flags
	copy(answer[28:44], b[28:44]) // the card
	if kind != nak {
		copy(answer[16:20], guest.AsSlice())
	}
	answer = append(answer, cookie[:]...)
	add := func(option byte, value ...byte) {
		answer = append(append(answer, option, byte(len(value))), value...)
	}
	add(optMessage, kind)
	add(optServer, router.AsSlice()...)
	if kind != nak {
		add(optMask, 255, 255, 255, 0)
		add(optRouter, router.AsSlice()...)
		add(optNames, nameServer.AsSlice()...)
		add(optLease, 0, 1, 0x51, 0x80) // a day
	}
	answer = append(answer, optEnd)
	p.from, p.to = broadcast, router // the guest may not have its address yet
	return [][]byte{datagram(p, 67, 68, answer)}
}

// lease is the address of a card.
func (i *Internet) lease(card hardware) (netip.Addr, bool) {
	if a, known := i.guests[card]; known {
		return a, true
	}
	if len(i.guests) >= maxGuests {
		return netip.Addr{}, false
	}
	a := offset(firstGuest, len(i.guests))
	i.guests[card] = a
	return a, true
}

// optionsOf takes the options of a message apart.
func optionsOf(b []byte) map[byte][]byte {
	all := map[byte][]byte{}
	for len(b) > 0 && b[0] != optEnd {
		if b[0] == 0 { // padding
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			break
		}
		all[b[0]], b = b[2:2+int(b[1])], b[2+int(b[1]):]
	}
	return all
}
