package spine

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
)

// A request is the fields of a gpOBJECT in the order that they have always had.
type request []field

type field struct{ name, value string }

// xml writes a request in the form of the Spine's own agents.
func (r request) xml() []byte {
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE USER SYSTEM \"gpOBJECT.DTD\">\n<gpOBJECT>\n")
	for _, f := range r {
		b.WriteString(`<gpPARAM name="` + f.name + `"`)
		if f.name == "response" {
			b.WriteString(` encoding="base64"`)
		}
		b.WriteByte('>')
		_ = xml.EscapeText(&b, []byte(f.value)) // a buffer takes everything
		b.WriteString("</gpPARAM>\n")
	}
	b.WriteString("</gpOBJECT>\n")
	return b.Bytes()
}

// mimeText is the text that a signed challenge travels in: a head, an empty line, and the object in base64 on one line.
func mimeText(cms []byte) []byte {
	return []byte("MIME-Version: 1.0\n" +
		"Content-Disposition: attachment; filename=\"smime.p7m\"\n" +
		"Content-Type: application/x-pkcs7-mime; name=\"smime.p7m\"\n" +
		"Content-Transfer-Encoding: base64\n\n" +
		base64.StdEncoding.EncodeToString(cms) + "\n")
}

// escape is text as a part of a query: everything but letters, digits and -._~ as %XX, so that neither the "#", which
// ends a query, nor the "+", which stands for a blank in one, is lost from a ticket.
func escape(text []byte) []byte {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, 3*len(text))
	for _, c := range text {
		if isAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return out
}
