package secrets

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"slices"
	"strings"
)

// whole judges a file by its form. b is its beginning; all says that it is the whole file.
func (s *Scanner) whole(path string, b []byte, all bool) {
	switch {
	case len(b) < 4:
	case all && len(b) < 64<<10 && b[0] == 0x30:
		s.der(b)
	case bytes.HasPrefix(b, []byte{0xfe, 0xed, 0xfe, 0xed}), bytes.HasPrefix(b, []byte{0xce, 0xce, 0xce, 0xce}):
		if !onlyCertificates(b) {
			s.add(KeyStore, 0, "a key store of Java's")
		}
	case b[0] == 5 && (b[1] == 1 || b[1] == 2) && (strings.HasSuffix(path, ".keytab") || strings.Contains(path, "krb5")):
		s.add(KeyStore, 0, "a Kerberos keytab")
	case gnupg(b):
		s.add(PrivateKey, 0, "a private key of GnuPG's")
	case all && secretPacket(b):
		s.add(PrivateKey, 0, "an OpenPGP private key")
	}
	if b := b[:min(len(b), 4<<10)]; pkcs12(b) {
		s.add(KeyStore, 0, "a PKCS#12 key store")
	}
}

// der finds private keys without armour: PKCS#8, PKCS#1 and SEC 1.
func (s *Scanner) der(b []byte) {
	_, err := x509.ParsePKCS8PrivateKey(b)
	if err != nil {
		_, err = x509.ParsePKCS1PrivateKey(b)
	}
	if err != nil {
		_, err = x509.ParseECPrivateKey(b)
	}
	if err == nil {
		s.add(PrivateKey, 0, "a private key in DER")
	}
}

// pkcs12 recognises RFC 7292's outermost structure: a sequence, version 3, and contents of type data or signed data.
func pkcs12(b []byte) bool {
	if len(b) < 16 || b[0] != 0x30 {
		return false
	}
	body := b[2:]
	if b[1]&0x80 != 0 {
		if n := int(b[1] & 0x7f); n <= 4 {
			body = body[n:]
		}
	}
	if !bytes.HasPrefix(body, []byte{2, 1, 3, 0x30}) {
		return false
	}
	data := []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7}
	at := bytes.Index(body[:min(len(body), 24)], data)
	return at > 0
}

// onlyCertificates walks a key store of Java's ("JKS" and "JCEKS" share the syntax) and says whether it holds no key.
func onlyCertificates(b []byte) bool {
	if len(b) < 12 {
		return false
	}
	count := binary.BigEndian.Uint32(b[8:])
	b = b[12:]
	take := func(n int) []byte {
		if n < 0 || n > len(b) {
			b = nil
			return nil
		}
		t := b[:n]
		b = b[n:]
		return t
	}
	short := func() {
		if n := take(2); n != nil {
			take(int(binary.BigEndian.Uint16(n)))
		}
	}
	for range count {
		tag := take(4)
		if tag == nil || binary.BigEndian.Uint32(tag) != 2 {
			return false
		}
		short() // alias
		take(8) // date
		short() // "X.509"
		n := take(4)
		if n == nil || take(int(binary.BigEndian.Uint32(n))) == nil {
			return false
		}
	}
	return true
}

// gnupg recognises the files of private-keys-v1.d.
func gnupg(b []byte) bool {
	b = b[:min(len(b), 512)]
	for _, begin := range []string{"(11:private-key", "(21:protected-private-key", "(20:shadowed-private-key"} {
		if bytes.HasPrefix(b, []byte(begin)) {
			return !strings.Contains(begin, "shadowed") // a shadowed one is on a card
		}
	}
	return bytes.HasPrefix(b, []byte("Key: (private-key")) || bytes.HasPrefix(b, []byte("Key: (protected-private-key")) ||
		bytes.Contains(b, []byte("\nKey: (private-key")) || bytes.Contains(b, []byte("\nKey: (protected-private-key"))
}

// secretPacket recognises a key ring that begins with an OpenPGP secret key (RFC 9580, 4.2 and 5.5.2).
func secretPacket(b []byte) bool {
	var body []byte
	var size int
	switch {
	case b[0] == 0x94:
		size, body = int(b[1]), b[2:]
	case b[0] == 0x95:
		size, body = int(binary.BigEndian.Uint16(b[1:])), b[3:]
	case b[0] == 0xc5 && b[1] < 192:
		size, body = int(b[1]), b[2:]
	case b[0] == 0xc5 && b[1] < 224:
		size, body = int(b[1]-192)<<8+int(b[2])+192, b[3:]
	default:
		return false
	}
	if size < 32 || size > len(body) {
		return false
	}
	algorithms := []byte{1, 2, 3, 16, 17, 18, 19, 22, 25, 26, 27, 28}
	return (body[0] == 4 || body[0] == 6) && slices.Contains(algorithms, body[5])
}
