package ticket

import (
	"encoding/base64"
	"errors"
	"slices"
)

// Secrets cross the wire by the functions of this file: encoding/json keeps its buffers for later, whatever was in them.

// appendQuoted writes a JSON string. A ticket is printable ASCII; what isn't is written as \u00XX, byte by byte.
func appendQuoted(line, value []byte) []byte {
	const hex = "0123456789abcdef"
	line = append(slices.Grow(line, len(value)+2), '"')
	for _, b := range value {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			line = append(line, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
			continue
		}
		line = append(line, b)
	}
	return append(line, '"')
}

// appendBase64 writes value as base64.
func appendBase64(line, value []byte) []byte {
	return base64.StdEncoding.AppendEncode(line, value)
}

// quoted are the bytes of a JSON string that appendQuoted wrote.
type quoted []byte

// UnmarshalJSON reads the string; other escapes than appendQuoted's aren't known.
func (q *quoted) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	if len(text) < 2 || text[0] != '"' {
		return errors.New("it is no string")
	}
	text = text[1 : len(text)-1]
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		if i+5 >= len(text) || string(text[i:i+4]) != `\u00` {
			return errors.New("it holds an escape that the agent doesn't write")
		}
		out = append(out, unhex(text[i+4])<<4|unhex(text[i+5]))
		i += 5
	}
	*q = out
	return nil
}

func unhex(b byte) byte {
	switch {
	case b >= 'a':
		return b - 'a' + 10
	case b >= 'A':
		return b - 'A' + 10
	}
	return b - '0'
}
