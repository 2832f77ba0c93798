// Package doctor says which part keeps a person from signing in: reader, driver, card, certificate, clock, name
// resolution, network, proxy, TLS, or the Spine itself.
package doctor

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spine"
)

// Finding is what one look came to.
type Finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
}

// Patient is what is looked at.
type Patient struct {
	Status      *session.Status // of the agent; nil where none answers
	Modules     []string        // the drivers that would be used
	ModulesErr  error
	Environment spine.Environment
	Now         time.Time
}

const (
	lookTime = 5 * time.Second // at one part of the network
	// clockOff is how far a clock may be off: the Spine's assertions are good for a minute, three before.
	clockOff = 60 * time.Second
)

// Examine looks at all parts, in the order in which signing in needs them.
func Examine(ctx context.Context, p Patient) []Finding {
	list := []Finding{service(ctx, p.Status), drivers(p)}
	list = append(list, cards(p)...)
	return append(list, network(ctx, p)...)
}

// AtFault is the first part that isn't well; what follows it often suffers from it alone. A clock that is wrong goes
// before a card that seems to have expired by it.
func AtFault(list []Finding) (Finding, bool) {
	unwell := func(which func(Finding) bool) int {
		return slices.IndexFunc(list, func(f Finding) bool { return !f.OK && which(f) })
	}
	first := unwell(func(Finding) bool { return true })
	if first < 0 {
		return Finding{}, false
	}
	if what := list[first].What; what == "card" || what == "certificate" {
		if clock := unwell(func(f Finding) bool { return strings.HasPrefix(f.What, "clock") }); clock >= 0 {
			first = clock
		}
	}
	return list[first], true
}

// service is pcscd. Cards that are there without it don't need it.
func service(ctx context.Context, s *session.Status) Finding {
	f := Finding{What: "smartcard service", Advice: "install pcscd, and look at: systemctl status pcscd.socket"}
	path := os.Getenv("PCSCLITE_CSOCK_NAME")
	if path == "" {
		path = "/run/pcscd/pcscd.comm"
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err != nil && s != nil && slices.ContainsFunc(s.Readers, func(r session.Reader) bool { return r.Card != nil && r.Card.UID != "" }):
		return Finding{What: f.What, OK: true, Found: fmt.Sprintf("no card that is there needs pcscd, which doesn't answer: %v", err)}
	case err != nil:
		f.Found = fmt.Sprintf("pcscd doesn't answer: %v", err)
		return f
	}
	_ = c.Close()
	return Finding{What: f.What, OK: true, Found: "pcscd answers"}
}

func drivers(p Patient) Finding {
	f := Finding{What: "driver"}
	if p.ModulesErr != nil {
		f.Found, f.Advice = p.ModulesErr.Error(), "install opensc-pkcs11, or name the vendor's module in the policy"
		return f
	}
	for _, module := range p.Modules {
		if _, err := os.Stat(module); err != nil {
			f.Found, f.Advice = err.Error(), "the policy names a module that isn't there"
			return f
		}
	}
	f.OK, f.Found = true, strings.Join(p.Modules, ", ")
	return f
}

// cards are agent, reader, card and certificate, as the agent sees them.
func cards(p Patient) []Finding {
	if p.Status == nil {
		return []Finding{{What: "agent", Found: "it doesn't answer", Advice: "systemctl --user enable --now nhos-identityd.socket"}}
	}
	if p.Status.State == session.Fault {
		return []Finding{{What: "driver", Found: p.Status.Problem, Advice: "take the card out and put it in again; journalctl --user -u nhos-identityd has more"}}
	}
	list := []Finding{{What: "agent", OK: true, Found: string(p.Status.State), Advice: p.Status.Problem}}
	if len(p.Status.Readers) == 0 {
		return append(list, Finding{What: "reader", Found: "none", Advice: "plug a reader in; lsusb shows whether the computer sees it"})
	}
	var (
		names []string
		found []Finding
	)
	for _, r := range p.Status.Readers {
		names = append(names, r.Name)
		if r.Card != nil {
			found = append(found, one(*r.Card, p.Now)...)
		}
	}
	list = append(list, Finding{What: "reader", OK: true, Found: strings.Join(names, ", ")})
	if len(found) == 0 {
		found = []Finding{{What: "card", Found: "none in a reader", Advice: "insert the card, chip first; is it the right way up?"}}
	}
	return append(list, found...)
}

// one is a card and its certificate.
func one(c session.Card, now time.Time) []Finding {
	switch {
	case c.Problem != "" && c.UID == "":
		return []Finding{{What: "card", Found: c.Problem, Advice: "the registration authority can look at the card, renew it or issue another one"}}
	case c.TriesLeft == 0:
		return []Finding{{What: "card", Found: "it is locked", Advice: "unlock it by self service, or ask the registration authority"}}
	}
	card := Finding{What: "card", OK: true, Found: "of " + c.UID}
	certificate := Finding{What: "certificate", OK: true, Found: "until " + c.NotAfter.Format("2 January 2006")}
	if notice := session.Notice(c.NotAfter, now); notice != "" {
		certificate.Found, certificate.Advice = notice, "it can be renewed in its last 90 days; once it has expired the registration authority has to"
		certificate.OK = now.Before(c.NotAfter)
	}
	return []Finding{card, certificate}
}
