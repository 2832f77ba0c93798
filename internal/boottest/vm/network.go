package vm

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"nhos.org/nhos/internal/boottest/pretend"
)

// Network is what the machine's network card is connected to.
type Network string

// UserNetwork is QEMU's own router, by which nothing leaves the machine: it gives the guest the address 10.0.2.15 by
// DHCP, answers pings of 10.0.2.2, and a request of http://10.0.2.100/ with [WebGreeting]. Everything else is refused.
const UserNetwork Network = "user"

// PretendNetwork is an internet that isn't there (package pretend): every name has an address, and every address
// answers. Nothing leaves the machine. Addresses of the guest's own network are those of [UserNetwork].
const PretendNetwork Network = "pretend"

// webAddress is where the guest finds the one server of its network.
const webAddress = "10.0.2.100:80"

// card is the device and cardNet the network of the card that a machine with a network has from the start.
const (
	card    = "nhos-card"
	cardNet = "nhos-card-net"
)

// The hubs that join QEMU's networks: cards are on cardHub, whether or not a cable leads on from there.
const (
	routerHub = 1
	cardHub   = 2
)

// networkArguments connects router and card by way of this program, which carries each frame across ([cable]): QEMU
// can hold frames back (filter-buffer), but it has nothing that makes a line slow.
func networkArguments(n Network) ([]string, error) {
	hub := func(id string, hub int, peer string) string {
		return fmt.Sprintf("hubport,id=%s-hub,hubid=%d,netdev=%s", id, hub, peer)
	}
	far := cableFD
	var router []string
	switch n {
	case "":
		return nil, nil
	case PretendNetwork:
		far = pretendFD
	case UserNetwork:
		router = routerArguments(hub)
	default:
		return nil, fmt.Errorf("unknown network %q (user and pretend are known)", n)
	}
	return append(
		router,
		"-netdev", fmt.Sprintf("socket,id=nhos-far,fd=%d", far),
		"-netdev", hub("nhos-far", cardHub, "nhos-far"),
		"-netdev", "hubport,id="+cardNet+",hubid="+strconv.Itoa(cardHub),
		// Without its own firmware: a machine that finds no medium shall not try to boot from the network.
		"-device", "virtio-net-pci,id="+card+",netdev="+cardNet+",romfile=",
	), nil
}

// routerArguments are for QEMU's own router, at the near end of the cable.
func routerArguments(hub func(id string, hub int, peer string) string) []string {
	return []string{
		"-chardev", fmt.Sprintf("socket,id=nhos-web,fd=%d", webFD),
		"-netdev", "user,id=nhos-router,restrict=on,ipv6=off,guestfwd=tcp:" + webAddress + "-chardev:nhos-web",
		"-netdev", hub("nhos-router", routerHub, "nhos-router"),
		"-netdev", fmt.Sprintf("socket,id=nhos-near,fd=%d", natFD),
		"-netdev", hub("nhos-near", routerHub, "nhos-near"),
	}
}

// ends is how many wires lead to a machine on this network, besides those that every machine has.
func (n Network) ends() int {
	switch n {
	case UserNetwork:
		return 3
	case PretendNetwork:
		return 1
	}
	return 0
}

// connectCable lays the cable between the wires that are the network's.
func (v *VM) connectCable(n Network, wires []net.Conn, frame func(bool, []byte)) {
	v.cable = newCable()
	v.cable.frame = frame
	switch n {
	case UserNetwork:
		v.cable.connect(wires[0], wires[1])
		go serveWeb(wires[2])
	case PretendNetwork:
		near, ours := net.Pipe()
		v.cable.connect(near, wires[0])
		go func() {
			_ = answerFrames(pretend.New(WebGreeting), ours)
			_ = near.Close()
		}()
	}
}

// answerFrames is the near end of a pretend network's cable.
func answerFrames(i *pretend.Internet, conn io.ReadWriteCloser) error {
	defer func() { _ = conn.Close() }()
	for in := bufio.NewReader(conn); ; {
		frame, err := readFrame(in)
		if err != nil {
			return err
		}
		for _, answer := range i.Answer(frame[frameHead:]) {
			if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)); err != nil {
				return err
			}
		}
	}
}

// SetLink pulls the cable out of all network cards, or puts it back in.
func (v *VM) SetLink(ctx context.Context, up bool) error {
	cards := v.cards()
	if len(cards) == 0 {
		return errors.New("switching the network: the machine has no network card")
	}
	for _, id := range cards {
		if err := v.execute(ctx, "set_link", map[string]any{"name": id, "up": up}, nil); err != nil {
			return fmt.Errorf("switching the network: %w", err)
		}
	}
	return nil
}

// cards are the ids of the machine's network cards.
func (v *VM) cards() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var ids []string
	if v.cable != nil {
		ids = append(ids, card)
	}
	for id, d := range v.plugged {
		if d.Kind == NetworkCard {
			ids = append(ids, id)
		}
	}
	return ids
}

// SetNetworkSpeed makes the network slow: each direction carries bytesPerSecond (0 is no limit), and every frame
// arrives later by delay. What is on its way at a change arrives at once. What would have to wait for more than
// [maxQueue] is lost, as on any slow line.
func (v *VM) SetNetworkSpeed(_ context.Context, bytesPerSecond int64, delay time.Duration) error {
	switch {
	case v.cable == nil:
		return errors.New("setting the network's speed: the machine has no network")
	case bytesPerSecond < 0 || delay < 0 || delay > maxDelay:
		return fmt.Errorf("setting the network's speed: %d bytes a second with a delay of %v isn't possible", bytesPerSecond, delay)
	}
	v.cable.set(bytesPerSecond, delay)
	return nil
}
