package vm

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestPretendNetwork holds the card's end of a cable that leads to a pretend internet.
func TestPretendNetwork(t *testing.T) {
	card, wire := net.Pipe()
	defer closeAll([]net.Conn{card, wire})
	var mu sync.Mutex
	var seen []string
	v := &VM{}
	v.connectCable(PretendNetwork, []net.Conn{wire}, func(sent bool, frame []byte) {
		mu.Lock()
		defer mu.Unlock()
		way := "to the card: "
		if sent {
			way = "by the card: "
		}
		seen = append(seen, way+string(frame[12:14]))
	})
	who := "\xff\xff\xff\xff\xff\xff" + "card01" + "\x08\x06" + "\x00\x01\x08\x00\x06\x04\x00\x01" + "card01" + "\x0a\x00\x02\x0f" + "\x00\x00\x00\x00\x00\x00" + "\x0a\x00\x02\x02"
	_ = card.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := card.Write(framed(who)); err != nil {
		t.Fatal(err)
	}
	answer, err := readFrame(card)
	if err != nil || !strings.Contains(string(answer), "\x00\x02RU\x0a\x00\x02\x02\x0a\x00\x02\x02card01") {
		t.Errorf("%q, error %v", answer, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(seen, ", "); got != "by the card: \x08\x06, to the card: \x08\x06" {
		t.Errorf("seen: %q", got)
	}
}

// A network that can lose what it carries must be seen before it does.
func TestFramesAreSeenBeforeTheyAreLost(t *testing.T) {
	c, seen := newCable(), 0
	c.frame = func(bool, []byte) { seen++ }
	c.set(1, 0)
	in := bytes.Repeat(framed("hello"), 5)
	done := make(chan error)
	go func() { done <- c.carry(bytes.NewReader(in), io.Discard, true) }()
	c.set(0, 0)
	if err := <-done; seen != 5 || !errors.Is(err, io.EOF) {
		t.Errorf("%d frames were seen, error %v", seen, err)
	}
}

func TestArgumentsOfAPretendNetwork(t *testing.T) {
	args, err := networkArguments(PretendNetwork)
	if err != nil {
		t.Fatal(err)
	}
	// Nothing but the cable: QEMU has no router here that could let anything out.
	want := "-netdev socket,id=nhos-far,fd=6 -netdev hubport,id=nhos-far-hub,hubid=2,netdev=nhos-far " +
		"-netdev hubport,id=nhos-card-net,hubid=2 -device virtio-net-pci,id=nhos-card,netdev=nhos-card-net,romfile="
	if got := strings.Join(args, " "); got != want {
		t.Error(got)
	}
	if _, err := networkArguments("other"); err == nil {
		t.Error("a network that isn't known is taken")
	}
}
