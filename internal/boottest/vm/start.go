package vm

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// greetingLimit is how long QEMU may take until it answers; it is done in a tenth of a second on an idle machine.
const greetingLimit = 60 * time.Second

// A VM is a running machine.
type VM struct {
	args    []string
	started time.Time
	dir     string
	process *process
	qmp     *qmp
	port    net.Conn
	shots   sync.Mutex // held while a picture is taken: they share a file
	cleaned chan struct{}

	hotPlug     bool
	restartable bool
	keyboard    Keyboard
	cable       *cable // nil without a network

	mu      sync.Mutex // held while something is plugged in or out
	plugged map[string]pluggedDevice
	media   int // inserted since the start
}

// Start powers a machine on. It ends with ctx.
func Start(ctx context.Context, cfg Config) (*VM, error) {
	if cfg.Memory == 0 {
		cfg.Memory = DefaultMemory
	}
	version, err := cfg.QEMU.Version(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.CPUs == 0 {
		cfg.CPUs = cfg.Accelerator.CPUs(version)
	}
	if _, err := strokes(cfg.Keyboard); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the machine's folder: %w", err)
	}
	v, err := launch(ctx, cfg, version)
	if err != nil {
		_ = os.RemoveAll(cfg.Dir)
		return nil, fmt.Errorf("starting a virtual machine: %w", err)
	}
	return v, nil
}

func launch(ctx context.Context, cfg Config, version string) (_ *VM, err error) {
	args, err := arguments(cfg, version, cfg.Dir)
	if err != nil {
		return nil, err
	}
	cmd, err := cfg.QEMU.command(context.Background(), args...)
	if err != nil {
		return nil, err
	}
	var log io.WriteCloser = discard{io.Discard}
	if cfg.SerialLog != "" {
		if log, err = os.OpenFile(cfg.SerialLog, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
			return nil, err
		}
	}
	const wired = 3
	wires, theirs, err := socketPairs(wired + cfg.Network.ends())
	if err != nil {
		_ = log.Close()
		return nil, err
	}
	cmd.ExtraFiles = theirs
	v := &VM{
		args: cmd.Args, dir: cfg.Dir, port: wires[2], started: time.Now(), cleaned: make(chan struct{}),
		hotPlug: cfg.HotPlug, restartable: cfg.Restartable, keyboard: cfg.Keyboard, plugged: map[string]pluggedDevice{},
	}
	if cfg.Network != "" {
		v.connectCable(cfg.Network, wires[wired:], cfg.Frame)
	}
	v.process, err = start(cmd)
	closeAll(theirs)
	if err != nil {
		_ = log.Close()
		closeAll(wires)
		return nil, err
	}
	stop := context.AfterFunc(ctx, v.process.kill)
	go v.cleanUp(cfg, wires, log, stop)

	limited, cancel := context.WithTimeout(ctx, greetingLimit)
	defer cancel()
	if v.qmp, err = newQMP(limited, wires[0]); err != nil {
		v.Kill()
		<-v.cleaned
		if said := v.process.stderr.String(); said != "" {
			return nil, fmt.Errorf("%w: %s", err, said)
		}
		return nil, err
	}
	return v, nil
}

// cleanUp pumps the serial port while the process lives, and then takes away what it leaves.
func (v *VM) cleanUp(cfg Config, wires []net.Conn, log io.WriteCloser, stop func() bool) {
	each := cfg.Line
	if each == nil {
		each = func(string) {}
	}
	pumpSerial(wires[1], log, each)
	<-v.process.ended
	stop()
	_ = log.Close()
	closeAll(wires)
	if !cfg.Keep {
		_ = os.RemoveAll(v.dir)
	}
	if strings.Contains(cfg.VNC, "/") {
		_ = os.Remove(cfg.VNC) // the socket
	}
	close(v.cleaned)
}

// socketPairs returns n wires: our ends, and the files of the other ends for a process to inherit.
func socketPairs(n int) (ours []net.Conn, theirs []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(ours)
			closeAll(theirs)
		}
	}()
	for range n {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return ours, theirs, fmt.Errorf("making a socket pair: %w", err)
		}
		theirs = append(theirs, os.NewFile(uintptr(fds[1]), "wire"))
		near := os.NewFile(uintptr(fds[0]), "wire")
		conn, err := net.FileConn(near)
		_ = near.Close()
		if err != nil {
			return ours, theirs, fmt.Errorf("making a socket pair: %w", err)
		}
		ours = append(ours, conn)
	}
	return ours, theirs, nil
}

func closeAll[C io.Closer](all []C) {
	for _, c := range all {
		_ = c.Close()
	}
}

type discard struct{ io.Writer }

func (discard) Close() error { return nil }
