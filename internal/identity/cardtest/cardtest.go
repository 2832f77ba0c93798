// Package cardtest is a smartcard service for tests and demonstrations: a pcscd of its own with two virtual slots, in
// namespaces of its own, and SoftHSM tokens.
//
// vpcd, pcscd's driver for virtual readers, listens on every interface, and pcscd's socket has a fixed place. So pcscd
// runs in a network namespace that has nothing but loopback, and in a mount namespace whose /run/pcscd is the rig's
// folder. Programs outside are told of the socket by Rig.Environ. When the rig ends, or the process that made it dies
// however hard, pcscd dies and the namespaces go with it.
//
// It needs root, and Debian's pcscd, vsmartcard-vpcd, opensc and softhsm2.
package cardtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"nhos.org/nhos/internal/identity/virtualcard"
)

// Slots is how many virtual slots the rig's reader has.
const Slots = 2

const (
	// startTimeout is how long pcscd may take to answer: it is there in 0.1 s on an idle machine.
	startTimeout = 30 * time.Second
	firstPort    = 35963 // of vpcd's first slot; the second's is the next one
)

// pcscdDriver is where Debian's vsmartcard-vpcd has its driver.
const pcscdDriver = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"

// Rig is a running pcscd with virtual slots. Its methods may be called by several goroutines.
type Rig struct {
	folder string
	space  *namespace
	slots  [Slots]*virtualcard.VPCD

	mu     sync.Mutex
	daemon *exec.Cmd
}

// Start starts a rig. The caller stops it with Close.
func Start(ctx context.Context) (*Rig, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("starting a smartcard service for tests needs root, for its namespaces: use sudo")
	}
	for _, file := range []string{pcscdDriver, "/usr/sbin/pcscd"} {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("starting a smartcard service for tests: %w (install pcscd and vsmartcard-vpcd)", err)
		}
	}
	// A short path: a Unix socket's may have 107 bytes.
	folder, err := os.MkdirTemp("", "cards-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for pcscd: %w", err)
	}
	r := &Rig{folder: folder}
	if err := os.Chmod(folder, 0o755); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if r.space, err = newNamespace(r.socketFolder()); err != nil {
		return nil, errors.Join(fmt.Errorf("making namespaces for pcscd: %w", err), r.Close())
	}
	for i := range r.slots {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+i)
		r.slots[i] = virtualcard.NewVPCD(func(ctx context.Context) (conn net.Conn, err error) {
			spaceErr := r.space.do(func() error {
				conn, err = new(net.Dialer).DialContext(ctx, "tcp", address)
				return err
			})
			return conn, spaceErr
		})
	}
	if err := r.StartService(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Environ is what a program needs in its environment to find the rig's pcscd, in the form of os.Environ.
func (r *Rig) Environ() []string {
	return []string{
		"PCSCLITE_CSOCK_NAME=" + r.socket(),
		// OpenSC keeps certificates of cards there; a test must not find those of the one before.
		"XDG_CACHE_HOME=" + filepath.Join(r.folder, "cache"),
	}
}

// Insert puts a card into a slot (0 to Slots-1). pcscd notices it within 0.4 s.
func (r *Rig) Insert(ctx context.Context, slot int, card *virtualcard.Card) error {
	return r.slots[slot].Insert(ctx, card)
}

// Pull takes the card out of a slot.
func (r *Rig) Pull(slot int) {
	r.slots[slot].Pull()
}

// Occupied says whether there is a card in a slot, also after a fault that pulls it.
func (r *Rig) Occupied(slot int) bool {
	return r.slots[slot].Occupied()
}

// StartService starts pcscd again after KillService, and waits until it takes connections.
func (r *Rig) StartService(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.daemon != nil {
		return errors.New("starting pcscd: it runs")
	}
	config := filepath.Join(r.folder, "reader.conf")
	text := fmt.Sprintf("FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x%X\nLIBPATH %s\nCHANNELID 0x%X\n", firstPort, pcscdDriver, firstPort)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing pcscd's readers: %w", err)
	}
	_ = os.Remove(r.socket()) // of one that was killed
	_ = os.Remove(filepath.Join(r.socketFolder(), "pcscd.pid"))

	daemon := exec.Command("/usr/sbin/pcscd", "--foreground", "--config", config)
	// Killed with the thread that starts it, which lives as long as the namespaces.
	daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.space.do(daemon.Start); err != nil {
		return fmt.Errorf("starting pcscd: %w", err)
	}
	r.daemon = daemon
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", r.socket())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for pcscd: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// KillService kills pcscd without notice. Cards stay out until they are inserted again.
func (r *Rig) KillService() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.daemon != nil {
		_ = r.daemon.Process.Kill()
		_ = r.daemon.Wait() // it says "killed"
		r.daemon = nil
	}
}

// PauseService stops pcscd without its knowledge, or lets it go on.
func (r *Rig) PauseService(pause bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.daemon == nil {
		return errors.New("pausing pcscd: it doesn't run")
	}
	return r.daemon.Process.Signal(map[bool]os.Signal{true: syscall.SIGSTOP, false: syscall.SIGCONT}[pause])
}

// Close ends all of it.
func (r *Rig) Close() error {
	for _, slot := range r.slots {
		if slot != nil {
			slot.Pull()
		}
	}
	r.KillService()
	if r.space != nil {
		r.space.close()
	}
	return os.RemoveAll(r.folder)
}

func (r *Rig) socketFolder() string { return filepath.Join(r.folder, "run") }
func (r *Rig) socket() string       { return filepath.Join(r.socketFolder(), "pcscd.comm") }
