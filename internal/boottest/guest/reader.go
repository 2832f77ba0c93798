package guest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
)

const (
	// maxLine bounds one message: a check's output, escaped at worst sixfold, and some room.
	maxLine = 8*maxOutput + 64<<10
	// maxJournal bounds the guest's journal, unpacked; maxChunks all of its packed parts.
	maxJournal = 16 << 20
	maxChunks  = 16 << 20
)

// A Reader reads the messages of a guest. What comes from a guest is not trusted: lines that are too long or not
// messages are left out and counted.
type Reader struct {
	in      lines
	skipped int
}

// NewReader reads from r.
func NewReader(r io.Reader) *Reader { return &Reader{in: newLines(r, maxLine)} }

// Skipped is how many lines were no messages.
func (r *Reader) Skipped() int { return r.skipped }

// Next returns the next message; the error is that of the connection, io.EOF at its end.
func (r *Reader) Next() (Message, error) {
	for {
		line, err := r.in.next()
		if err != nil {
			return Message{}, err
		}
		var m Message
		if json.Unmarshal(line, &m) == nil && m.valid() {
			return m, nil
		}
		r.skipped++
	}
}

// valid reports whether a message holds what its kind promises.
func (m Message) valid() bool {
	switch m.Kind {
	case KindHello:
		return m.Hello != nil
	case KindBeat:
		return m.Beat != nil
	case KindBoot:
		return m.Boot != nil
	case KindCheck:
		return m.Check != nil
	case KindJournal:
		return len(m.Chunk) > 0 || m.Error != nil
	case KindAnswer:
		return m.Answer != nil
	case KindDone:
		return true
	}
	return false
}

// A Journal collects the parts of the guest's journal.
type Journal struct {
	packed []byte
}

// Add takes the next part. Parts past the limit are dropped.
func (j *Journal) Add(chunk []byte) {
	if len(j.packed)+len(chunk) <= maxChunks {
		j.packed = append(j.packed, chunk...)
	}
}

// Empty reports whether nothing came.
func (j *Journal) Empty() bool { return len(j.packed) == 0 }

// Text unpacks what came. A journal whose end is missing is returned as far as it goes, with the error.
func (j *Journal) Text() ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(j.packed))
	if err != nil {
		return nil, fmt.Errorf("unpacking the journal: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxJournal))
	if err != nil {
		err = fmt.Errorf("unpacking the journal: %w", err)
	}
	return text, err
}
