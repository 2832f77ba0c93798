package card

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// readers makes readers of what is in them, by name: a card's id and serial as "id/serial", or nothing.
func readers(cards map[string]string) []Reader {
	var list []Reader
	for name, what := range cards {
		reader := Reader{Name: name}
		var id, serial string
		if n, _ := fmt.Sscanf(what, "%s %s", &id, &serial); n == 2 {
			reader.Card = &Card{ID: ID(id), Serial: serial, Certificates: []Certificate{{DER: []byte(serial)}}}
		}
		list = append(list, reader)
	}
	return list
}

// ids is which card is shown in which reader.
func ids(shown []Reader) map[string]ID {
	found := make(map[string]ID)
	for _, reader := range shown {
		if reader.Card != nil {
			found[reader.Name] = reader.Card.ID
		}
	}
	return found
}

func TestPresence(t *testing.T) {
	ms := time.Millisecond
	type step struct {
		at    time.Duration
		cards map[string]string // nil only lets time pass
		lost  bool              // the engine is gone
		want  string            // "reader=id …"
	}
	none := map[string]string{"A": ""}
	tests := map[string][]step{
		"a flap is ignored": {
			{0, map[string]string{"A": "1 x"}, false, "map[A:1]"},
			{100 * ms, none, false, "map[A:1]"},
			{400 * ms, map[string]string{"A": "2 x"}, false, "map[A:1]"},
			{5000 * ms, nil, false, "map[A:1]"},
		},
		"2 s are honoured": {
			{0, map[string]string{"A": "1 x"}, false, "map[A:1]"},
			{100 * ms, none, false, "map[A:1]"},
			{1099 * ms, nil, false, "map[A:1]"},
			{1100 * ms, nil, false, "map[]"},
			{2100 * ms, map[string]string{"A": "2 x"}, false, "map[A:2]"},
		},
		"another look doesn't lengthen an absence": {
			{0, map[string]string{"A": "1 x"}, false, "map[A:1]"},
			{100 * ms, none, false, "map[A:1]"},
			{900 * ms, map[string]string{"A": "", "B": ""}, false, "map[A:1]"},
			{1100 * ms, nil, false, "map[]"},
		},
		"another card ends an absence": {
			{0, map[string]string{"A": "1 x"}, false, "map[A:1]"},
			{100 * ms, none, false, "map[A:1]"},
			{200 * ms, map[string]string{"A": "2 y"}, false, "map[A:2]"},
		},
		"another card between two looks": {
			{0, map[string]string{"A": "1 x"}, false, "map[A:1]"},
			{200 * ms, map[string]string{"A": "2 y"}, false, "map[A:2]"},
		},
		"the same card between two looks": {
			{0, map[string]string{"A": "1 x"}, false, "map[A:1]"},
			{200 * ms, map[string]string{"A": "2 x"}, false, "map[A:1]"},
		},
		"the same card in another reader is another": {
			{0, map[string]string{"A": "1 x", "B": ""}, false, "map[A:1]"},
			{200 * ms, map[string]string{"A": "", "B": "2 x"}, false, "map[A:1 B:2]"},
			{1200 * ms, nil, false, "map[B:2]"},
		},
		"a reader that is unplugged takes its card along": {
			{0, map[string]string{"A": "1 x", "B": "2 y"}, false, "map[A:1 B:2]"},
			{200 * ms, map[string]string{"B": "2 y"}, false, "map[A:1 B:2]"},
			{1200 * ms, nil, false, "map[B:2]"},
		},
		"a crash of the driver isn't a pulled card": {
			{0, map[string]string{"A": "1 x"}, false, "map[A:1]"},
			{100 * ms, nil, true, "map[A:1]"},
			{4000 * ms, map[string]string{"A": "2 x"}, false, "map[A:1]"},
			{9000 * ms, nil, false, "map[A:1]"},
		},
		"a card pulled during a crash": {
			{0, map[string]string{"A": "1 x"}, false, "map[A:1]"},
			{100 * ms, nil, true, "map[A:1]"},
			{500 * ms, none, false, "map[A:1]"},
			{1500 * ms, nil, false, "map[]"},
		},
		"a driver that stays away": {
			{0, map[string]string{"A": "1 x"}, false, "map[A:1]"},
			{100 * ms, nil, true, "map[A:1]"},
			{3000 * ms, nil, true, "map[A:1]"},
			{5100 * ms, nil, false, "map[]"},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			p := presence{absence: time.Second}
			start := time.Unix(1_000_000, 0)
			for i, step := range steps {
				now := start.Add(step.at)
				shown := p.expire(now)
				if step.lost {
					p.lost(now)
					shown = p.show()
				} else if step.cards != nil {
					shown = p.observe(now, readers(step.cards))
				}
				if got := fmt.Sprint(ids(shown)); got != step.want {
					t.Fatalf("step %d: %s, want %s", i, got, step.want)
				}
			}
		})
	}
}

