package secrets

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// configuration judges a text file line by line.
func (s *Scanner) configuration(file string, b []byte) {
	base := path.Base(file)
	switch {
	case isShadow(file):
		s.shadow(b)
		return
	case file == "/var/cache/debconf/passwords.dat":
		s.debconf(b)
		return
	case strings.HasPrefix(file, "/var/lib/dpkg/"):
		return // what packages say of themselves
	}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		if len(line) > 4<<10 {
			line = line[:4<<10] // a longer one is data, not a setting
		}
		text := strings.TrimSpace(string(line))
		switch base {
		case ".netrc", "_netrc":
			s.netrc(text, n)
		case ".pgpass", "pgpass.conf":
			s.pgpass(text, n)
		}
		s.line(text, n, keepsPasswords(file))
	}
	if base == "config.json" || base == ".dockerconfigjson" || base == ".dockercfg" {
		s.docker(b)
	}
}

var (
	// assignment is a setting whose name says that its value is a secret, in the manners of shells, INI, YAML, JSON.
	assignment = regexp.MustCompile(`(?i)(?:^|[\s"'{,;<.])([a-z0-9_.-]*(?:passw(?:or)?d|passphrase|passwort|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|\bpsk|wep-key[0-9]|wpa-psk|\bpwd)(?:[_-]?raw|[0-9])?)["']?\s*(?::=|=>|=|:|\s[=:])\s*(.+)$`)
	// element is the same in XML.
	element = regexp.MustCompile(`(?i)<([a-z0-9_.:-]*(?:passw(?:or)?d|passphrase|secret|token|apikey|accesskey)[a-z0-9_]*)(?:\s[^>]*)?>([^<]+)</`)
	// address is one that holds a password.
	address = regexp.MustCompile(`\b[a-z][a-z0-9+.-]{1,20}://([^\s:/@"'<>]*):([^\s:/@"'<>]+)@[A-Za-z0-9\[]`)
	// hashes are those that crypt(5), htpasswd and GRUB write.
	hashes = regexp.MustCompile(`(?:^|[\s:="'])(\$(?:1|5|6|apr1)\$(?:rounds=\d+\$)?[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{22,86}|\$(?:y|gy|7)\$[./0-9A-Za-z]{2,}\$[./0-9A-Za-z]{4,}\$[./0-9A-Za-z]{43}|\$2[abxy]\$\d\d\$[./0-9A-Za-z]{53}|grub\.pbkdf2\.sha512\.\d+\.[0-9A-F]{32,}\.[0-9A-F]{32,}|\{S?SHA\}[0-9A-Za-z+/]{27,}=*)`)
	npmrc  = regexp.MustCompile(`:_(?:authToken|password|auth)\s*=\s*(\S+)`)
)

// keepsPasswords names the files in which a setting of that name holds a password, however plain a word it is.
func keepsPasswords(file string) bool {
	base := path.Base(file)
	return strings.HasPrefix(file, "/etc/NetworkManager/system-connections/") || strings.HasPrefix(base, "wpa_supplicant") ||
		base == ".my.cnf" || base == "chap-secrets" || base == "pap-secrets" || strings.Contains(base, "credentials")
}

// line judges one line of a configuration file. plain says that any word may be a password.
func (s *Scanner) line(text string, n int, plain bool) {
	if m := hashes.FindString(text); m != "" {
		s.add(PasswordHash, n, "a password hash")
		return
	}
	for _, m := range address.FindAllStringSubmatch(text, 4) {
		if likely(m[2], 3) {
			s.add(Password, n, "a password in an address")
		}
	}
	if m := npmrc.FindStringSubmatch(text); m != nil && likely(m[1], 6) {
		s.add(Token, n, "a token in the settings of npm")
	}
	if strings.HasPrefix(text, "#") || strings.HasPrefix(text, "//") || strings.HasPrefix(text, ";") {
		return
	}
	m := assignment.FindStringSubmatch(text)
	if m == nil {
		m = element.FindStringSubmatch(text)
	}
	if m == nil {
		return
	}
	if v := value(m[2]); likely(v, 6) || plain && len(v) >= 4 && !words.MatchString(v) && !expression(v) {
		s.add(Password, n, "the value of %s", clip(m[1]))
	}
}

