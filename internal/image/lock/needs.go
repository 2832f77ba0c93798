package lock

import "strings"

// Needs returns, by name, the packages of the lock that each package's Pre-Depends and Depends come to: of alternatives
// the first that the lock has, of a virtual package one that provides it. Packages of [Medium] and packages that a later
// layer takes away are left out.
func (l *Lock) Needs() map[string][]string {
	providers := map[string]string{}
	there := map[string]bool{}
	for _, p := range l.Packages {
		if p.Layer == Medium || p.RemovedIn != "" {
			continue
		}
		there[p.Name] = true
		for _, name := range p.provided() {
			if _, taken := providers[name]; !taken {
				providers[name] = p.Name
			}
		}
	}
	needs := map[string][]string{}
	for _, p := range l.Packages {
		if !there[p.Name] || p.Layer == Medium {
			continue
		}
		seen := map[string]bool{p.Name: true}
		all := p.stanza.get("Pre-Depends") + "," + p.stanza.get("Depends")
		for group := range strings.SplitSeq(all, ",") {
			for alternative := range strings.SplitSeq(group, "|") {
				words := strings.Fields(alternative)
				if len(words) == 0 {
					continue
				}
				name, _, _ := strings.Cut(words[0], ":")
				if !there[name] {
					name = providers[name]
				}
				if name == "" {
					continue
				}
				if !seen[name] {
					seen[name] = true
					needs[p.Name] = append(needs[p.Name], name)
				}
				break
			}
		}
	}
	return needs
}
