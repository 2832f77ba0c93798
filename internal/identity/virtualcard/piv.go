package virtualcard

import (
	"bytes"
	"math/big"
)

var (
	// pivAID is the PIV application's name, with its version at the end; readers may give it shortened.
	pivAID = []byte{0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00}
	// fascN is what a card outside the federal government has for a FASC-N: agency 9999.
	fascN = []byte{
		0xD4, 0xE7, 0x39, 0xDA, 0x73, 0x9C, 0xED, 0x39, 0xCE, 0x73, 0x9D, 0x83, 0x68,
		0x58, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0xC8, 0x42, 0x10, 0xC3, 0xEB,
	}
	// certificateObjects is under which tag GET DATA gives a slot's certificate.
	certificateObjects = map[uint32]string{0x5FC105: SlotAuthentication, 0x5FC10A: SlotSignature, 0x5FC10B: SlotManagement}
	slotReferences     = map[byte]string{0x9A: SlotAuthentication, 0x9C: SlotSignature, 0x9D: SlotManagement}
)

const (
	objectCHUID     = 0x5FC102
	objectDiscovery = 0x7E
	keyPasscode     = 0x80
	algorithmRSA    = 0x07 // RSA of 2048 bits
	modulusBytes    = 256
	passcodeBytes   = 8 // in VERIFY, filled up with FF
)

// run does what one whole command asks.
func (c *Card) run(cmd command) (data []byte, sw int, err error) {
	fresh := c.state.fresh
	c.state.fresh = false
	if cmd.ins == insSelect {
		data, sw = c.selectApplication(cmd)
		return data, sw, nil
	}
	if !c.state.selected {
		return nil, statusNoInstruction, nil
	}
	switch cmd.ins {
	case insGetData:
		data, sw = c.getData(cmd)
	case insVerify:
		sw = c.verify(cmd)
	case insAuthenticate:
		return c.authenticate(cmd, fresh)
	default:
		sw = statusNoInstruction
	}
	return data, sw, nil
}

// selectApplication answers for PIV alone. An application that isn't there leaves everything as it was
// (SP 800-73-4 part 2, 3.1.1).
func (c *Card) selectApplication(cmd command) ([]byte, int) {
	if cmd.p1 != 0x04 {
		return nil, statusBadParameters
	}
	if len(cmd.data) < 5 || !bytes.HasPrefix(pivAID, cmd.data) {
		return nil, statusNotFound
	}
	c.state.selected = true
	template := tlv(0x4F, pivAID[5:]...)
	template = append(template, tlv(0x79, tlv(0x4F, pivAID[:5]...)...)...)
	return tlv(0x61, template...), statusOK
}

func (c *Card) getData(cmd command) ([]byte, int) {
	if cmd.p1 != 0x3F || cmd.p2 != 0xFF {
		return nil, statusBadParameters
	}
	tag, name, rest, ok := nextTLV(cmd.data)
	if !ok || tag != 0x5C || len(rest) != 0 || len(name) == 0 || len(name) > 3 {
		return nil, statusBadData
	}
	var object uint32
	for _, b := range name {
		object = object<<8 | uint32(b)
	}
	if object == objectDiscovery {
		// 40 00: the card's own passcode, and no other kind.
		return tlv(objectDiscovery, append(tlv(0x4F, pivAID...), tlv(0x5F2F, 0x40, 0x00)...)...), statusOK
	}
	if object == objectCHUID {
		return tlv(0x53, c.chuid()...), statusOK
	}
	key := c.key(certificateObjects[object])
	if key == nil {
		return nil, statusNotFound
	}
	value := tlv(0x70, key.der...)
	value = append(value, tlv(0x71, 0x00)...) // not compressed
	value = append(value, tlv(0xFE)...)
	return tlv(0x53, value...), statusOK
}

// chuid names the card: readers take the GUID for its serial number.
func (c *Card) chuid() []byte {
	var value []byte
	value = append(value, tlv(0x30, fascN...)...)
	value = append(value, tlv(0x34, c.guid[:]...)...)
	value = append(value, tlv(0x35, []byte("20991231")...)...)
	value = append(value, tlv(0x3E)...)
	return append(value, tlv(0xFE)...)
}

// verify checks the passcode and counts. Without data it says how many tries are left, and with P1 FF it forgets that
// the passcode was given; neither counts.
func (c *Card) verify(cmd command) int {
	switch {
	case cmd.p2 != keyPasscode:
		return statusNoReference
	case cmd.p1 == 0xFF && len(cmd.data) == 0:
		c.state.verified = false
		return statusOK
	case cmd.p1 != 0:
		return statusBadParameters
	case len(cmd.data) == 0 && c.state.verified:
		return statusOK
	case len(cmd.data) == 0 && c.left > 0:
		return statusTries | c.left
	}
	if len(cmd.data) > 0 {
		c.stats.Verifies++
	}
	if c.left == 0 {
		return statusLocked
	}
	if len(cmd.data) != passcodeBytes {
		return statusBadData
	}
	c.state.verified = bytes.Equal(cmd.data, padded(c.passcode))
	c.state.fresh = c.state.verified
	if c.state.verified {
		c.left = c.tries
		return statusOK
	}
	c.left--
	return statusTries | c.left
}

// padded is a passcode as VERIFY carries it.
func padded(passcode string) []byte {
	block := bytes.Repeat([]byte{0xFF}, passcodeBytes)
	copy(block, passcode)
	return block
}

// authenticate signs: the bare RSA operation on a block that the reader has padded.
func (c *Card) authenticate(cmd command, fresh bool) ([]byte, int, error) {
	key := c.key(slotReferences[cmd.p2])
	if cmd.p1 != algorithmRSA || key == nil {
		return nil, statusBadParameters, nil
	}
	block, ok := challenge(cmd.data)
	if !ok || len(block) != modulusBytes {
		return nil, statusBadData, nil
	}
	message := new(big.Int).SetBytes(block)
	if message.Cmp(key.key.N) >= 0 {
		return nil, statusBadData, nil
	}
	if !c.state.verified || (key.slot == SlotSignature && !fresh) {
		return nil, statusNotVerified, nil
	}
	if c.faults.Pull == BeforeSignature {
		return nil, 0, errPulled
	}
	c.stats.Signatures++
	if c.faults.SignStatus != 0 {
		return nil, int(c.faults.SignStatus), nil
	}
	signature := message.Exp(message, key.key.D, key.key.N).FillBytes(make([]byte, modulusBytes))
	if c.faults.BadSignature {
		signature[modulusBytes/2] ^= 1
	}
	return tlv(0x7C, tlv(0x82, signature...)...), statusOK, nil
}

// challenge is the block to sign in the dynamic authentication template of GENERAL AUTHENTICATE: 7C {82 empty, 81 block}.
func challenge(data []byte) ([]byte, bool) {
	tag, template, rest, ok := nextTLV(data)
	if !ok || tag != 0x7C || len(rest) != 0 {
		return nil, false
	}
	var block []byte
	for len(template) > 0 {
		if tag, data, template, ok = nextTLV(template); !ok {
			return nil, false
		}
		if tag == 0x81 {
			block = data
		}
	}
	return block, block != nil
}
