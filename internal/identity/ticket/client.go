package ticket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"nhos.org/nhos/internal/ui"
)

// Client is a program's end of the door. It serves one call at a time.
type Client struct {
	conn  *net.UnixConn
	lines *bufio.Reader
	last  uint64
}

// Dial connects to the agent's socket.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, ui.Hint(fmt.Errorf("connecting to the Identity Agent: %w", err), "systemctl --user status nhos-identityd.socket says whether it runs")
	}
	return &Client{conn: c.(*net.UnixConn), lines: bufio.NewReaderSize(c, 64<<10)}, nil
}

// Close hangs up; what is under way is taken back.
func (c *Client) Close() error { return c.conn.Close() }

// Call sends a request and waits for its answer. What the agent refuses is an *Error. The caller wipes the ticket.
func (c *Client) Call(ctx context.Context, r Request) (Answer, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Now()) })
	defer stop()
	c.last++
	r.ID = c.last
	line, err := appendRequest(nil, r)
	defer func() { clear(line) }()
	if err != nil {
		return Answer{}, err
	}
	_, writeErr := c.conn.Write(line)
	a, err := c.Next(ctx) // whom the agent refuses it tells why and hangs up, maybe before the request was written
	switch {
	case err != nil && writeErr != nil:
		return Answer{}, c.broken(ctx, "asking", writeErr)
	case err != nil:
		return a, err
	}
	if a.Error != nil {
		return a, ui.Hint(a.Error, a.Error.Hint)
	}
	return a, nil
}

// Next waits for a further line of an answer: an event after Subscribe.
func (c *Client) Next(ctx context.Context) (Answer, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Now()) })
	defer stop()
	var long []byte
	for {
		part, err := c.lines.ReadSlice('\n')
		if err == nil && long == nil {
			a, err := parseAnswer(part)
			clear(part)
			return a, err
		}
		long = append(long, part...)
		clear(part)
		switch {
		case err == nil:
			a, err := parseAnswer(long)
			clear(long)
			return a, err
		case !errors.Is(err, bufio.ErrBufferFull):
			return Answer{}, c.broken(ctx, "waiting for", err)
		case len(long) > maxAnswerBytes:
			return Answer{}, errors.New("reading the agent's answer: it is too long")
		}
	}
}

func (c *Client) broken(ctx context.Context, what string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("%s the Identity Agent: %w", what, err)
}
