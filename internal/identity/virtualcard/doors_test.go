package virtualcard

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// reader is the other side of vpcd's link.
type reader struct {
	t    *testing.T
	conn net.Conn
}

func (r reader) tell(message ...byte) {
	r.t.Helper()
	if _, err := r.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)); err != nil {
		r.t.Fatal(err)
	}
}

func (r reader) hear() []byte {
	r.t.Helper()
	header := make([]byte, 2)
	if _, err := io.ReadFull(r.conn, header); err != nil {
		r.t.Fatal(err)
	}
	message := make([]byte, binary.BigEndian.Uint16(header))
	if _, err := io.ReadFull(r.conn, message); err != nil {
		r.t.Fatal(err)
	}
	return message
}

func TestVPCDLink(t *testing.T) {
	ours, theirs := net.Pipe()
	_ = theirs.SetDeadline(time.Now().Add(10 * time.Second))
	slot := NewVPCD(func(context.Context) (net.Conn, error) { return ours, nil })
	card := issue(t, CardSpec{})
	if err := slot.Insert(t.Context(), card); err != nil {
		t.Fatal(err)
	}
	if err := slot.Insert(t.Context(), card); err == nil {
		t.Error("two cards in one slot")
	}
	r := reader{t, theirs}
	r.tell(vpcdPowerOn)
	r.tell(vpcdATR)
	if atr := r.hear(); string(atr) != string(atrT1) {
		t.Errorf("ATR %X", atr)
	}
	r.tell(mustHex(selectByName)...)
	if answer := r.hear(); len(answer) < 3 {
		t.Errorf("selecting: %X", answer)
	}
	r.tell(mustHex(rightVerify)...)
	if r.hear(); !card.Verified() {
		t.Error("the passcode didn't arrive")
	}
	r.tell(vpcdReset)
	r.tell(vpcdATR)
	if r.hear(); card.Verified() {
		t.Error("a reset left the card verified")
	}
	slot.Pull()
	slot.Pull() // nothing
	if _, err := theirs.Read(make([]byte, 1)); err == nil || slot.Occupied() {
		t.Errorf("the card was pulled, but the link lives on: %v", err)
	}
}

func TestFaultTakesTheCardOutOfVPCD(t *testing.T) {
	ours, theirs := net.Pipe()
	_ = theirs.SetDeadline(time.Now().Add(10 * time.Second))
	slot := NewVPCD(func(context.Context) (net.Conn, error) { return ours, nil })
	card := issue(t, CardSpec{})
	card.SetFaults(Faults{Pull: AfterVerify})
	if err := slot.Insert(t.Context(), card); err != nil {
		t.Fatal(err)
	}
	r := reader{t, theirs}
	r.tell(mustHex(selectByName)...)
	r.hear()
	r.tell(mustHex(wrongVerify)...)
	if _, err := theirs.Read(make([]byte, 1)); err == nil {
		t.Error("the command was answered")
	}
	if card.TriesLeft() != 2 {
		t.Errorf("%d tries left", card.TriesLeft())
	}
}

// guest is QEMU's side of the vscard protocol.
type guest struct {
	t    *testing.T
	conn net.Conn
}

func newGuest(t *testing.T) (*guest, *QEMU) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "card")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	door, err := DialQEMU(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = door.Close() })
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	g := &guest{t: t, conn: conn}
	if hello := g.hear(vscardInit); string(hello) != "VSCD\x00\x00\x00\x02\x00\x00\x00\x00" {
		t.Fatalf("the greeting is %q", hello)
	}
	g.tell(vscardInit, []byte("VSCD\x00\x00\x00\x02\x00\x00\x00\x00"))
	return g, door
}

func (g *guest) tell(kind uint32, payload []byte) {
	message := binary.BigEndian.AppendUint32(nil, kind)
	message = binary.BigEndian.AppendUint32(message, 0)
	message = binary.BigEndian.AppendUint32(message, uint32(len(payload)))
	if _, err := g.conn.Write(append(message, payload...)); err != nil {
		g.t.Error(err)
	}
}

