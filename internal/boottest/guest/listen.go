package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// listening is the state of a socket that waits for connections (TCP_LISTEN in the kernel's tcp_states.h).
const listening = "0A"

// portListens asserts that something listens on a TCP port, by IPv4 or IPv6.
func portListens(proc string, port int) (string, error) {
	suffix := fmt.Sprintf(":%04X", port)
	for _, table := range []string{"tcp", "tcp6"} {
		b, err := os.ReadFile(filepath.Join(proc, "net", table))
		if err != nil && table == "tcp" {
			return "", err
		}
		for line := range strings.Lines(string(b)) {
			// Number, local address, remote address, state (proc_net_tcp.rst of the kernel's documentation).
			if f := strings.Fields(line); len(f) > 3 && f[3] == listening && strings.HasSuffix(f[1], suffix) {
				return fmt.Sprintf("port %d of %s", port, table), nil
			}
		}
	}
	return "", fmt.Errorf("nothing listens on port %d", port)
}
