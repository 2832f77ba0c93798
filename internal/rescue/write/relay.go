package write

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// inFlight is how many pieces of one stick are in memory at most: one being read, one waiting, one being written.
const inFlight = 3

// A relay passes pieces on from a source to a sink, in order, each at work on a piece of its own.
type relay struct {
	pieces []piece
	fill   func(p piece, buf []byte) error
	drain  func(p piece, buf []byte) error
}

// run ends with the first error, or with ctx, after the pieces that are in memory.
func (r relay) run(ctx context.Context) error {
	type loaded struct {
		piece
		buf []byte
	}
	free, full := make(chan []byte, inFlight), make(chan loaded)
	for range min(inFlight, len(r.pieces)) {
		free <- aligned(pieceBytes)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(full)
		for _, p := range r.pieces {
			if ctx.Err() != nil { // select takes either when both are ready
				return context.Cause(ctx)
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case buf := <-free:
				if err := r.fill(p, buf); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
					return context.Cause(ctx)
				case full <- loaded{p, buf}:
				}
			}
		}
		return nil
	})
	group.Go(func() error {
		for l := range full {
			if err := r.drain(l.piece, l.buf); err != nil {
				return err
			}
			free <- l.buf
		}
		return nil
	})
	return group.Wait()
}
