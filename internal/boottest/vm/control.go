package vm

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nhos.org/nhos/internal/ui"
)

const (
	maxPicture   = 64 << 20 // bytes of a PNG
	commandLimit = 30 * time.Second
)

// Args is the command line that started the machine, the program first.
func (v *VM) Args() []string { return v.args }

// Started is when the machine was powered on.
func (v *VM) Started() time.Time { return v.started }

// Port is the host's end of the virtio-serial port [PortName]. It is closed when the machine ends.
func (v *VM) Port() net.Conn { return v.port }

// Events are what happens to the machine; the channel is closed when QEMU ends. Events that nobody takes are dropped
// after the first 256.
func (v *VM) Events() <-chan Event { return v.qmp.events }

// Kill ends the machine. [VM.Wait] returns when it is gone.
func (v *VM) Kill() { v.process.kill() }

// Wait returns when the process has ended and its files are removed. The error is nil if it was killed, which is how
// every machine is meant to end.
func (v *VM) Wait() error {
	<-v.cleaned
	if v.process.killed() {
		return nil
	}
	return v.process.failure()
}

// Screenshot returns the screen as a PNG.
func (v *VM) Screenshot(ctx context.Context) ([]byte, error) {
	v.shots.Lock()
	defer v.shots.Unlock()
	path, err := filepath.Abs(filepath.Join(v.dir, "screen.png"))
	if err != nil {
		return nil, fmt.Errorf("taking a picture of the screen: %w", err)
	}
	defer func() { _ = os.Remove(path) }()
	err = v.execute(ctx, "screendump", map[string]any{"filename": path, "format": "png"}, nil)
	if err != nil && strings.Contains(err.Error(), "'format'") {
		err = ui.Hint(err, "pictures need QEMU 7.1 or later")
	}
	if err != nil {
		return nil, fmt.Errorf("taking a picture of the screen: %w", err)
	}
	stat, err := os.Stat(path)
	if err == nil && stat.Size() > maxPicture {
		err = fmt.Errorf("it has %d bytes, more than %d", stat.Size(), maxPicture)
	}
	if err != nil {
		return nil, fmt.Errorf("taking a picture of the screen: %w", err)
	}
	return os.ReadFile(path)
}

// SendKey presses keys together and lets them go. The names are QEMU's (ret, esc, ctrl, alt, f1, a, …).
func (v *VM) SendKey(ctx context.Context, keys ...string) error {
	type key struct {
		Type string `json:"type"`
		Data string `json:"data"`
	}
	var list []key
	for _, k := range keys {
		list = append(list, key{"qcode", k})
	}
	if err := v.execute(ctx, "send-key", map[string]any{"keys": list}, nil); err != nil {
		return fmt.Errorf("pressing %s: %w", strings.Join(keys, "-"), err)
	}
	return nil
}

// Status is QEMU's word for the machine's state: running, paused, shutdown, internal-error, guest-panicked and others.
func (v *VM) Status(ctx context.Context) (string, error) {
	var answer struct {
		Status string `json:"status"`
	}
	err := v.execute(ctx, "query-status", nil, &answer)
	return answer.Status, err
}

// ReadBytes is how much the machine has read from its disks since power-on: a guest that reads is at work, even if
// nothing of it shows.
func (v *VM) ReadBytes(ctx context.Context) (int64, error) {
	var answer []struct {
		Stats struct {
			Read int64 `json:"rd_bytes"`
		} `json:"stats"`
	}
	err := v.execute(ctx, "query-blockstats", nil, &answer)
	var sum int64
	for _, d := range answer {
		sum += d.Stats.Read
	}
	return sum, err
}

func (v *VM) execute(ctx context.Context, command string, arguments, result any) error {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	return v.qmp.execute(ctx, command, arguments, result)
}
