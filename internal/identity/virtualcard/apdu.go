package virtualcard

// Status words (ISO 7816-4, NIST SP 800-73-4 part 2).
const (
	statusOK            = 0x9000
	statusMore          = 0x6100 // the low byte says how much; 0 is 256 or more
	statusTries         = 0x63C0 // the low nibble says how many are left
	statusLength        = 0x6700
	statusNoChaining    = 0x6884
	statusNotVerified   = 0x6982
	statusLocked        = 0x6983
	statusConditions    = 0x6985
	statusBadData       = 0x6A80
	statusNotFound      = 0x6A82
	statusBadParameters = 0x6A86
	statusNoReference   = 0x6A88
	statusNoInstruction = 0x6D00
	statusNoClass       = 0x6E00
)

// Instructions.
const (
	insVerify       = 0x20
	insAuthenticate = 0x87
	insSelect       = 0xA4
	insGetResponse  = 0xC0
	insGetData      = 0xCB
)

const (
	classChained = 0x10
	// maxCommand is the most that a chain of commands may carry; the longest real one is 266 bytes.
	maxCommand = 4096
)

// command is one command APDU.
type command struct {
	class, ins, p1, p2 byte
	data               []byte
	expected           int // Le: bytes that the reader takes at once, or 0 where it says nothing
}

// parseCommand reads a command APDU, short or extended (ISO 7816-3, 12.1.3). A T=0 reader leaves Le out where there is
// data; that is the same as an APDU that expects nothing.
func parseCommand(b []byte) (command, bool) {
	if len(b) < 4 {
		return command{}, false
	}
	c := command{class: b[0], ins: b[1], p1: b[2], p2: b[3]}
	body := b[4:]
	switch {
	case len(body) == 0:
		return c, true
	case len(body) == 1:
		c.expected = orWhenZero(int(body[0]), 256)
		return c, true
	case body[0] != 0 || len(body) < 3:
		return c.withBody(body[1:], int(body[0]), 1)
	}
	length := int(body[1])<<8 | int(body[2])
	if len(body) == 3 {
		c.expected = orWhenZero(length, 65536)
		return c, true
	}
	return c.withBody(body[3:], length, 2)
}

// fitsT0 says whether a command is one of T=0: five bytes, of which the last one counts the data that follow, if any
// (ISO 7816-3, 10.3.2).
func fitsT0(b []byte) bool {
	return len(b) == 5 || len(b) > 5 && len(b) == 5+int(b[4])
}

// withBody takes length bytes of data from rest, and the expected length of expectedBytes bytes behind it, if any.
func (c command) withBody(rest []byte, length, expectedBytes int) (command, bool) {
	if length == 0 || (len(rest) != length && len(rest) != length+expectedBytes) {
		return command{}, false
	}
	c.data = rest[:length]
	if tail := rest[length:]; len(tail) == 1 {
		c.expected = orWhenZero(int(tail[0]), 256)
	} else if len(tail) == 2 {
		c.expected = orWhenZero(int(tail[0])<<8|int(tail[1]), 65536)
	}
	return c, true
}

func orWhenZero(value, otherwise int) int {
	if value == 0 {
		return otherwise
	}
	return value
}

func status(sw int) []byte {
	return []byte{byte(sw >> 8), byte(sw)}
}
