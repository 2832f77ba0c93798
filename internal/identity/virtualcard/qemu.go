package virtualcard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// The vscard protocol, by which QEMU's ccid-card-passthru is given a card: a header of three words in network byte
// order (kind, reader, length of what follows), then that.
const (
	vscardInit       = 1
	vscardError      = 2
	vscardATR        = 5
	vscardCardRemove = 6
	vscardAPDU       = 7

	vscardReader   = 0
	vscardNoReader = 0xFFFFFFFF
	vscardHeader   = 12
	// maxVscard bounds a message; QEMU's own buffer is far smaller.
	maxVscard = 64 << 10
)

// atrT0 says T=0, which is the only protocol of QEMU's reader: "NHSIA" in its historical bytes is for people.
var atrT0 = []byte{0x3B, 0x05, 'N', 'H', 'S', 'I', 'A'}

// QEMU is the reader of a guest (-device usb-ccid) whose card device (-device ccid-card-passthru,chardev=…) is a Unix
// socket. The reader stays while cards come and go; QEMU never says that it resets a card.
type QEMU struct {
	conn    net.Conn
	results chan uint32 // what QEMU says of an ATR or a removal; 0 is success
	done    chan struct{}

	mu     sync.Mutex
	card   *Card
	cancel context.CancelFunc // of the inserted card's answers
	ctx    context.Context
}

// DialQEMU connects to the socket of the guest's card device. It may be called before the guest has started.
func DialQEMU(ctx context.Context, path string) (*QEMU, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("connecting to a guest's card reader: %w", err)
	}
	q := &QEMU{conn: conn, results: make(chan uint32, 16), done: make(chan struct{})}
	// Version 0.0.2 of the protocol, and no capabilities.
	hello := append([]byte("VSCD"), 0, 0, 0, 2, 0, 0, 0, 0)
	if err := q.send(vscardInit, vscardNoReader, hello); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("greeting a guest's card reader at %s: %w", path, err)
	}
	go q.serve()
	return q, nil
}

// Insert puts a card into the guest's reader and waits until QEMU has taken it. After a removal the guest needs about a
// second until it notices another card.
func (q *QEMU) Insert(ctx context.Context, card *Card) error {
	q.mu.Lock()
	if q.card != nil {
		q.mu.Unlock()
		return errors.New("inserting a virtual card: there is one in the guest's reader")
	}
	card.Reset()
	q.card = card
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.mu.Unlock()
	if err := q.tell(ctx, vscardATR, atrT0); err != nil {
		q.forget(card)
		return fmt.Errorf("inserting a virtual card into a guest's reader: %w", err)
	}
	return nil
}

// Pull takes the card out, also in the middle of a command. It does nothing when there is none.
func (q *QEMU) Pull(ctx context.Context) error {
	q.mu.Lock()
	card := q.card
	q.mu.Unlock()
	if card == nil || !q.forget(card) {
		return nil
	}
	if err := q.tell(ctx, vscardCardRemove, nil); err != nil {
		return fmt.Errorf("pulling a virtual card from a guest's reader: %w", err)
	}
	return nil
}

// Close pulls the card and hangs up; the guest's reader is then empty.
func (q *QEMU) Close() error {
	q.mu.Lock()
	card := q.card
	q.mu.Unlock()
	if card != nil && q.forget(card) {
		_ = q.send(vscardCardRemove, vscardReader, nil)
	}
	err := q.conn.Close()
	<-q.done
	return err
}

// forget ends the answers of a card, and says whether it was the one in the reader.
func (q *QEMU) forget(card *Card) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.card != card {
		return false
	}
	q.cancel()
	q.card = nil
	return true
}

// tell sends what QEMU acknowledges, and waits for that.
func (q *QEMU) tell(ctx context.Context, kind uint32, payload []byte) error {
	for len(q.results) > 0 {
		<-q.results // of a fault's removal, which nobody waited for
	}
	if err := q.send(kind, vscardReader, payload); err != nil {
		return err
	}
	select {
	case result := <-q.results:
		if result != 0 {
			return fmt.Errorf("QEMU refused it with error %d", result)
		}
		return nil
	case <-q.done:
		return errors.New("QEMU hung up")
	case <-ctx.Done():
		return fmt.Errorf("no word from QEMU: %w", ctx.Err())
	}
}

// serve reads what QEMU says until it hangs up.
func (q *QEMU) serve() {
	var answers sync.WaitGroup
	defer close(q.done)
	defer answers.Wait()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.card != nil {
			q.cancel()
			q.card = nil
		}
	}()
	for {
		kind, payload, err := readVscard(q.conn)
		if err != nil {
			return
		}
		switch kind {
		case vscardError:
			if len(payload) == 4 {
				select {
				case q.results <- binary.BigEndian.Uint32(payload):
				default: // nobody waits for it
				}
			}
		case vscardAPDU:
			answers.Go(func() { q.answer(payload) })
		}
	}
}

// answer has the card in the reader answer one command. A T=0 card never sends data before GET RESPONSE.
func (q *QEMU) answer(apdu []byte) {
	q.mu.Lock()
	card, ctx := q.card, q.ctx
	q.mu.Unlock()
	if card == nil {
		return
	}
	answer, err := card.answer(ctx, apdu, true)
	if errors.Is(err, errPulled) && q.forget(card) {
		_ = q.send(vscardCardRemove, vscardReader, nil)
	}
	if err == nil && ctx.Err() == nil {
		_ = q.send(vscardAPDU, vscardReader, answer)
	}
}

// send writes one message; net.Conn keeps the messages of several senders apart.
func (q *QEMU) send(kind, reader uint32, payload []byte) error {
	message := binary.BigEndian.AppendUint32(make([]byte, 0, vscardHeader+len(payload)), kind)
	message = binary.BigEndian.AppendUint32(message, reader)
	message = binary.BigEndian.AppendUint32(message, uint32(len(payload)))
	_, err := q.conn.Write(append(message, payload...))
	return err
}

// readVscard reads one message.
func readVscard(r io.Reader) (kind uint32, payload []byte, err error) {
	header := make([]byte, vscardHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(header[8:])
	if length > maxVscard {
		return 0, nil, fmt.Errorf("a message of %d bytes, but at most %d are expected", length, maxVscard)
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(r, payload)
	return binary.BigEndian.Uint32(header), payload, err
}
