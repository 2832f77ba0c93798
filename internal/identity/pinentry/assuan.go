package pinentry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxLine is how long a line of Assuan may be, with its end.
const maxLine = 1002

// maxLines bounds how much a pinentry says before it answers.
const maxLines = 100

// A conn speaks Assuan. It reads line by line into one buffer, so that there is one place to wipe.
type conn struct {
	in     io.Writer
	out    io.Reader
	buffer [maxLine]byte
	filled int
	used   int // of the buffer, by the line that was read last
}

func newConn(in io.Writer, out io.Reader) *conn { return &conn{in: in, out: out} }

func (c *conn) wipe() { clear(c.buffer[:]) }

// A refusal is an answer of ERR.
type refusal struct {
	code int
	text string
}

func (r *refusal) Error() string { return fmt.Sprintf("pinentry refused: %s (%d)", r.text, r.code) }

// line reads a line without its end. It is valid until the next one.
func (c *conn) line() ([]byte, error) {
	copy(c.buffer[:], c.buffer[c.used:c.filled])
	clear(c.buffer[c.filled-c.used : c.filled])
	c.filled, c.used = c.filled-c.used, 0
	for {
		if end := bytes.IndexByte(c.buffer[:c.filled], '\n'); end >= 0 {
			c.used = end + 1
			return bytes.TrimSuffix(c.buffer[:end], []byte("\r")), nil
		}
		if c.filled == len(c.buffer) {
			return nil, errors.New("pinentry sent a line that is too long")
		}
		n, err := c.out.Read(c.buffer[c.filled:])
		c.filled += n
		if err != nil && n == 0 {
			return nil, fmt.Errorf("pinentry ended without an answer: %w", err)
		}
	}
}

// greeting reads the OK that a pinentry begins with.
func (c *conn) greeting() error { return c.answer(nil) }

// command sends one, with an argument that is escaped, and waits for OK.
func (c *conn) command(command, argument string) error {
	_, err := io.WriteString(c.in, command+escape(argument)+"\n")
	if err != nil {
		return fmt.Errorf("writing to pinentry: %w", err)
	}
	return c.answer(nil)
}

// data sends a command and gives the data that comes before OK.
func (c *conn) data(command string) ([]byte, error) {
	if _, err := io.WriteString(c.in, command+"\n"); err != nil {
		return nil, fmt.Errorf("writing to pinentry: %w", err)
	}
	value := make([]byte, 0, maxLine) // never grows: nothing is left behind
	if err := c.answer(&value); err != nil {
		clear(value[:cap(value)])
		return nil, err
	}
	return value, nil
}

// answer reads up to OK or ERR. Lines of data are added to value.
func (c *conn) answer(value *[]byte) error {
	for range maxLines {
		line, err := c.line()
		if err != nil {
			return err
		}
		word, rest, _ := bytes.Cut(line, []byte(" "))
		switch string(word) {
		case "OK":
			return nil
		case "ERR":
			number, text, _ := strings.Cut(string(rest), " ")
			code, err := strconv.Atoi(number)
			if err != nil {
				return errors.New("pinentry sent an error without a number")
			}
			return &refusal{code, text}
		case "D":
			if value == nil {
				return errors.New("pinentry sent data that nobody asked for")
			}
			if len(*value)+len(rest) > cap(*value) {
				return errors.New("pinentry sent too much")
			}
			*value = unescape(*value, rest)
		case "S", "#", "":
			// Status and comments.
		case "INQUIRE":
			return errors.New("pinentry asks something back, which isn't known here")
		default:
			return errors.New("pinentry sent a line that is no answer")
		}
	}
	return errors.New("pinentry doesn't come to an answer")
}

// maxArgument bounds a command's argument as it is written, in bytes: what is longer is cut.
const maxArgument = 900

// escape writes an argument: % and what would end the line by their numbers.
func escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() < maxArgument; i++ {
		if s[i] < ' ' || s[i] == '%' {
			fmt.Fprintf(&b, "%%%02X", s[i])
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// unescape adds data to value. A % that no number follows stands for itself.
func unescape(value, data []byte) []byte {
	for i := 0; i < len(data); i++ {
		if data[i] == '%' && i+2 < len(data) {
			if n, err := strconv.ParseUint(string(data[i+1:i+3]), 16, 8); err == nil {
				value = append(value, byte(n))
				i += 2
				continue
			}
		}
		value = append(value, data[i])
	}
	return value
}