func (g *guest) hear(want uint32) []byte {
	g.t.Helper()
	kind, payload, err := readVscard(g.conn)
	if err != nil || kind != want {
		g.t.Fatalf("message %d instead of %d: %v", kind, want, err)
	}
	return payload
}

// insert has the door insert a card, and QEMU take it.
func (g *guest) insert(door *QEMU, card *Card) {
	g.t.Helper()
	inserted := make(chan error, 1)
	go func() { inserted <- door.Insert(g.t.Context(), card) }()
	if atr := g.hear(vscardATR); string(atr) != string(atrT0) {
		g.t.Errorf("ATR %X", atr)
	}
	g.tell(vscardError, []byte{0, 0, 0, 0})
	if err := <-inserted; err != nil {
		g.t.Fatal(err)
	}
}

func TestQEMULink(t *testing.T) {
	g, door := newGuest(t)
	card := issue(t, CardSpec{})
	g.insert(door, card)
	g.tell(vscardAPDU, mustHex(selectByName))
	answer := g.hear(vscardAPDU)
	if len(answer) != 2 || answer[0] != 0x61 {
		t.Fatalf("a T=0 card answers with %X before GET RESPONSE", answer)
	}
	g.tell(vscardAPDU, []byte{0, 0xC0, 0, 0, answer[1]})
	if whole := g.hear(vscardAPDU); len(whole) != int(answer[1])+2 {
		t.Errorf("%d bytes instead of %d and the status", len(whole), answer[1])
	}
	pulled := make(chan error, 1)
	go func() { pulled <- door.Pull(t.Context()) }()
	g.hear(vscardCardRemove)
	g.tell(vscardError, []byte{0, 0, 0, 0})
	if err := <-pulled; err != nil {
		t.Error(err)
	}
}

func TestQEMURefusesACard(t *testing.T) {
	g, door := newGuest(t)
	inserted := make(chan error, 1)
	go func() { inserted <- door.Insert(t.Context(), issue(t, CardSpec{})) }()
	g.hear(vscardATR)
	g.tell(vscardError, []byte{0, 0, 0, 1})
	if err := <-inserted; err == nil {
		t.Error("a card that QEMU refused counts as inserted")
	}
}

func TestSilentCardIsPulledFromAGuest(t *testing.T) {
	g, door := newGuest(t)
	card := issue(t, CardSpec{})
	g.insert(door, card)
	card.SetFaults(Faults{Pull: AfterVerify})
	g.tell(vscardAPDU, mustHex(selectByName))
	g.hear(vscardAPDU)
	g.tell(vscardAPDU, mustHex(wrongVerify))
	g.hear(vscardCardRemove)
	g.tell(vscardError, []byte{0, 0, 0, 0})
	card.SetFaults(Faults{})
	g.insert(door, card) // the removal's acknowledgement isn't taken for this one's
}

func FuzzReadVscard(f *testing.F) {
	f.Add([]byte{0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2})
	f.Add([]byte{0, 0, 0, 7, 0, 0, 0, 0, 0xFF, 0, 0, 2})
	f.Fuzz(func(t *testing.T, message []byte) {
		_, payload, err := readVscard(bytes.NewReader(message))
		if err == nil && len(payload) > maxVscard {
			t.Fatal("a message of", len(payload), "bytes")
		}
	})
}

// FuzzVPCD plays a card to a reader that sends anything: it ends with what the reader sends, and every answer is whole.
func FuzzVPCD(f *testing.F) {
	card := issue(f, CardSpec{})
	f.Add([]byte{0, 1, vpcdPowerOn, 0, 1, vpcdATR, 0, 5, 0, 0xA4, 4, 0, 0})
	f.Add([]byte{0, 0, 0, 1, 9, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, sent []byte) {
		card.SetTriesLeft(3)
		var heard bytes.Buffer
		err := serveVPCD(t.Context(), struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(sent), &heard}, card)
		if err == nil {
			t.Error("it ends without a reason")
		}
		for heard.Len() > 0 {
			header := heard.Next(2)
			if n := int(binary.BigEndian.Uint16(header)); n < 2 || len(heard.Next(n)) != n {
				t.Fatalf("an answer of %d bytes is cut", n)
			}
		}
	})
}
