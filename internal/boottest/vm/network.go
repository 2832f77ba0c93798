package vm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Network is what the machine's network card is connected to.
type Network string

// UserNetwork is QEMU's own router, by which nothing leaves the machine: it gives the guest the address 10.0.2.15 by
// DHCP, answers pings of 10.0.2.2, and a request of http://10.0.2.100/ with [WebGreeting]. Everything else is refused.
const UserNetwork Network = "user"

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
	switch n {
	case "":
		return nil, nil
	case UserNetwork:
	default:
		return nil, fmt.Errorf("unknown network %q (user is known)", n)
	}
	hub := func(id string, hub int, peer string) string {
		return fmt.Sprintf("hubport,id=%s-hub,hubid=%d,netdev=%s", id, hub, peer)
	}
	return []string{
		"-chardev", fmt.Sprintf("socket,id=nhos-web,fd=%d", webFD),
		"-netdev", "user,id=nhos-router,restrict=on,ipv6=off,guestfwd=tcp:" + webAddress + "-chardev:nhos-web",
		"-netdev", hub("nhos-router", routerHub, "nhos-router"),
		"-netdev", fmt.Sprintf("socket,id=nhos-near,fd=%d", natFD),
		"-netdev", hub("nhos-near", routerHub, "nhos-near"),
		"-netdev", fmt.Sprintf("socket,id=nhos-far,fd=%d", cableFD),
		"-netdev", hub("nhos-far", cardHub, "nhos-far"),
		"-netdev", "hubport,id=" + cardNet + ",hubid=" + strconv.Itoa(cardHub),
		// Without its own firmware: a machine that finds no medium shall not try to boot from the network.
		"-device", "virtio-net-pci,id=" + card + ",netdev=" + cardNet + ",romfile=",
	}, nil
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
