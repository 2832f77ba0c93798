package secrets

import (
	"bytes"
	"strings"
)

// shadow finds passwords in files of the syntax of shadow(5), gshadow(5) and passwd(5), whose second field is a hash. A
// hash behind a "!" is a locked password, but a hash that can be guessed at all the same.
func (s *Scanner) shadow(b []byte) {
	n := 0
	for line := range bytes.Lines(b) {
		n++
		field := strings.SplitN(strings.TrimSpace(string(line)), ":", 3)
		if len(field) < 3 {
			continue
		}
		hash := strings.TrimLeft(field[1], "!*")
		if hash != "" && hash != "x" { // none, or the shadow file has it
			s.add(PasswordHash, n, "the password hash of %q", clip(field[0]))
		}
	}
}

// isShadow names the files of that syntax, with their older copies.
func isShadow(path string) bool {
	switch strings.TrimSuffix(path, "-") {
	case "/etc/shadow", "/etc/gshadow", "/etc/passwd", "/etc/group":
		return true
	}
	return false
}

// debconf finds the answers that debconf keeps of questions for passwords.
func (s *Scanner) debconf(b []byte) {
	n := 0
	for line := range bytes.Lines(b) {
		n++
		if value, ok := strings.CutPrefix(string(line), "Value:"); ok && strings.TrimSpace(value) != "" {
			s.add(Password, n, "an answer to a question for a password")
		}
	}
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
