// Package logindtest is a system bus for tests.
package logindtest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Bus is a D-Bus of the test's own, on which anybody may play logind.
type Bus struct {
	Address string
	daemon  *exec.Cmd
}

// New starts a bus that ends with the test.
func New(t *testing.T) *Bus {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "bus.conf")
	text := `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=` + filepath.Join(dir, "bus") + `</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &Bus{daemon: exec.Command("dbus-daemon", "--nofork", "--config-file="+config, "--print-address=1")}
	b.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := b.daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.daemon.Start(); err != nil {
		t.Fatalf("starting a bus: %v (install dbus-daemon)", err)
	}
	t.Cleanup(b.End)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the bus gives no address: %v", err)
	}
	b.Address = strings.TrimSpace(line)
	return b
}

// End ends the bus; a second time it does nothing.
func (b *Bus) End() {
	_ = b.daemon.Process.Kill()
	_ = b.daemon.Wait()
}
