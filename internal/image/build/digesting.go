package build

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// digesting writes to w and digests what it writes at the same time: both take about as long for a medium.
type digesting struct {
	w      io.Writer
	h      hash.Hash
	pieces chan []byte
	done   chan struct{} // one for each piece
}

func newDigesting(w io.Writer) *digesting {
	d := &digesting{w: w, h: sha256.New(), pieces: make(chan []byte), done: make(chan struct{})}
	go func() {
		for piece := range d.pieces {
			d.h.Write(piece)
			d.done <- struct{}{}
		}
	}()
	return d
}

// Write ends when p is both written and digested.
func (d *digesting) Write(p []byte) (int, error) {
	d.pieces <- p
	n, err := d.w.Write(p)
	<-d.done
	return n, err
}

// sum is the digest of all that was written, in hexadecimal digits.
func (d *digesting) sum() string { return hex.EncodeToString(d.h.Sum(nil)) }

func (d *digesting) close() { close(d.pieces) }
