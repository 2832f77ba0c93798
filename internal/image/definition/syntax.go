package definition

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"nhos.org/nhos/internal/image/secrets"
	"nhos.org/nhos/internal/manifest"
)

// A syntax is what a value must look like. The reader holds values against it and the JSON Schema states it, so it
// keeps to the regular expressions that Go and ECMAScript understand alike.
type syntax struct {
	noun    string // "a locale"
	example string
	rule    string // in words, where an example doesn't tell it
	pattern *regexp.Regexp
	words   []string           // instead of a pattern: the values that there are
	most    int                // characters; 0 is no limit
	lines   bool               // may have more than one line
	number  bool               // may be written without quotes although it looks like a number
	parse   func(string) error // what the pattern can't tell, after it
}

const (
	menuRule     = "no quotes, and none of $ ; & | < > { } ` \\, which mean something in a boot menu"
	durationRule = "a number with h, m or s after it, for example 1m30s"
)

// grub are the characters with a meaning in GRUB's menu language, as a part of a character class, with both quotes. What
// ends in a boot menu can't hold them.
const grub = `"'$;&|<>{}\x60\\`

const (
	control = `\x00-\x1f\x7f`
	debName = `[a-z0-9][a-z0-9+.-]+` // Debian policy, 5.6.1
	// What may stand in an address unquoted in JSON, in a shell's double quotes and in a desktop file.
	urlCharacters = `[A-Za-z0-9._~:/?#@!&()*+,;=%\[\]-]`

	label = `[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?`
)

