package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// beatInterval is how often the guest shows that it lives.
const beatInterval = 3 * time.Second

// A port writes messages; it is safe for use by several goroutines.
type port struct {
	mu   sync.Mutex
	w    io.Writer
	beat Beat
}

func (p *port) send(m Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.write(m)
}

func (p *port) write(m Message) error {
	b, err := json.Marshal(m)
	if err == nil {
		_, err = p.w.Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("telling the host (%s): %w", m.Kind, err)
	}
	return nil
}

// hello says what the guest knows of its machine. What a guest before a restart has left of a line is ended first.
func (p *port) hello(session string) error {
	known := facts()
	if _, err := io.WriteString(p.w, "\n"); err != nil {
		return fmt.Errorf("telling the host (%s): %w", KindHello, err)
	}
	return p.send(Message{Kind: KindHello, Hello: &known, Session: session})
}

// at begins a step that takes at most limit.
func (p *port) at(doing string, limit time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat = Beat{Step: p.beat.Step + 1, Doing: doing, Limit: limit}
	return p.write(Message{Kind: KindBeat, Beat: &p.beat})
}

// keepBeating repeats the present step's beat until ctx ends.
func (p *port) keepBeating(ctx context.Context) {
	tick := time.NewTicker(beatInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		beat := p.beat
		err := p.write(Message{Kind: KindBeat, Beat: &beat})
		p.mu.Unlock()
		if err != nil {
			return // the next message of the program fails too, and says so
		}
	}
}
