package script

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"

	"nhos.org/nhos/internal/yamlfile"
)

// A kind is what a value must look like. The reader holds values against it, and the schema states it, so its pattern
// keeps to what Go and ECMAScript understand alike.
type kind struct {
	noun    string // "a systemd unit"
	example string // as it is written in YAML
	rule    string // in words, where an example doesn't tell it
	pattern *regexp.Regexp
	words   []string          // instead of a pattern: the values that there are
	quoted  bool              // in sentences
	lines   bool              // may hold line breaks and tabs
	say     func(Step) string // the value in a sentence, if it isn't the step's Value
	// decode takes the value into the step (or the machine) and returns what is wrong with it; "" if nothing is.
	decode func(r *reader, n ast.Node, s *Step, k kind) (fault string)
}

func re(s string) *regexp.Regexp { return regexp.MustCompile(s) }

const (
	control = `\x00-\x1f\x7f`
	shell   = "'\"\\\\$`|<>*;&()" // signs that mean something to one
)

var (
	unitKind     = kind{noun: "a systemd unit", example: "graphical.target", pattern: re(`^[A-Za-z0-9:_.@\\-]{1,250}\.(service|socket|target|timer|mount|automount|path|slice|device|scope|swap)$`), decode: valueOf}
	pathKind     = kind{noun: "an absolute path", example: "/run/ready", pattern: re(`^(/[^/` + control + `]+)+$`), decode: valueOf}
	processKind  = kind{noun: "the name of a process", example: "cinnamon", pattern: re(`^[^\s/` + control + `]{1,255}$`), decode: valueOf}
	textKind     = kind{noun: "text", example: "Log in", pattern: re(`[\p{L}\p{N}]`), rule: "some letters or digits", quoted: true, decode: valueOf}
	commandKind  = kind{noun: "a command", example: "systemctl is-active ssh", pattern: re(`\S`), quoted: true, lines: true, decode: valueOf}
	programKind  = kind{noun: "a program", example: "firefox-esr file:///home", pattern: re(`^[^` + shell + `]*[^\s` + shell + `][^` + shell + `]*$`), rule: "its name and what it gets, between blanks and without a shell's signs; what holds a blank or such a sign stands in a list: [nemo, /home/user/My files]", say: func(s Step) string { return strings.Join(s.Program, " ") }, decode: programOf}
	asKind       = kind{noun: "an account", example: "user", words: []string{"root", asUser}, decode: into(func(s *Step) *string { return &s.As })}
	expectKind   = kind{noun: "text", example: "active", pattern: re(`\S`), quoted: true, lines: true, decode: into(func(s *Step) *string { return &s.Expect })}
	typedKind    = kind{noun: "text to type", example: `"hello\n"`, quoted: true, lines: true, decode: valueOf}
	nameKind     = kind{noun: "a name", example: "after-login", rule: "1 to 20 lower-case letters, digits and dashes, a letter first", pattern: re(`^[a-z][a-z0-9-]{0,19}$`), decode: valueOf}
	deviceName   = kind{noun: nameKind.noun, example: "stick", rule: nameKind.rule, pattern: nameKind.pattern, decode: into(func(s *Step) *string { return &s.Name })}
	deviceKind   = kind{noun: "a device", example: "usb stick", words: []string{"usb stick", "usb tablet", "usb keyboard", "network card", "disk"}, decode: valueOf}
	networkKind  = kind{noun: "a state of the network", example: "slow", words: []string{"off", "on", "slow"}, decode: valueOf}
	lineKind     = kind{noun: networkKind.noun, example: "on", words: []string{"off", "on", "slow", "recorded"}, decode: valueOf}
	fileKind     = kind{noun: "a file", example: "picture.png", rule: "a path, from the scenario's folder", pattern: re(`^[^` + control + `]+$`), quoted: true, decode: fileOf}
	contentKind  = kind{noun: fileKind.noun, example: "stick.img", rule: fileKind.rule, pattern: fileKind.pattern, decode: fileOf}
	portKind     = kind{noun: "a TCP port", example: "22", rule: "a number from 1 to 65535", decode: portOf}
	statusKind   = kind{noun: "an exit status", example: "1", rule: "a number from 0 to 255", decode: statusOf}
	durationKind = kind{noun: "a duration", example: "5s", rule: "a number with h, m or s after it, for example 1m30s", pattern: re(`^([0-9]{1,4}(h|ms|m|s))+$`), say: func(s Step) string { return "for " + s.Still.String() }, decode: durationOf}
	withinKind   = kind{noun: durationKind.noun, example: "3m", rule: durationKind.rule, pattern: durationKind.pattern, decode: limitOf}
	delayKind    = kind{noun: durationKind.noun, example: "300ms", rule: durationKind.rule, pattern: durationKind.pattern, decode: delayOf}
	sizeKind     = kind{noun: "a size", example: "64M", rule: "a number with K, M or G after it (KiB, MiB, GiB)", pattern: re(`^[1-9][0-9]{0,5}[KMG]$`), decode: sizeOf}
	rateKind     = kind{noun: "a rate", example: "128K", rule: "bytes a second: " + sizeKind.rule, pattern: sizeKind.pattern, decode: rateOf}
	shareKind    = kind{noun: "a percentage", example: "2%", rule: "a number with % after it, at most 100%", pattern: re(`^[0-9]{1,3}(\.[0-9]{1,4})?%$`), decode: toleranceOf}
	keysKind     = kind{noun: "keys", example: "ctrl-alt-f2", rule: "keys that are pressed together with dashes between them; several combinations as a list", say: sayKeys, decode: keysOf}
	placeKind    = kind{noun: "a place on the screen", example: "[0.5, 0.5]", rule: `two shares of the screen from its top left corner, for example [0.5, 0.97], or what can be read there, for example {text: "Menu"}`, say: func(s Step) string { return s.Place.String() }, decode: placeOf}
	regionKind   = kind{noun: "a region of the screen", example: "[0, 0.9, 1, 0.1]", rule: "its left, top, width and height as shares of the screen", decode: regionOf}
)

