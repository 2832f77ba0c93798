package cardtest

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespace is a thread in a network and a mount namespace of its own. Processes that it starts and sockets that it
// makes belong there.
type namespace struct {
	work chan func()
	done chan struct{}
}

// newNamespace makes the namespaces: loopback is up, and /run/pcscd is what runFolder is outside.
func newNamespace(runFolder string) (*namespace, error) {
	if err := os.Mkdir(runFolder, 0o755); err != nil {
		return nil, err
	}
	n := &namespace{work: make(chan func()), done: make(chan struct{})}
	entered := make(chan error)
	go func() {
		defer close(n.done)
		// Never unlocked: a thread that isn't the others' like any more ends with its goroutine.
		runtime.LockOSThread()
		err := enter(runFolder)
		entered <- err
		if err != nil {
			return
		}
		for f := range n.work {
			f()
		}
	}()
	return n, <-entered
}

// do runs f in the namespaces, one at a time, and gives what f gives.
func (n *namespace) do(f func() error) error {
	result := make(chan error, 1)
	select {
	case n.work <- func() { result <- f() }:
		return <-result
	case <-n.done:
		return errors.New("the namespaces are gone")
	}
}

// close ends the thread. What it started must have ended.
func (n *namespace) close() {
	close(n.work)
	<-n.done
}

// enter takes the calling thread into new namespaces.
func enter(runFolder string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("leaving the namespaces of this machine: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keeping mounts private: %w", err)
	}
	// All of /run is hidden, as /run/pcscd may not be there; the folder is kept by an open descriptor meanwhile.
	folder, err := unix.Open(runFolder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(folder)
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=1m"); err != nil {
		return fmt.Errorf("mounting a tmpfs on /run: %w", err)
	}
	if err := unix.Mkdir("/run/pcscd", 0o755); err != nil {
		return err
	}
	if err := unix.Mount(fmt.Sprintf("/proc/thread-self/fd/%d", folder), "/run/pcscd", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("showing %s as /run/pcscd: %w", runFolder, err)
	}
	return loopbackUp()
}

func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("making a socket: %w", err)
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("setting loopback up: %w", err)
	}
	return nil
}
