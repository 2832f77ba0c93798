package virtualcard

import (
	"context"
	"io"
)

// seat is a card that plays in a reader, until it leaves or its connection ends. A nil seat is an empty one.
type seat struct {
	cancel context.CancelFunc
	conn   io.Closer
	done   chan struct{}
}

// sit begins to play, and closes conn when that ends.
func sit(conn io.Closer, play func(ctx context.Context) error) *seat {
	ctx, cancel := context.WithCancel(context.Background())
	s := &seat{cancel: cancel, conn: conn, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer cancel()
		defer conn.Close()
		_ = play(ctx) // however it ends, the card is out
	}()
	return s
}

func (s *seat) occupied() bool {
	if s == nil {
		return false
	}
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// leave ends the play and waits until nothing of it runs any more.
func (s *seat) leave() {
	if s == nil {
		return
	}
	s.cancel()
	_ = s.conn.Close()
	<-s.done
}
