package card

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// DefaultAbsence is how long a card has to be away until it counts as pulled.
//
// A card that lies on a contactless reader flaps: it goes for up to 0.3 s when it is nudged, and pcscd asks many readers
// only every 0.4 s, so that such a gap can look like 0.7 s. Who takes a card away expects to be signed out before they
// have turned round; an absence of 2 s must never pass. One second stands clear of both. Readers with a slot hardly
// flap, but whether a reader is one nobody can tell for sure, and half a second less isn't worth a wrong guess.
//
// Nothing is signed during the gap: Sign knows at once that the card is away. Another card in the reader ends it.
const DefaultAbsence = time.Second

// outage is how long cards are believed to be where they were while the driver's process is gone: a crash of the driver
// isn't a pulled card, but one that is pulled meanwhile mustn't go unnoticed for long.
const outage = 5 * time.Second

// presence tells cards that were pulled from those that flap. It is a plain state machine: whoever drives it says what
// time it is.
type presence struct {
	absence time.Duration
	seats   []*seat
	empty   []Reader // the readers without a card, and those whose card can't be used
}

// seat is a card in its reader.
type seat struct {
	id     ID     // that others know the card by
	reader Reader // as it was seen last, with the id that the engine knows the card by
	away   bool
	until  time.Time // when away: when the card counts as pulled
}

// observe takes what the engine sees, and gives what is to be shown.
func (p *presence) observe(now time.Time, readers []Reader) []Reader {
	p.expire(now)
	var arrived []Reader
	p.empty = nil
	seen := make(map[*seat]bool)
	for _, reader := range readers {
		switch known := p.find(reader); {
		case reader.Card == nil || reader.Card.Fault != "":
			p.empty = append(p.empty, reader)
		case known != nil:
			known.reader, known.away = reader, false
			seen[known] = true
		default:
			arrived = append(arrived, reader)
		}
	}
	for _, reader := range arrived {
		known := p.returned(reader, seen)
		if known == nil {
			// Whatever was in this reader is not coming back.
			p.seats = slices.DeleteFunc(p.seats, func(s *seat) bool { return !seen[s] && s.reader.Name == reader.Name })
			known = &seat{id: reader.Card.ID}
			p.seats = append(p.seats, known)
		}
		known.reader, known.away = reader, false
		seen[known] = true
	}
	for _, s := range p.seats {
		until := now.Add(p.absence)
		if !seen[s] && (!s.away || s.until.After(until)) {
			s.away, s.until = true, until
		}
	}
	return p.show()
}

// lost says that the engine is gone.
func (p *presence) lost(now time.Time) {
	for _, s := range p.seats {
		if !s.away {
			s.away, s.until = true, now.Add(outage)
		}
	}
}

// expire drops the cards that count as pulled by now, and gives what is to be shown.
func (p *presence) expire(now time.Time) []Reader {
	p.seats = slices.DeleteFunc(p.seats, func(s *seat) bool { return s.away && !now.Before(s.until) })
	return p.show()
}

// next is when expire has to be called, or zero.
func (p *presence) next() time.Time {
	var next time.Time
	for _, s := range p.seats {
		if s.away && (next.IsZero() || s.until.Before(next)) {
			next = s.until
		}
	}
	return next
}

// engineID is what the engine calls the card that others know as id. A card that is away has none.
func (p *presence) engineID(id ID) (ID, bool) {
	for _, s := range p.seats {
		if s.id == id && !s.away {
			return s.reader.Card.ID, true
		}
	}
	return "", false
}

// find is the seat of a card that the engine showed before.
func (p *presence) find(reader Reader) *seat {
	for _, s := range p.seats {
		if reader.Card != nil && s.reader.Card.ID == reader.Card.ID {
			return s
		}
	}
	return nil
}

// returned is the seat of a card that was away, or that went and came between two looks.
func (p *presence) returned(reader Reader, seen map[*seat]bool) *seat {
	for _, s := range p.seats {
		if !seen[s] && s.reader.Name == reader.Name && sameCard(s.reader.Card, reader.Card) {
			return s
		}
	}
	return nil
}

func sameCard(a, b *Card) bool {
	return a.Serial == b.Serial && a.Manufacturer == b.Manufacturer && reflect.DeepEqual(a.Certificates, b.Certificates)
}

// show is the readers for others: with cards that are away for a moment still in them, and the ids that others know.
func (p *presence) show() []Reader {
	readers := make([]Reader, 0, len(p.seats)+len(p.empty))
	taken := make(map[string]int)
	for _, s := range p.seats {
		shown := *s.reader.Card
		shown.ID = s.id
		readers = append(readers, Reader{Name: s.reader.Name, Card: &shown})
		if s.away {
			taken[s.reader.Name]++
		}
	}
	for _, reader := range p.empty {
		if reader.Card == nil && taken[reader.Name] > 0 {
			taken[reader.Name]-- // its card is away for a moment
			continue
		}
		readers = append(readers, reader)
	}
	slices.SortStableFunc(readers, func(a, b Reader) int { return strings.Compare(a.Name, b.Name) })
	return readers
}
