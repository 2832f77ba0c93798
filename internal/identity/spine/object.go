package spine

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxParams is more than a person with 200 roles has.
const maxParams = 2000

// A param is one <gpPARAM> of an answer.
type param struct {
	name  string
	attrs map[string]string // names in lower case
	value []byte            // its own memory, so that a ticket can be wiped
}

// An object is a <gpOBJECT>: its params in the server's order, which means nothing but for roles.
type object []param

// get gives the first value of name that isn't empty.
func (o object) get(name string) []byte {
	for _, p := range o {
		if p.name == name && len(p.value) > 0 {
			return p.value
		}
	}
	return nil
}

// text is get for what people read.
func (o object) text(name string) string { return plain(string(o.get(name))) }

// wipe overwrites all values.
func (o object) wipe() {
	for _, p := range o {
		clear(p.value)
	}
}

// parseObject reads a gpOBJECT, which looks like XML and isn't: organisations are called "A & B" and roles have quotes
// within. Everything outside of gpPARAM is passed over, a DOCTYPE above all: no DTD is fetched and no entity but
// XML's own five and numbers is known. body is UTF-8.
func parseObject(body []byte) (object, error) {
	s := scanner{text: body, lower: lowerASCII(body)}
	defer clear(s.lower)
	var all object
	for s.toParam() {
		p, ok := s.param()
		if !ok {
			continue
		}
		if len(all) == maxParams {
			all.wipe()
			return nil, fmt.Errorf("it has more than %d fields", maxParams)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		if title, isHTML := htmlTitle(body); isHTML {
			return nil, fmt.Errorf("it is an HTML page (%q), no gpOBJECT", said(title))
		}
		return nil, errors.New("it is no gpOBJECT")
	}
	return all, nil
}

// A scanner goes through a text once, from its beginning to its end.
type scanner struct {
	text  []byte
	lower []byte // text in lower case, for finding tags
	at    int
}

const (
	openTag   = "<gpparam"
	closeTag  = "</gpparam"
	objectEnd = "</gpobject"
)

// has says whether the text goes on with tag (in lower case), and tag ends there.
func (s *scanner) has(tag string) bool {
	rest := s.lower[s.at:]
	if !bytes.HasPrefix(rest, []byte(tag)) {
		return false
	}
	return len(rest) == len(tag) || !isAlphanumeric(rest[len(tag)])
}

// skipPast goes behind the next end, or to the end of the text.
func (s *scanner) skipPast(end string) {
	if i := bytes.Index(s.lower[s.at:], []byte(end)); i >= 0 {
		s.at += i + len(end)
		return
	}
	s.at = len(s.text)
}

// toParam goes behind the name of the next <gpPARAM tag.
func (s *scanner) toParam() bool {
	for {
		i := bytes.IndexByte(s.text[s.at:], '<')
		if i < 0 {
			s.at = len(s.text)
			return false
		}
		s.at += i
		rest := s.lower[s.at:]
		switch {
		case s.has(openTag):
			s.at += len(openTag)
			return true
		case bytes.HasPrefix(rest, []byte("<!--")):
			s.skipPast("-->")
		case bytes.HasPrefix(rest, []byte("<![cdata[")):
			s.skipPast("]]>")
		case bytes.HasPrefix(rest, []byte("<!doctype")):
			s.skipDoctype()
		default:
			s.at++
		}
	}
}

// skipDoctype goes behind a document type, with the declarations that it may have within [ and ].
func (s *scanner) skipDoctype() {
	i := bytes.IndexAny(s.text[s.at:], "[>")
	if i >= 0 && s.text[s.at+i] == '[' {
		s.skipPast("]")
	}
	s.skipPast(">")
}

// param reads a param from behind "<gpPARAM". ok is false for a tag that isn't whole or has no name.
func (s *scanner) param() (p param, ok bool) {
	attrs, empty, ok := s.attributes()
	if !ok {
		return param{}, false
	}
	p = param{name: attrs["name"], attrs: attrs}
	if !empty {
		p.value = s.value()
	}
	return p, p.name != ""
}

// attributes reads those of a tag, to behind its ">". empty says that the tag was closed with "/>".
func (s *scanner) attributes() (attrs map[string]string, empty, ok bool) {
	attrs = map[string]string{}
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '>':
			s.at++
			return attrs, empty, true
		case c == '<':
			return nil, false, false
		case c == '/':
			empty = true
			s.at++
		case isAlphanumeric(c):
			empty = false
			name := s.word()
			value, ok := s.attributeValue()
			if !ok {
				return nil, false, false
			}
			if _, twice := attrs[name]; !twice {
				attrs[name] = value
			}
		default:
			s.at++
		}
	}
	return nil, false, false
}

