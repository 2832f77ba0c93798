package engine

import (
	"encoding/json"

	"nhos.org/nhos/internal/identity/card"
)

// merge makes one list of what slots show. A reader is seen by several modules, and a module may make several slots of
// one: those of a name are one reader, unless several have cards that can be used. (PKCS#11 cuts names after 64 bytes, so
// that two readers of a make may have the same.)
func merge(slots []card.Reader) []card.Reader {
	var names []string
	groups := make(map[string][]card.Reader)
	for _, slot := range slots {
		if _, ok := groups[slot.Name]; !ok {
			names = append(names, slot.Name)
		}
		groups[slot.Name] = append(groups[slot.Name], slot)
	}
	var readers []card.Reader
	for _, name := range names {
		readers = append(readers, mergeGroup(groups[name])...)
	}
	return readers
}

func mergeGroup(slots []card.Reader) []card.Reader {
	var usable []card.Reader
	serials := make(map[string]bool)
	best := slots[0]
	for _, slot := range slots {
		if rank(slot) > rank(best) {
			best = slot
		}
		if rank(slot) == 3 && (slot.Card.Serial == "" || !serials[slot.Card.Serial]) {
			serials[slot.Card.Serial] = true
			usable = append(usable, slot)
		}
	}
	if len(usable) > 0 {
		return usable
	}
	return []card.Reader{best}
}

// rank is how much a slot knows of its card.
func rank(slot card.Reader) int {
	switch {
	case slot.Card == nil:
		return 0
	case slot.Card.Fault != "":
		return 1
	case len(slot.Card.Certificates) == 0:
		return 2
	}
	return 3
}

// fingerprint is equal for reports that say the same.
func fingerprint(report card.Report) string {
	text, err := json.Marshal(report)
	if err != nil {
		return "" // never: it is made of plain values
	}
	return string(text)
}
