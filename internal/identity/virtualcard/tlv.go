package virtualcard

// tlv is one BER-TLV element; tag is written as it stands, most significant byte first and without leading zeros.
func tlv(tag uint32, value ...byte) []byte {
	var out []byte
	for shift := 24; shift >= 0; shift -= 8 {
		if b := byte(tag >> shift); b != 0 || len(out) > 0 {
			out = append(out, b)
		}
	}
	switch n := len(value); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n))
	}
	return append(out, value...)
}

// nextTLV takes the first element of one-byte tag from b. It fails on what is cut short.
func nextTLV(b []byte) (tag byte, value, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	tag, b = b[0], b[1:]
	length := int(b[0])
	b = b[1:]
	if length >= 0x80 {
		octets := length & 0x7F
		if octets == 0 || octets > 2 || len(b) < octets {
			return 0, nil, nil, false
		}
		length = 0
		for _, octet := range b[:octets] {
			length = length<<8 | int(octet)
		}
		b = b[octets:]
	}
	if len(b) < length {
		return 0, nil, nil, false
	}
	return tag, b[:length], b[length:], true
}
