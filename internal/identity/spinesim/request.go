package spinesim

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// maxRequest is many times what a login sends.
const maxRequest = 256 << 10

// A request is the fields of a gpOBJECT that a client sent.
type request map[string]string

// parseRequest reads a gpOBJECT, in any order, by Go's XML, leniently: clients send "&" bare, too.
func parseRequest(body []byte) (request, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	d.CharsetReader = func(_ string, text io.Reader) (io.Reader, error) { return text, nil }
	fields, name := request{}, ""
	var value strings.Builder
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.New("the request isn't XML")
		}
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name.Local == "gpPARAM" {
				name = ""
				for _, a := range t.Attr {
					if a.Name.Local == "name" {
						name = a.Value
					}
				}
				value.Reset()
			}
		case xml.CharData:
			if name != "" {
				value.Write(t)
			}
		case xml.EndElement:
			if _, twice := fields[name]; t.Name.Local == "gpPARAM" && name != "" && !twice {
				fields[name] = strings.TrimSpace(value.String())
			}
			name = ""
		}
	}
	if len(fields) == 0 {
		return nil, errors.New("the request is no gpOBJECT")
	}
	return fields, nil
}

// signedObject is the CMS of a validation.
func (r request) signedObject() ([]byte, error) {
	response, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(r["response"]), ""))
	if err != nil || len(response) == 0 {
		return nil, errors.New("the response isn't base64")
	}
	return unwrap(response)
}