// value is what stands after the sign of an assignment, without its quotes and what follows.
func value(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	if q := s[0]; q == '"' || q == '\'' {
		if end := strings.IndexByte(s[1:], q); end >= 0 {
			return s[1 : 1+end]
		}
		return s[1:]
	}
	if end := strings.IndexAny(s, " \t,;}"); end >= 0 {
		rest := strings.TrimSpace(s[end:])
		if s[end] == ' ' && rest != "" && rest[0] != '#' && rest[0] != ';' {
			return "" // a sentence
		}
		s = s[:end]
	}
	return s
}

// placeholders are in what people write where a password goes; words are what stands there instead of one.
var (
	placeholders = regexp.MustCompile(`(?i)example|changeme|change_me|placeholder|your[_-]|dummy|redacted|password|passwd|secret|token|\.\.\.|xxx|\*\*\*`)
	words        = regexp.MustCompile(`(?i)^(?:true|false|yes|no|none|null|nil|required|optional|sufficient|disabled?|enabled?|default|unknown|string|integer|boolean|password|secret|changeme)$`)
)

// expression says whether v takes the password from elsewhere, or says where it goes: no password stands there.
func expression(v string) bool {
	return strings.ContainsAny(v, "<>") || strings.HasPrefix(v, "$") || strings.Contains(v, "${") || strings.Contains(v, "$(")
}

// likely says whether v could be a password of at least so many characters: no word of a language or a program, no
// expression that takes it from elsewhere, no path.
func likely(v string, least int) bool {
	if len(v) < least || len(v) > 512 || placeholders.MatchString(v) || words.MatchString(v) || expression(v) {
		return false
	}
	if strings.ContainsAny(v, "(){}[]\\`") || strings.HasPrefix(v, "/") || strings.HasPrefix(v, "./") || strings.HasPrefix(v, "~") ||
		strings.HasPrefix(v, "@") || strings.HasPrefix(v, "&") || strings.Contains(v, "://") {
		return false
	}
	if strings.HasPrefix(v, "%") && len(v) <= 3 {
		return false
	}
	var lower, upper, digit, other bool
	distinct := map[rune]bool{}
	for _, c := range v {
		distinct[c] = true
		switch {
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= '0' && c <= '9':
			digit = true
		case c == '_' || c == '-' || c == '.' || c == ' ' || c == ':':
		default:
			other = true
		}
	}
	if len(distinct) < min(least, 4) {
		return false
	}
	// Letters alone, also in camel case and with dashes, are what names look like.
	return (digit || other) && (lower || upper || other || len(v) >= 8) || least < 6 && (lower || upper || digit)
}

// netrc judges a line of netrc(5).
func (s *Scanner) netrc(text string, n int) {
	words := strings.Fields(text)
	for i, w := range words {
		if w == "password" && i+1 < len(words) {
			s.add(Password, n, "a password of .netrc")
		}
	}
}

// pgpass judges a line of PostgreSQL's password file: host:port:database:user:password.
func (s *Scanner) pgpass(text string, n int) {
	if field := strings.Split(text, ":"); !strings.HasPrefix(text, "#") && len(field) >= 5 && field[4] != "" {
		s.add(Password, n, "a password of .pgpass")
	}
}

var dockerAuth = regexp.MustCompile(`"(auth|identitytoken|registrytoken)"\s*:\s*"([A-Za-z0-9+/=._-]{8,})"`)

// docker judges the file that docker and podman keep sign-ins in.
func (s *Scanner) docker(b []byte) {
	for _, m := range dockerAuth.FindAllIndex(b, most) {
		s.add(Token, lineAt(b, m[0], 1), "a sign-in to a container registry")
	}
}
