// Package secrets finds what must not be in an image that many people hold: private keys, tokens, passwords and their
// hashes.
//
// A [Scanner] reads a file once, in order, so that the same read can serve for a digest. It looks for three things:
//
//   - files that are secrets by their form: key stores, keytabs, keys in DER, GnuPG's key files (keys.go);
//   - in every file, text or not: PEM keys and the tokens of well-known services, which all have an unmistakable
//     beginning (tokens.go, found by search.go at some gigabytes a second);
//   - in configuration, line by line: passwords in settings, addresses and files with a syntax of their own, and
//     password hashes (settings.go, accounts.go). Configuration is what the caller says it is.
//
// A rule is worth having only if it is quiet where there is nothing. So a PEM header alone is no key, a password must
// look like one and not like a placeholder or an expression, and a finding never holds the secret itself.
package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Version is raised when the rules change, so that layers that were scanned by other rules are made anew.
const Version = 1

// A Kind says what was found.
type Kind string

// The kinds.
const (
	PrivateKey   Kind = "private-key"
	KeyStore     Kind = "key-store" // PKCS#12, Java's key stores, keytabs: keys under a password or none
	Token        Kind = "token"
	Password     Kind = "password"
	PasswordHash Kind = "password-hash"
)

// Kinds are all kinds there are.
var Kinds = []Kind{PrivateKey, KeyStore, Token, Password, PasswordHash}

// A Finding is one secret in a file.
type Finding struct {
	Kind Kind   `json:"kind"`
	Line int    `json:"line,omitempty"` // from 1; 0 in a file that isn't text
	What string `json:"what"`           // in words, with no more of the secret than its first characters
}

func (f Finding) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s (%s)", f.What, f.Kind)
	}
	return fmt.Sprintf("line %d: %s (%s)", f.Line, f.What, f.Kind)
}

const (
	bufferSize = 1 << 20
	// overlap is what of one buffer is looked at again with the next: the longest text that a rule needs.
	overlap = 8 << 10
	// before is what a rule may look back at.
	before = 64
	// most bounds the findings of one file; a file with more is no more of a problem.
	most = 20
	// longest bounds the configuration files that are read line by line.
	longest = bufferSize
)

// A Scanner scans one file after the other; it is for one goroutine.
type Scanner struct {
	buf      []byte
	findings []Finding
	seen     map[Finding]bool
}

// NewScanner returns a scanner, which takes 1 MiB.
func NewScanner() *Scanner { return &Scanner{buf: make([]byte, bufferSize)} }

// File reads r to its end and returns what it found. path is where the file is in the image, absolute;
// configuration says that it is judged line by line as well. The error is r's.
func (s *Scanner) File(path string, r io.Reader, configuration bool) ([]Finding, error) {
	s.findings, s.seen = nil, map[Finding]bool{}
	carried, seen, line, first := 0, 0, 1, true
	text := false
	for {
		n, err := io.ReadFull(r, s.buf[carried:])
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return s.findings, err
		}
		b := s.buf[:carried+n]
		if first {
			text = isText(b)
			s.whole(path, b, end)
			if end && text && configuration && len(b) <= longest {
				s.configuration(path, b)
			}
		}
		at := line
		if !text {
			at = 0
		}
		s.tokens(b, seen, at)
		if end || len(s.findings) >= most {
			_, err := io.Copy(io.Discard, r) // whoever reads along wants all of it
			return s.findings, err
		}
		// What a rule may still need is kept; a finding in it is found again, and is the same finding. What begins in the
		// first bytes of it has been judged with all that it takes.
		keep := overlap + before
		line += bytes.Count(b[:len(b)-keep], []byte{'\n'})
		carried = copy(s.buf, b[len(b)-keep:])
		seen, first = before, false
	}
}

// add notes a finding once.
func (s *Scanner) add(kind Kind, line int, format string, args ...any) {
	f := Finding{kind, line, fmt.Sprintf(format, args...)}
	if !s.seen[f] && len(s.findings) < most {
		s.seen[f] = true
		s.findings = append(s.findings, f)
	}
}

// isText says whether a file that begins with b is text: no NUL in its first 8 KiB.
func isText(b []byte) bool {
	return bytes.IndexByte(b[:min(len(b), 8<<10)], 0) < 0
}

// lineAt is the number of the line that pos of b is on, where b begins on line first; 0 where lines mean nothing.
func lineAt(b []byte, pos, first int) int {
	if first == 0 {
		return 0
	}
	return first + bytes.Count(b[:pos], []byte{'\n'})
}
