package spinesim

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"nhos.org/nhos/internal/ui"
	"nhos.org/nhos/internal/yamlfile"
)

// Fault is something that goes wrong on demand.
type Fault struct {
	Name  string `json:"name"`            // of Kinds
	Value string `json:"value,omitempty"` // what it means depends on the fault; empty is its default
	At    string `json:"at,omitempty"`    // activate, validate, select, assertion, logout, update; empty is all of them
	Times int    `json:"times,omitempty"` // after so many answers it is over; 0 is until it is mended
}

// Kind is a kind of fault.
type Kind struct {
	Name    string `json:"name"`
	Default string `json:"default,omitempty"` // of its value
	Does    string `json:"does"`              // for people

	check func(string) error
}

// maxSlow bounds how long an answer is held back.
const maxSlow = time.Minute

// kinds are all kinds of faults, in the order of their names.
var kinds = []Kind{
	{Name: "ampersand", Does: `organisations have bare "&" and "<" in their names`},
	{Name: "close", Does: "the connection is closed without an answer"},
	{Name: "comma", Does: "organisations have commas and quotes in their names"},
	{Name: "cut", Does: "the connection is closed in the middle of the answer"},
	{Name: "dtd", Does: "answers declare entities of a DTD and use them"},
	{Name: "expire", Does: "all sessions end now, once"},
	{Name: "html", Default: "Sign in to the network", Does: "a page of HTML with that title instead of the answer"},
	{Name: "http-status", Default: "500", Does: "that status of HTTP", check: inRange(400, 599)},
	{Name: "huge", Does: "answers of 2 MiB"},
	{Name: "missing", Default: "challenge", Does: "that field isn't in answers"},
	{Name: "no-orgcode", Does: "roles have no code of their organisation"},
	{Name: "old-tls", Does: "new connections have TLS 1.1 at most"},
	{Name: "other-host", Default: "https://elsewhere.invalid", Does: "the addresses in answers are of another server"},
	{Name: "other-person", Default: "555000000102", Does: "assertions are of that person"},
	{Name: "redirect", Default: "https://elsewhere.invalid/", Does: "requests are redirected to that address"},
	{Name: "refuse", Default: "the card is revoked", Does: "logins are refused with those words"},
	{Name: "reverse", Does: "the fields of answers are in reverse order"},
	{Name: "roles", Default: "40", Does: "people who sign in have that many roles", check: inRange(0, 1000)},
	{Name: "slow", Default: "10s", Does: "answers are held back for that long (at most a minute)", check: aTime},
	{Name: "windows-1252", Does: "answers are in that encoding, with letters that have accents"},
}

// Kinds are all kinds of faults, in the order of their names.
func Kinds() []Kind { return slices.Clone(kinds) }

// kindOf is the kind of a name, or an error that names those that there are.
func kindOf(name string) (Kind, error) {
	var names []string
	for _, k := range kinds {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kind{}, ui.Hint(fmt.Errorf("unknown fault %s", yamlfile.Quote(name)), yamlfile.Suggest(name, "faults", names))
}

func inRange(from, to int) func(string) error {
	return func(value string) error {
		if n, err := strconv.Atoi(value); err != nil || n < from || n > to {
			return fmt.Errorf("%s is no number from %d to %d", yamlfile.Quote(value), from, to)
		}
		return nil
	}
}

func aTime(value string) error {
	if d, err := time.ParseDuration(value); err != nil || d < 0 || d > maxSlow {
		return fmt.Errorf(`%s is no time up to %v, such as "1500ms"`, yamlfile.Quote(value), maxSlow)
	}
	return nil
}

// places are where a fault can be.
var places = []string{"activate", "validate", "select", "assertion", "logout", "update"}

// faults are those that happen now.
type faults struct {
	mutex sync.Mutex
	now   []Fault
}

func (f *faults) set(fault Fault) error {
	kind, err := kindOf(fault.Name)
	if err != nil {
		return err
	}
	if fault.Value == "" {
		fault.Value = kind.Default
	}
	if kind.check != nil {
		if err := kind.check(fault.Value); err != nil {
			return fmt.Errorf("fault %s: %w", fault.Name, err)
		}
	}
	if fault.At != "" && !slices.Contains(places, fault.At) {
		return ui.Hint(fmt.Errorf("fault %s: unknown place %s", fault.Name, yamlfile.Quote(fault.At)), yamlfile.Suggest(fault.At, "places", places))
	}
	if fault.Times < 0 {
		return fmt.Errorf("fault %s: %d times", fault.Name, fault.Times)
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.now = slices.DeleteFunc(f.now, func(other Fault) bool { return other.Name == fault.Name && other.At == fault.At })
	f.now = append(f.now, fault)
	return nil
}

func (f *faults) clear(name string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.now = slices.DeleteFunc(f.now, func(fault Fault) bool { return name == "" || fault.Name == name })
}

func (f *faults) list() []Fault {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return append([]Fault{}, f.now...)
}

// take gives the faults of one answer, as values by name, and counts them.
func (f *faults) take(at string) map[string]string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	taken := map[string]string{}
	var left []Fault
	for _, fault := range f.now {
		if fault.At != "" && fault.At != at {
			left = append(left, fault)
			continue
		}
		taken[fault.Name] = fault.Value
		switch fault.Times {
		case 0:
			left = append(left, fault)
		case 1:
		default:
			fault.Times--
			left = append(left, fault)
		}
	}
	f.now = left
	return taken
}