// word reads an attribute's name, in lower case.
func (s *scanner) word() string {
	from := s.at
	for s.at < len(s.text) && (isAlphanumeric(s.text[s.at]) || bytes.IndexByte([]byte("-_:."), s.text[s.at]) >= 0) {
		s.at++
	}
	return string(s.lower[from:s.at])
}

// attributeValue reads ="value" or ='value', with blanks about the sign, or nothing.
func (s *scanner) attributeValue() (value string, ok bool) {
	s.skipSpace()
	if s.at >= len(s.text) || s.text[s.at] != '=' {
		return "", true
	}
	s.at++
	s.skipSpace()
	if s.at >= len(s.text) || s.text[s.at] != '"' && s.text[s.at] != '\'' {
		return "", true
	}
	quote := s.text[s.at]
	s.at++
	i := bytes.IndexAny(s.text[s.at:], string(quote)+"<")
	if i < 0 || s.text[s.at+i] == '<' { // a quote that is never closed mustn't swallow the next param
		return "", false
	}
	value = plain(string(unescape(s.text[s.at : s.at+i])))
	s.at += i + 1
	return value, true
}

func (s *scanner) skipSpace() {
	for s.at < len(s.text) && bytes.IndexByte([]byte(" \t\r\n"), s.text[s.at]) >= 0 {
		s.at++
	}
}

// value reads the text of a param and goes behind its closing tag. Where that is missing, the text ends where the next
// param or the object's end begins. "<" that begins neither belongs to the text.
func (s *scanner) value() []byte {
	var out []byte
	from := s.at
	for s.at < len(s.text) {
		i := bytes.IndexByte(s.text[s.at:], '<')
		if i < 0 {
			s.at = len(s.text)
			break
		}
		s.at += i
		switch {
		case s.has(closeTag):
			out = append(out, unescape(s.text[from:s.at])...)
			s.skipPast(">")
			return bytes.TrimSpace(out)
		case s.has(openTag), s.has(objectEnd):
			return bytes.TrimSpace(append(out, unescape(s.text[from:s.at])...))
		case bytes.HasPrefix(s.lower[s.at:], []byte("<![cdata[")):
			out = append(out, unescape(s.text[from:s.at])...)
			s.at += len("<![CDATA[")
			from = s.at
			s.skipPast("]]>")
			out = append(out, bytes.TrimSuffix(s.text[from:s.at], []byte("]]>"))...)
			from = s.at
		default:
			s.at++
		}
	}
	return bytes.TrimSpace(append(out, unescape(s.text[from:])...))
}

var entities = map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": `"`, "apos": "'"}

// unescape is a copy of text with XML's own entities and character numbers resolved. Any other "&" is one.
func unescape(text []byte) []byte {
	const longest = len("&#x10ffff")
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		i := bytes.IndexByte(text, '&')
		if i < 0 {
			break
		}
		out = append(out, text[:i]...)
		text = text[i:]
		end := bytes.IndexByte(text[:min(len(text), longest+1)], ';')
		if end < 0 {
			out, text = append(out, '&'), text[1:]
			continue
		}
		if plain, ok := character(string(text[1:end])); ok {
			out, text = append(out, plain...), text[end+1:]
		} else {
			out, text = append(out, '&'), text[1:]
		}
	}
	return append(out, text...)
}

// character is what the entity of a name stands for.
func character(name string) (string, bool) {
	if s, ok := entities[name]; ok {
		return s, true
	}
	if len(name) < 2 || name[0] != '#' {
		return "", false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' || digits[0] == 'X' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	if err != nil || n == 0 || !utf8.ValidRune(rune(n)) {
		return "", false
	}
	return string(rune(n)), true
}
