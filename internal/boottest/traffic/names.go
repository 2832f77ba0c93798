package traffic

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"nhos.org/nhos/internal/manifest"
)

// maxQuestions bounds how many questions of one message are believed.
const maxQuestions = 64

// asks reports whether the protocol asks for names.
func asks(protocol string) bool {
	return protocol == "dns" || protocol == "mdns" || protocol == "llmnr"
}

// questions are what a guest's packet asks a name server, or its neighbours, for. One without a question, as an
// announcement, is a contact without a name.
func questions(p packet) []manifest.Contact {
	bare := []manifest.Contact{p.Contact}
	if p.Transport != "udp" {
		return bare // by TCP the message comes in pieces: the server's address and port tell enough
	}
	var parser dnsmessage.Parser
	if _, err := parser.Start(p.payload); err != nil {
		bare[0].Protocol, bare[0].Transport = "unreadable", "" // no port makes it something that can be named
		return bare
	}
	var all []manifest.Contact
	for range maxQuestions {
		q, err := parser.Question()
		if err != nil {
			break
		}
		c := p.Contact
		c.Name = nameOf(q.Name)
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	if all == nil {
		return bare
	}
	return all
}

// nameOf is a name as people write it. A name may hold any bytes: those that have no place in it are shown as "?".
func nameOf(n dnsmessage.Name) string { return clean(strings.TrimSuffix(n.String(), ".")) }

func clean(name string) string {
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c > '~' {
			return '?'
		}
		return c
	}, strings.ToLower(name))
}

// learn takes the addresses out of a name server's answer: each goes by the name that was asked for.
func (l *Ledger) learn(p packet) {
	if p.Transport != "udp" || p.source.Port() != 53 {
		return
	}
	var parser dnsmessage.Parser
	if _, err := parser.Start(p.payload); err != nil {
		return
	}
	asked, err := parser.Question()
	if err != nil || parser.SkipAllQuestions() != nil {
		return
	}
	for range maxQuestions {
		r, err := parser.Answer()
		if err != nil {
			return
		}
		var address netip.Addr
		switch b := r.Body.(type) {
		case *dnsmessage.AResource:
			address = netip.AddrFrom4(b.A)
		case *dnsmessage.AAAAResource:
			address = netip.AddrFrom16(b.AAAA)
		default:
			continue
		}
		if len(l.names) < 16*maxDestinations {
			l.names[address.String()] = nameOf(asked.Name)
		}
	}
}
