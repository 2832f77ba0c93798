package guest

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

const (
	journalLimit = 3 * time.Minute
	chunkSize    = 48 << 10
)

// sendJournal sends the journal of this boot in parts.
func sendJournal(ctx context.Context, p *port) error {
	ctx, cancel := context.WithTimeout(ctx, journalLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "journalctl", "-b", "-o", "short-precise", "--no-pager")
	cmd.Env = environment
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	chunks := &chunkWriter{port: p}
	z := gzip.NewWriter(chunks)
	_, err = io.Copy(z, io.LimitReader(out, maxJournal))
	cancelled := ctx.Err()
	cancel() // it may have more to say than is wanted
	_ = cmd.Wait()
	return errors.Join(cancelled, err, z.Close(), chunks.flush())
}

// A chunkWriter sends what is written to it in messages of one size.
type chunkWriter struct {
	port *port
	b    []byte
}

func (w *chunkWriter) Write(b []byte) (int, error) {
	w.b = append(w.b, b...)
	for len(w.b) >= chunkSize {
		if err := w.port.send(Message{Kind: KindJournal, Chunk: w.b[:chunkSize]}); err != nil {
			return 0, err
		}
		w.b = append(w.b[:0], w.b[chunkSize:]...)
	}
	return len(b), nil
}

func (w *chunkWriter) flush() error {
	if len(w.b) == 0 {
		return nil
	}
	err := w.port.send(Message{Kind: KindJournal, Chunk: w.b})
	w.b = nil
	return err
}
