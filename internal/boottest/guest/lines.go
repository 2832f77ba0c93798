package guest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lines reads lines of a bounded length from somebody who isn't trusted.
type lines struct {
	r     *bufio.Reader
	limit int // bytes
}

func newLines(r io.Reader, limit int) lines { return lines{bufio.NewReaderSize(r, 64<<10), limit} }

// next returns the next whole line that isn't empty; one that is too long comes as nil. A last line without its end was
// cut off and isn't returned.
func (l lines) next() ([]byte, error) {
	var line []byte
	for long := false; ; {
		part, err := l.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if long = long || len(line)+len(part) > l.limit; !long {
			line = append(line, part...)
		}
		switch {
		case err != nil:
		case long:
			return nil, nil
		case len(bytes.TrimSpace(line)) == 0:
			line = line[:0]
		default:
			return line, nil
		}
	}
}
