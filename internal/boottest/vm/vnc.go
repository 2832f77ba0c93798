package vm

import (
	"fmt"
	"strconv"
	"strings"

	"nhos.org/nhos/internal/ui"
)

const (
	loopback  = "127.0.0.1:"
	firstVNC  = 5900 // the port of QEMU's display 0
	maxSocket = 107  // bytes of a Unix socket's path (unix(7))
)

// vncArguments returns the option that serves the screen. It is served without a password, so only to this computer.
func vncArguments(address string) ([]string, error) {
	if address == "" {
		return nil, nil
	}
	if strings.Contains(address, "/") {
		if len(address) > maxSocket {
			return nil, fmt.Errorf("serving the screen: the path %s is too long for a socket", address)
		}
		return []string{"-vnc", "unix:" + escape(address)}, nil
	}
	number, local := strings.CutPrefix(address, loopback)
	port, err := strconv.ParseUint(number, 10, 16)
	if !local || err != nil || port < firstVNC {
		return nil, ui.Hint(fmt.Errorf("serving the screen on %q: it isn't an address that the screen may be served on", address),
			"name the path of a socket, or 127.0.0.1: and a port from 5900 on")
	}
	return []string{"-vnc", fmt.Sprintf("%s%d", loopback, port-firstVNC)}, nil
}