// What is promised of contactless readers: 0.3 s away is ignored, also where pcscd looked 0.4 s late, and 2 s never are.
func TestDefaultAbsence(t *testing.T) {
	client, err := Start(Options{Engine: "/bin/true", Modules: []string{"/nowhere"}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for away, want := range map[time.Duration]bool{300 * time.Millisecond: true, 700 * time.Millisecond: true, 2 * time.Second: false} {
		p := presence{absence: client.presence.absence}
		start := time.Unix(1_000_000, 0)
		p.observe(start, readers(map[string]string{"A": "1 x"}))
		p.observe(start, readers(map[string]string{"A": ""}))
		if _, there := ids(p.expire(start.Add(away)))["A"]; there != want {
			t.Errorf("away for %s: the card is there: %v", away, there)
		}
	}
}

func TestCardThatIsAwayCannotSign(t *testing.T) {
	p := presence{absence: time.Second}
	start := time.Unix(1_000_000, 0)
	p.observe(start, readers(map[string]string{"A": "1 x"}))
	p.observe(start, readers(map[string]string{"A": ""}))
	if id, ok := p.engineID("1"); ok {
		t.Errorf("a card that is away is %q", id)
	}
	p.observe(start, readers(map[string]string{"A": "2 x"}))
	if id, ok := p.engineID("1"); !ok || id != "2" {
		t.Errorf("the card that came back is %q, %v", id, ok)
	}
}

// Whatever the readers do: no card is shown for longer than the absence after it went, ids are never shared, a card that is
// there is shown, and there is a time to look again whenever a card is away.
func TestPresenceHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := presence{absence: time.Second}
		now := time.Unix(1_000_000, 0)
		lastSeen := make(map[string]time.Time) // by reader and serial
		engineID := 0
		present := make(map[string]string)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms")) * time.Millisecond)
			name := rapid.SampledFrom([]string{"A", "B"}).Draw(t, "reader")
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				present[name] = ""
			case 1:
				engineID++
				present[name] = fmt.Sprintf("%d %s", engineID, rapid.SampledFrom([]string{"x", "y"}).Draw(t, "serial"))
			}
			for name, what := range present {
				if what != "" {
					lastSeen[name+what[len(what)-1:]] = now
				}
			}
			shown := p.observe(now, readers(present))
			seen := make(map[ID]bool)
			there := make(map[string]bool)
			for _, reader := range shown {
				if reader.Card == nil {
					continue
				}
				if seen[reader.Card.ID] {
					t.Fatalf("two cards are called %s", reader.Card.ID)
				}
				seen[reader.Card.ID] = true
				key := reader.Name + reader.Card.Serial
				there[key] = true
				if _, ok := p.engineID(reader.Card.ID); !ok && p.next().IsZero() {
					t.Fatal("a card is away for ever")
				}
			}
			for name, what := range present {
				if what != "" && !there[name+what[len(what)-1:]] {
					t.Fatalf("the card %q in %s isn't shown", what, name)
				}
			}
			// Between two looks, time passes: nothing is shown that went longer ago than the absence.
			for _, reader := range p.expire(now) {
				if reader.Card != nil && p.next().Sub(now) > time.Second {
					t.Fatal("a card would stay for more than the absence")
				}
			}
		}
	})
}