// syntaxes are named by the format= of the struct tags in keys.go.
var syntaxes = map[string]syntax{
	"text":      {noun: "text", example: "A system that starts", pattern: re(`\S`), lines: true},
	"command":   {noun: "a command", example: "test -e /etc/motd", pattern: re(`\S`), lines: true},
	"name":      {noun: "a name", example: "office-printing", rule: "lower-case letters, digits and dashes", pattern: re(`^[a-z0-9][a-z0-9-]*$`), most: 63},
	"word":      {noun: "a name", example: "debian", pattern: re(`^[a-z][a-z0-9-]*$`), most: 63},
	"component": {noun: "a component", example: "main", pattern: re(`^[a-z][a-z0-9-]*$`), most: 63},
	"suite":     {noun: "a suite", example: "trixie-security", pattern: re(`^[a-z][a-z0-9-]*(/[a-z0-9-]+)*$`), most: 63},
	"keyring":   {noun: "the name of a keyring", example: "debian-archive-keyring", pattern: re(`^[a-z0-9][A-Za-z0-9+.-]*$`), most: 100},
	"package":   {noun: "a package name", example: "firefox-esr", pattern: re(`^` + debName + `$`), most: 100},
	"pattern":   {noun: "a path pattern", example: "/usr/share/man/*", pattern: re(`^/[^\s` + control + `"']*$`), most: 1000},
	"glob":      {noun: "an absolute path", example: "/etc/ssl/private/test.key", pattern: re(`^(/[^/\[\]\\` + control + `]+)+$`), most: 4000},
	"secret":    {noun: "a kind of secret", example: "private-key", words: kindsOfSecrets()},
	"path":      {noun: "an absolute path", example: "/etc/motd", pattern: re(`^(/[^/` + control + `]+)+$`), most: 4000},
	"mode":      {noun: "a mode", example: "0440", rule: "three or four octal digits, for example \"0440\"", pattern: re(`^[0-7]{3,4}$`), number: true},
	"product":   {noun: "a product name", example: "NHoS Desktop", rule: menuRule, pattern: re(`^[^\s` + control + grub + `]([^` + control + grub + `]*[^\s` + control + grub + `])?$`), most: 60},
	"mirror":    {noun: "a mirror", example: "https://mirror.example/debian", rule: "auto, or an address that begins with http://, https:// or file:/", pattern: re(`^(auto|https?://[A-Za-z0-9\[][A-Za-z0-9._~:/@%+,=\[\]-]*|file:/[A-Za-z0-9._~:/@%+,=-]*)$`), most: 1000},
	"ods-code":  {noun: "an ODS code", example: "RX1", rule: "three to ten capital letters and digits, for example RX1", pattern: re(`^[A-Z0-9]{3,10}$`)},

	"architecture": {noun: "an architecture", example: "amd64", words: []string{"amd64"}},
	"archive":      {noun: "an archive", example: "security", words: []string{"main", "security"}},
	"compression":  {noun: "a compression", example: "small", words: []string{"fast", "small"}},

	"locale":          {noun: "a locale", example: "en_GB.UTF-8", pattern: re(`^(C|[a-z]{2,3}_[A-Z]{2})\.UTF-8(@[a-z]+)?$`)},
	"keyboard":        {noun: "a keyboard layout", example: "gb", pattern: re(`^[a-z]{2,}(,[a-z]{2,})*$`), most: 60},
	"timezone":        {noun: "a time zone", example: "Europe/London", pattern: re(`^[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2}$`), most: 60},
	"hostname":        {noun: "a host name", example: "ward-7", rule: "letters, digits and dashes, with a letter or digit first and last", pattern: re(`^` + label + `(\.` + label + `)*$`), most: 64}, // RFC 1123; Linux's limit
	"user":            {noun: "a user name", example: "user", pattern: re(`^[a-z_][a-z0-9_-]*$`), most: 32},                                                                                            // useradd(8)
	"group":           {noun: "a group name", example: "lpadmin", pattern: re(`^[a-z_][a-z0-9_-]*$`), most: 32},                                                                                        // groupadd(8)
	"full-name":       {noun: "a full name", example: "Live user", rule: `none of : , = " \`, pattern: re(`^[^` + control + `:,="\\]+$`), most: 100},                                                   // passwd(5)
	"kernel-argument": {noun: "a kernel argument", example: "console=ttyS0", rule: "no spaces; " + menuRule, pattern: re(`^[A-Za-z0-9!%()*+,./:=?@\[\]^_~-]+$`), most: 500},

	"title":       {noun: "a title", example: "Intranet", rule: "one line of at most 60 characters, without spaces at its ends", pattern: re(`^[^\s` + control + `]([^` + control + `]*[^\s` + control + `])?$`), most: 60},
	"url":         {noun: "an address", example: "https://intranet.example.org/", rule: "an address that begins with https://, http:// or file:///, without spaces or quotes", pattern: re(`^(https?://[A-Za-z0-9\[]|file:///)` + urlCharacters + `*$`), most: 2000},
	"url-pattern": {noun: "an address pattern", example: "https://www.example.org/leaflets/*", rule: "an address without spaces or quotes; a host alone stands for all of it", pattern: re(`^` + urlCharacters + `+$`), most: 2000},
	"extension":   {noun: "an extension's id", example: "uBlock0@raymondhill.net", rule: "name@domain or {8-4-4-4-12 hexadecimal digits} for Firefox, 32 letters from a to p for Chromium", pattern: re(`^([a-p]{32}|\{[0-9a-fA-F-]{36}\}|[A-Za-z0-9._+-]*@[A-Za-z0-9._-]+)$`), most: 100},
	"destination": {noun: "a destination", example: "https updates.example.org", rule: "a protocol, a host and perhaps a port, for example https updates.example.org; docs/privacy.md has the protocols", pattern: re(manifest.DestinationPattern), most: 300, parse: func(s string) error { _, err := manifest.ParseDestination(s); return err }},

	"duration": {noun: "a duration", example: "30s", rule: durationRule, pattern: re(`^([0-9]{1,4}(h|ms|m|s))+$`), most: 20},
	"seconds":  {noun: "a duration", example: "5s", rule: "whole minutes or seconds, for example 5s", pattern: re(`^([0-9]{1,4}(m|s))+$`), most: 20},

	"unit":    {noun: "a systemd unit", example: "cups.service", pattern: re(`^[A-Za-z0-9:_.@\\-]+\.(service|socket|target|timer|mount|automount|path|slice|device|scope|swap)$`), most: 255},
	"process": {noun: "the name of a process", example: "cinnamon", pattern: re(`^[^\s/` + control + `]+$`), most: 255},

	"control":  {noun: "a control", example: "FW-1", rule: "capital letters and digits, a dash and a number, for example FW-1", pattern: re(`^[A-Z][A-Z0-9]*-[0-9]+$`), most: 20},
	"check":    {noun: "a check", example: "firewall/drops-inbound", rule: "the part that brings it and the check's id, for example firewall/drops-inbound", pattern: re(`^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*$`), most: 127},
	"built":    {noun: "something that a build shows", example: "sbom", words: BuiltProofs},
	"firmware": {noun: "a firmware", example: "secureboot", words: []string{"bios", "uefi", "secureboot"}},
	"reason":   {noun: "text", example: "The ward's monitors show no patient; reviewed each quarter", pattern: re(`\S`), lines: true},
	"person":   {noun: "a name or a role", example: "Head of IT", pattern: re(`\S`), most: 100},
	"day":      {noun: "a day", example: "2027-03-31", rule: "year, month and day, for example 2027-03-31", pattern: re(`^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`)},
	"outcome":  {noun: "an outcome of the CAF", example: "B4.b", pattern: re(`^[A-E][1-9]\.[a-z]$`)},
	"cis":      {noun: "a number of the benchmark", example: "1.3.1.2", pattern: re(`^[1-9](\.[0-9]{1,2}){2,5}$`)},
	"theme":    {noun: "a theme of Cyber Essentials", example: "Firewalls", words: []string{"Firewalls", "Secure configuration", "Security update management", "User access control", "Malware protection"}},
	"principle": {noun: "a principle of the NCSC's guidance", example: "Secure boot", words: []string{
		"Data-in-transit protection", "Data-at-rest protection", "Authentication", "Secure boot", "Platform integrity and application sandboxing",
		"Application allow listing", "Malicious code detection and prevention", "Security policy enforcement", "External interface protection",
		"Device update policy", "Event collection for enterprise analysis", "Incident response",
	}},
}

func kindsOfSecrets() (words []string) {
	for _, k := range secrets.Kinds {
		words = append(words, string(k))
	}
	return words
}

func re(s string) *regexp.Regexp { return regexp.MustCompile(s) }

// hint says how a value is written.
func (x syntax) hint() string {
	if x.rule != "" {
		return x.rule
	}
	return "for example " + quote(x.example)
}

// fault returns what is wrong with s and what to do about it; "" if nothing is.
func (x syntax) fault(s string) (message, hint string) {
	hint = x.hint()
	for _, r := range s {
		if !unicode.IsPrint(r) && (!x.lines || r != '\n' && r != '\t') {
			return quote(s) + " holds a character that can't be seen", "type the value anew instead of pasting it"
		}
	}
	switch {
	case x.words != nil && !slices.Contains(x.words, s):
		return quote(s) + " is not " + x.noun, suggest(s, "the values", x.words)
	case x.most > 0 && utf8.RuneCountInString(s) > x.most:
		return quote(s) + " is too long for " + x.noun, fmt.Sprintf("at most %d characters", x.most)
	case x.pattern != nil && !x.pattern.MatchString(s):
		if lower := strings.ToLower(s); x.pattern.MatchString(lower) {
			hint = "did you mean " + quote(lower) + "?"
		}
		return quote(s) + " is not " + x.noun, hint
	case x.parse != nil && x.parse(s) != nil:
		return x.parse(s).Error(), hint
	}
	return "", ""
}
