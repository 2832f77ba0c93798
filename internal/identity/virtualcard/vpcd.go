package virtualcard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// vpcd's messages of one byte: what a reader does to a card. Longer messages are APDUs. Both ways a message is its
// length (two bytes, big-endian) and itself.
const (
	vpcdPowerOff = 0x00
	vpcdPowerOn  = 0x01
	vpcdReset    = 0x02
	vpcdATR      = 0x04
)

// atrT1 is the shortest answer to reset of a card that speaks T=1, whose reader passes whole APDUs on.
var atrT1 = []byte{0x3B, 0x80, 0x01, 0x81}

// atr is the card's answer to reset.
func (c *Card) atr() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults.T0 {
		return atrT0
	}
	return atrT1
}

// VPCD is a slot of the virtual reader of pcscd's driver vpcd. A card is in it while there is a connection.
//
// vpcd listens on every interface: run it in a network namespace only.
type VPCD struct {
	dial func(ctx context.Context) (net.Conn, error)

	mu   sync.Mutex
	card *seat
}

// NewVPCD is the slot that dial connects to; port 35963 is the first of the driver, 35964 the second.
func NewVPCD(dial func(ctx context.Context) (net.Conn, error)) *VPCD {
	return &VPCD{dial: dial}
}

// Insert puts a card into the slot. It waits, as long as ctx does, for pcscd to be there.
func (v *VPCD) Insert(ctx context.Context, card *Card) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.card.occupied() {
		return errors.New("inserting a virtual card: there is one in the reader")
	}
	for {
		conn, err := v.dial(ctx)
		if err == nil {
			v.card = sit(conn, func(ctx context.Context) error { return serveVPCD(ctx, conn, card) })
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("inserting a virtual card: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Pull takes the card out, also in the middle of a command. It does nothing when there is none.
func (v *VPCD) Pull() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.card.leave()
	v.card = nil
}

// Occupied says whether the card that was inserted is still there: a fault or the end of pcscd take it out, too.
func (v *VPCD) Occupied() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.card.occupied()
}

// acknowledgeSoon has what comes next acknowledged at once. vpcd writes a message's length and the message apart, and the
// kernel keeps the second back until the first is acknowledged: without this, each command takes 40 ms. The kernel
// forgets the wish after a while.
func acknowledgeSoon(conn io.ReadWriter) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
		})
	}
}

// serveVPCD plays card to a reader until the connection ends or the card is pulled.
func serveVPCD(ctx context.Context, conn io.ReadWriter, card *Card) error {
	card.Reset()
	card.inserted()
	header := make([]byte, 2)
	message := make([]byte, 1<<16)
	for {
		acknowledgeSoon(conn)
		if _, err := io.ReadFull(conn, header); err != nil {
			return err
		}
		message := message[:binary.BigEndian.Uint16(header)]
		if _, err := io.ReadFull(conn, message); err != nil {
			return err
		}
		var answer []byte
		switch {
		case len(message) == 0:
			continue
		case len(message) > 1:
			var err error
			if answer, err = card.Answer(ctx, message); err != nil {
				return err
			}
		case message[0] == vpcdATR:
			answer = card.atr()
		case message[0] == vpcdPowerOn:
			card.powerUp()
			continue
		case message[0] == vpcdPowerOff || message[0] == vpcdReset:
			card.Reset()
			continue
		default:
			continue // a message that a later vpcd may have; only an ATR or an APDU is waited for
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return err
		}
	}
}
