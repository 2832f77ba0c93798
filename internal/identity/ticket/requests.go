package ticket

import (
	"bytes"
	"io"
)

// errTooLong says that a line doesn't end where it has to.
var errTooLong = invalid("the request is longer than %d bytes", MaxRequestBytes)

// requests are the lines that a program writes, read into one buffer, so that there is one place to wipe.
type requests struct {
	from   io.Reader
	buffer [MaxRequestBytes + 1]byte
	filled int
	used   int // of the buffer, by the line that was read last
}

// next reads a line without its end. It is valid until the next one, and the caller's to wipe. After an error there is
// nothing left to read, or to wipe.
func (r *requests) next() ([]byte, error) {
	copy(r.buffer[:], r.buffer[r.used:r.filled])
	clear(r.buffer[r.filled-r.used : r.filled])
	r.filled, r.used = r.filled-r.used, 0
	for {
		if end := bytes.IndexByte(r.buffer[:r.filled], '\n'); end >= 0 {
			r.used = end + 1
			return r.buffer[:end], nil
		}
		if r.filled == len(r.buffer) {
			r.wipe()
			return nil, errTooLong
		}
		n, err := r.from.Read(r.buffer[r.filled:])
		r.filled += n
		if n == 0 && err != nil {
			r.wipe()
			return nil, err
		}
	}
}

// drain reads lines that nobody answers, until the last.
func (r *requests) drain() {
	for {
		line, err := r.next()
		if err != nil {
			return
		}
		clear(line)
	}
}

func (r *requests) wipe() {
	clear(r.buffer[:])
	r.filled, r.used = 0, 0
}
