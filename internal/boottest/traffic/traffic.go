// Package traffic tells whom a guest talks to, of the frames on its network cable.
//
// A [Ledger] is given every frame, both ways, and keeps a line a [Destination]: protocol, address, port, the name that
// it goes by, when it was first spoken to, how many frames and bytes were sent there. A name comes from the answers of
// the name server that the guest was given, or else from the greeting of TLS, which says in clear whom it is for. A
// question to a name server is a destination of its own, named by what is asked: who asks for telemetry.example.org
// has said what it wants even if no connection follows. mDNS and LLMNR, which ask the neighbours, are kept alike.
//
//	l := traffic.NewLedger(named)
//	l.Add(12*time.Second, true, frame)
//	for _, d := range l.Destinations() { … }
//
// Nothing is left out: a frame that can't be read, or of a protocol that isn't known, is a destination too, one that no
// definition can name. All lengths come from outside and are held against the frame before they are believed; memory
// is bounded. [NewRecorder] keeps the frames in a file that Wireshark and tcpdump read.
package traffic

import (
	"cmp"
	"slices"
	"time"

	"nhos.org/nhos/internal/manifest"
)

// maxDestinations bounds a ledger; all that comes after is one destination, called "more".
const maxDestinations = 4096

// A Destination is something that the guest sent frames to.
type Destination struct {
	Protocol string        `json:"protocol"`           // as in a definition; "ip-47", "ethernet-0x88cc", "unreadable", …
	Name     string        `json:"name,omitempty"`     // lower case; of a question what is asked for
	Address  string        `json:"address,omitempty"`  // IP
	Port     uint16        `json:"port,omitempty"`     // 0 if the protocol has none
	First    time.Duration `json:"first_ns"`           // since power-on
	Packets  int           `json:"packets"`            // that the guest sent
	Bytes    int64         `json:"bytes"`              // of these, with their Ethernet headers
	NamedBy  string        `json:"named_by,omitempty"` // the entry of the definition; "" if none names it
}

// Named reports whether the definition names it.
func (d Destination) Named() bool { return d.NamedBy != "" }

// A Ledger keeps whom a guest talks to. It isn't for several goroutines at once.
type Ledger struct {
	named  []naming
	lines  map[manifest.Contact]*Destination
	names  map[string]string // by address, from answers of the name server
	flows  map[flow]*greeting
	sorted []*Destination // in the order of their first frames
}

// A naming is an entry of a definition.
type naming struct {
	text string
	manifest.Destination
}

// NewLedger returns an empty ledger. named is what the definition names; an entry that can't be read is an error.
func NewLedger(named []string) (*Ledger, error) {
	l := &Ledger{lines: map[manifest.Contact]*Destination{}, names: map[string]string{}, flows: map[flow]*greeting{}}
	for _, text := range named {
		d, err := manifest.ParseDestination(text)
		if err != nil {
			return nil, err
		}
		l.named = append(l.named, naming{text, d})
	}
	return l, nil
}

// Add takes a frame, at a time since power-on. It was sent by the guest, or to it.
func (l *Ledger) Add(at time.Duration, sent bool, frame []byte) {
	p := read(frame)
	if !sent {
		l.learn(p)
		return
	}
	contacts := []manifest.Contact{p.Contact}
	if asks(p.Protocol) {
		contacts = questions(p)
	} else if p.Transport != "" {
		contacts[0].Name = l.names[p.Address.String()]
	}
	// Who is greeted by another name than was asked for is a destination of its own.
	if name := l.greeted(p); name != "" && name != contacts[0].Name {
		contacts[0].Name = name
	}
	for _, c := range contacts {
		l.count(at, c, len(frame))
	}
}

func (l *Ledger) count(at time.Duration, c manifest.Contact, size int) {
	line, known := l.lines[c]
	if !known && len(l.lines) >= maxDestinations {
		c = manifest.Contact{Protocol: "more"}
		line, known = l.lines[c]
	}
	if !known {
		line = &Destination{Protocol: c.Protocol, Name: c.Name, Port: c.Port, First: at, NamedBy: l.namedBy(c)}
		if c.Address.IsValid() {
			line.Address = c.Address.String()
		}
		l.lines[c] = line
		l.sorted = append(l.sorted, line)
	}
	line.Packets++
	line.Bytes += int64(size)
}

func (l *Ledger) namedBy(c manifest.Contact) string {
	for _, n := range l.named {
		if n.Names(c) {
			return n.text
		}
	}
	return ""
}

// Destinations are all so far: first those that the definition doesn't name, then by when they were first spoken to.
func (l *Ledger) Destinations() []Destination {
	var all []Destination
	for _, d := range l.sorted {
		all = append(all, *d)
	}
	slices.SortStableFunc(all, func(a, b Destination) int {
		if a.Named() != b.Named() {
			if a.Named() {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.First, b.First)
	})
	return all
}
