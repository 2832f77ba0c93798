package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// errGone says that the other end of a QMP connection closed.
var errGone = errors.New("QEMU ended the conversation")

// maxQMPLine bounds one message. The longest that is asked for (query-blockstats) has some kilobytes.
const maxQMPLine = 1 << 20

// A qmp is a conversation in the QEMU Machine Protocol (docs/interop/qmp-spec in QEMU's sources): JSON lines, each
// command answered by its id, events in between.
type qmp struct {
	conn   io.ReadWriteCloser
	events chan Event // closed at the end of the conversation

	writing sync.Mutex // held while one command is written

	mu      sync.Mutex
	next    int
	waiting map[int]chan qmpMessage
	err     error // why the conversation ended
}

type qmpMessage struct {
	Greeting json.RawMessage `json:"QMP"`
	ID       *int            `json:"id"`
	Return   json.RawMessage `json:"return"`
	Error    *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	Data  struct {
		Guest  bool   `json:"guest"`
		Reason string `json:"reason"`
	} `json:"data"`
}

// newQMP waits for the greeting and enters command mode.
func newQMP(ctx context.Context, conn io.ReadWriteCloser) (*qmp, error) {
	q := &qmp{conn: conn, events: make(chan Event, 256), waiting: map[int]chan qmpMessage{}}
	greeted := make(chan struct{})
	go q.read(greeted)
	select {
	case <-greeted:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for QEMU's greeting: %w", ctx.Err())
	}
	if err := q.execute(ctx, "qmp_capabilities", nil, nil); err != nil {
		return nil, err
	}
	return q, nil
}

// read hands answers to those who wait and events to the channel until the conversation ends. greeted is closed at the
// greeting, or at the end if none came.
func (q *qmp) read(greeted chan struct{}) {
	lines := bufio.NewScanner(q.conn)
	lines.Buffer(nil, maxQMPLine)
	welcome := sync.OnceFunc(func() { close(greeted) })
	for lines.Scan() {
		var m qmpMessage
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			continue // not of the protocol; the one who waits has a limit of its own
		}
		switch {
		case m.Greeting != nil:
			welcome()
		case m.Event != "":
			select {
			case q.events <- Event{At: time.Now(), Name: m.Event, Reason: m.Data.Reason, Guest: m.Data.Guest}:
			default: // nobody listens
			}
		case m.ID != nil:
			q.mu.Lock()
			answer := q.waiting[*m.ID]
			delete(q.waiting, *m.ID)
			q.mu.Unlock()
			if answer != nil {
				answer <- m
			}
		}
	}
	q.end(lines.Err())
	welcome()
}

func (q *qmp) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = errGone
	if err != nil {
		q.err = fmt.Errorf("%w: %w", errGone, err)
	}
	for id, answer := range q.waiting {
		close(answer)
		delete(q.waiting, id)
	}
	close(q.events)
}

// execute runs one command and decodes what it returned into result, unless that is nil.
func (q *qmp) execute(ctx context.Context, command string, arguments, result any) error {
	id, answer, err := q.enlist()
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	message := map[string]any{"execute": command, "id": id}
	if arguments != nil {
		message["arguments"] = arguments
	}
	b, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	q.writing.Lock()
	_, err = q.conn.Write(append(b, '\n'))
	q.writing.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	select {
	case <-ctx.Done():
		q.mu.Lock()
		delete(q.waiting, id)
		q.mu.Unlock()
		return fmt.Errorf("%s: %w", command, ctx.Err())
	case m, open := <-answer:
		switch {
		case !open:
			return fmt.Errorf("%s: %w", command, errGone)
		case m.Error != nil:
			return fmt.Errorf("%s: QEMU says: %s", command, m.Error.Desc)
		case result == nil:
			return nil
		}
		if err := json.Unmarshal(m.Return, result); err != nil {
			return fmt.Errorf("%s: reading the answer: %w", command, err)
		}
		return nil
	}
}

// enlist returns a new command's id and where its answer will come, once.
func (q *qmp) enlist() (int, chan qmpMessage, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return 0, nil, q.err
	}
	q.next++
	answer := make(chan qmpMessage, 1)
	q.waiting[q.next] = answer
	return q.next, answer, nil
}