// besideKinds are the kinds of the keys beside a verb.
var besideKinds = map[string]kind{
	"as": asKind, "within": withinKind, "region": regionKind, "pressing": keysKind, "tolerance": shareKind, "expect": expectKind,
	"status": statusKind,
	"name":   deviceName, "file": contentKind, "size": sizeKind, "rate": rateKind, "delay": delayKind,
}

// hint says how such a value is written, to somebody who wrote n.
func (k kind) hint(n ast.Node) string {
	if k.words != nil {
		text, _ := word(n)
		return yamlfile.Suggest(text, "the values", k.words)
	}
	if k.rule != "" {
		return k.rule
	}
	return "for example " + k.example
}

// word is a value that is written as one piece: text, or a number as it stands. ok is false where it is a list or a
// mapping.
func word(n ast.Node) (s string, ok bool) {
	switch t := n.(type) {
	case *ast.StringNode:
		return t.Value, true
	case *ast.LiteralNode:
		return strings.TrimRight(t.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return t.GetToken().Value, true
	}
	return "", false
}

// plain returns the word that n is, and what is wrong with it.
func (k kind) plain(n ast.Node) (s, fault string) {
	s, ok := word(n)
	if !ok || s == "" {
		return "", "this isn't " + k.noun
	}
	const most = 16 << 10
	for _, c := range s {
		if !unicode.IsPrint(c) && (!k.lines || c != '\n' && c != '\t') {
			return "", yamlfile.Quote(s) + " holds a character that can't be seen"
		}
	}
	if len(s) > most || k.words != nil && !slices.Contains(k.words, s) || k.pattern != nil && !k.pattern.MatchString(s) {
		return "", yamlfile.Quote(s) + " is not " + k.noun
	}
	return s, ""
}

// into makes the decoder of a text that goes where field says.
func into(field func(*Step) *string) func(*reader, ast.Node, *Step, kind) string {
	return func(_ *reader, n ast.Node, s *Step, k kind) (fault string) {
		*field(s), fault = k.plain(n)
		return fault
	}
}

func valueOf(r *reader, n ast.Node, s *Step, k kind) string {
	return into(func(s *Step) *string { return &s.Value })(r, n, s, k)
}

func number(n ast.Node, from, to int64, k kind) (int64, string) {
	text, _ := word(n)
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < from || v > to {
		return 0, fmt.Sprintf("%s is not %s", yamlfile.Quote(text), k.noun)
	}
	return v, ""
}

func portOf(_ *reader, n ast.Node, s *Step, k kind) string {
	v, fault := number(n, 1, 65535, k)
	s.Value = strconv.FormatInt(v, 10)
	return fault
}

func statusOf(_ *reader, n ast.Node, s *Step, k kind) string {
	v, fault := number(n, 0, 255, k)
	s.Status = int(v)
	return fault
}

func duration(n ast.Node, k kind) (time.Duration, string) {
	text, fault := k.plain(n)
	if fault != "" {
		return 0, fault
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > 24*time.Hour {
		return 0, yamlfile.Quote(text) + " is not a duration of a test"
	}
	return d, ""
}

func durationOf(_ *reader, n ast.Node, s *Step, k kind) (fault string) {
	s.Still, fault = duration(n, k)
	return fault
}

func limitOf(_ *reader, n ast.Node, s *Step, k kind) (fault string) {
	s.Within, fault = duration(n, k)
	return fault
}

func delayOf(_ *reader, n ast.Node, s *Step, k kind) (fault string) {
	s.Delay, fault = duration(n, k)
	return fault
}

// size reads a number of bytes.
func size(n ast.Node, k kind) (int64, string) {
	text, fault := k.plain(n)
	if fault != "" {
		return 0, fault
	}
	v, err := strconv.ParseInt(text[:len(text)-1], 10, 32)
	if err != nil {
		return 0, yamlfile.Quote(text) + " is not " + k.noun
	}
	return v << map[byte]int{'K': 10, 'M': 20, 'G': 30}[text[len(text)-1]], ""
}

func sizeOf(_ *reader, n ast.Node, s *Step, k kind) (fault string) {
	s.Size, fault = size(n, k)
	return fault
}

func rateOf(_ *reader, n ast.Node, s *Step, k kind) (fault string) {
	s.Rate, fault = size(n, k)
	return fault
}

func toleranceOf(_ *reader, n ast.Node, s *Step, k kind) string {
	text, fault := k.plain(n)
	if fault != "" {
		return fault
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || v > 100 {
		return yamlfile.Quote(text) + " is not " + k.noun
	}
	s.Tolerance = v / 100
	return ""
}

// shares reads a list of numbers from 0 to 1.
func shares(n ast.Node, count int) ([]float64, bool) {
	list, ok := n.(*ast.SequenceNode)
	if !ok || len(list.Values) != count {
		return nil, false
	}
	var all []float64
	for _, e := range list.Values {
		text, _ := word(e)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || v < 0 || v > 1 {
			return nil, false
		}
		all = append(all, v)
	}
	return all, true
}

func placeOf(r *reader, n ast.Node, s *Step, k kind) string {
	if m, ok := n.(*ast.MappingNode); ok {
		if len(m.Values) == 1 {
			if key, _ := word(m.Values[0].Key); key == "text" && m.Values[0].Value != nil {
				var fault string
				s.Place.Text, fault = textKind.plain(m.Values[0].Value)
				return fault
			}
		}
		return "this isn't " + k.noun
	}
	v, ok := shares(n, 2)
	if !ok {
		return "this isn't " + k.noun
	}
	s.Place = Place{X: v[0], Y: v[1]}
	return ""
}

func regionOf(_ *reader, n ast.Node, s *Step, k kind) string {
	v, ok := shares(n, 4)
	const room = 1 + 1e-9
	if !ok || v[2] == 0 || v[3] == 0 || v[0]+v[2] > room || v[1]+v[3] > room {
		return "this isn't " + k.noun
	}
	s.Region = Region{v[0], v[1], v[2], v[3]}
	return ""
}

func keysOf(_ *reader, n ast.Node, s *Step, k kind) string {
	entries := []ast.Node{n}
	if list, ok := n.(*ast.SequenceNode); ok {
		entries = list.Values
	}
	for _, e := range entries {
		text, ok := word(e)
		if !ok || text == "" {
			return "this isn't " + k.noun
		}
		keys, unknown := combination(text)
		if unknown != "" {
			return fmt.Sprintf("%s is no key", yamlfile.Quote(unknown))
		}
		s.Keys = append(s.Keys, keys)
	}
	return ""
}

// programOf takes a line that no shell would read otherwise, or a list of words in which anything may stand.
func programOf(_ *reader, n ast.Node, s *Step, k kind) string {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		text, fault := k.plain(n)
		s.Program = strings.Fields(text)
		return fault
	}
	k.pattern = nil
	for _, e := range list.Values {
		word, fault := k.plain(e)
		if fault != "" {
			return fault
		}
		s.Program = append(s.Program, word)
	}
	if len(s.Program) == 0 {
		return "this isn't " + k.noun
	}
	return ""
}

func sayKeys(s Step) string {
	var all []string
	for _, k := range s.Keys {
		all = append(all, strings.Join(k, "-"))
	}
	return strings.Join(all, " ")
}
