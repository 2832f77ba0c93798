package card

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"nhos.org/nhos/internal/identity/card/wire"
	"nhos.org/nhos/internal/identity/secret"
)

// errHung is why a process was killed that didn't answer in time.
var errHung = fmt.Errorf("%w: it hung", ErrModule)

// partingTime is what an engine is given to end by itself.
const partingTime = 300 * time.Millisecond

// process is one engine process.
type process struct {
	orders  *os.File
	reports *os.File
	kill    func()
	ended   chan struct{} // closed when the process is gone
	read    chan struct{} // closed when all that it said has been heard
	failure error         // why it is; valid after ended

	mu      sync.Mutex
	number  uint64
	waiting map[uint64]chan Report
	hung    bool
}

// startProcess starts an engine whose reports on readers go to observe. It is killed when ctx ends.
func startProcess(ctx context.Context, options Options, observe func(Report)) (*process, error) {
	ordersIn, orders, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	reports, reportsOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a pipe: %w", err), ordersIn.Close(), orders.Close())
	}
	cmd := exec.Command(options.Engine)
	cmd.Stdin, cmd.Stdout = ordersIn, reportsOut
	cmd.Env = engineEnviron(os.Environ(), options.Environ)
	// Stderr is /dev/null: nobody knows what a driver writes there.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}

	p := &process{
		orders: orders, reports: reports,
		ended: make(chan struct{}), read: make(chan struct{}), waiting: make(map[uint64]chan Report),
	}
	p.kill = sync.OnceFunc(func() { _ = cmd.Process.Kill() })
	started := make(chan error)
	go func() {
		// The kernel kills the engine with the thread that started it: this one, which waits here for as long.
		runtime.LockOSThread()
		err := cmd.Start()
		_ = ordersIn.Close()
		_ = reportsOut.Close()
		started <- err
		if err == nil {
			p.failure = p.explain(cmd.Wait())
			close(p.ended)
		}
		runtime.UnlockOSThread()
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("starting the process of the smartcard drivers: %w", err), orders.Close(), reports.Close())
	}
	go p.listen(observe)
	go func() {
		select {
		case <-ctx.Done():
			_ = orders.Close() // the end of orders is the end of the engine
			select {
			case <-p.ended:
			case <-time.After(partingTime):
				p.kill()
			}
		case <-p.ended:
			_ = orders.Close()
		}
	}()
	return p, nil
}

// engineEnviron is the environment of the engine: without what makes drivers write down what they are given.
func engineEnviron(own, more []string) []string {
	environ := slices.DeleteFunc(slices.Clone(own), func(entry string) bool {
		return strings.HasPrefix(entry, "OPENSC_DEBUG=") || strings.HasPrefix(entry, "PKCS11SPY")
	})
	return append(environ, more...)
}

// explain says why the process ended.
func (p *process) explain(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	exit, _ := errors.AsType[*exec.ExitError](err)
	switch {
	case p.hung:
		return errHung
	case exit != nil && exit.Sys().(syscall.WaitStatus).Signaled():
		return fmt.Errorf("%w: it crashed (%w)", ErrModule, exit)
	case exit != nil:
		return fmt.Errorf("%w: its process ended (%w)", ErrModule, exit)
	}
	return fmt.Errorf("%w: its process ended", ErrModule)
}

// wait waits until the process is gone and nothing of it will be heard any more, and says why it is.
func (p *process) wait() error {
	<-p.ended
	_ = p.reports.SetReadDeadline(time.Now().Add(partingTime)) // a child of it may hold the pipe
	<-p.read
	return p.failure
}

// ask gives an order and waits for the answer. A process that doesn't answer within limit is killed, also when ctx ends
// before.
func (p *process) ask(ctx context.Context, order Order, passcode *secret.Text, limit time.Duration) (Report, error) {
	answer := make(chan Report, 1)
	p.mu.Lock()
	p.number++
	order.Number = p.number
	p.waiting[order.Number] = answer
	alarm := time.AfterFunc(limit, func() { p.hang(order.Number) })
	// A pipe that nobody reads fills up.
	err := p.orders.SetWriteDeadline(time.Now().Add(limit))
	if err == nil {
		err = wire.Send(p.orders, order, passcode)
	}
	p.mu.Unlock()
	if err != nil {
		alarm.Stop()
		p.kill()
		<-p.ended
		return Report{}, p.failure
	}
	select {
	case report := <-answer:
		alarm.Stop()
		return report, nil
	case <-p.ended:
		alarm.Stop()
		return Report{}, p.failure
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
}

// hang ends a process that hasn't answered an order.
func (p *process) hang(number uint64) {
	p.mu.Lock()
	_, unanswered := p.waiting[number]
	p.hung = p.hung || unanswered
	p.mu.Unlock()
	if unanswered {
		p.kill()
	}
}

// keepAsking finds a process that hangs while nothing is asked of it, within a third more than limit.
func (p *process) keepAsking(ctx context.Context, limit time.Duration) {
	ticker := time.NewTicker(limit / 3)
	defer ticker.Stop()
	for {
		select {
		case <-p.ended:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		p.mu.Lock()
		busy := len(p.waiting) > 0 // with what has a limit of its own
		p.mu.Unlock()
		if !busy {
			_, _ = p.ask(ctx, Order{}, nil, limit)
		}
	}
}

// listen passes reports on until the process ends. What isn't a report ends it.
func (p *process) listen(observe func(Report)) {
	defer close(p.read)
	defer p.reports.Close()
	defer p.kill()
	for {
		var report Report
		passcode, err := wire.Receive(p.reports, &report)
		passcode.Wipe() // an engine sends none
		if err != nil {
			return
		}
		if report.Number == 0 {
			observe(report)
			continue
		}
		p.mu.Lock()
		answer := p.waiting[report.Number]
		delete(p.waiting, report.Number)
		p.mu.Unlock()
		if answer != nil {
			answer <- report
		}
	}
}
