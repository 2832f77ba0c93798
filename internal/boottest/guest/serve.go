package guest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// maxBusy is how many requests are worked on at the same time.
const maxBusy = 16

// A server answers the host's requests.
type server struct {
	port *port
	job  Job
	env  []string

	alone  sync.Mutex    // held by what sends several messages before its answer
	booted chan struct{} // closed when the boot has come to its end; then these are known:
	boot   Boot
	result Check
}

// serve says hello, and answers what the host asks until it says that it is the end. Requests are answered from the
// beginning of the boot, and several at once.
func serve(ctx context.Context, o Options) error {
	s := &server{port: &port{w: o.Port}, job: o.Job, env: checkEnvironment(o.Job.Environment), booted: make(chan struct{})}
	session := rand.Text()
	if err := s.port.hello(session); err != nil {
		return err
	}
	go s.port.keepBeating(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work.Go(func() { s.awaitBoot(ctx) })

	busy := make(chan struct{}, maxBusy)
	in := requests{newLines(o.Requests, maxRequest)}
	for {
		r, err := in.next(session)
		if err != nil {
			return fmt.Errorf("listening to the host: %w", err)
		}
		if r.Kind == AskEnd {
			return s.end(r)
		}
		select {
		case busy <- struct{}{}:
		default:
			refusal := Answer{ID: r.ID, Status: -1, Output: fmt.Sprintf("the guest is busy with %d requests already", maxBusy)}
			if err := s.port.send(Message{Kind: KindAnswer, Answer: &refusal}); err != nil {
				return err
			}
			continue
		}
		work.Go(func() {
			defer func() { <-busy }()
			s.answer(ctx, r)
		})
	}
}

func (s *server) end(r Request) error {
	return errors.Join(
		s.port.send(Message{Kind: KindAnswer, Answer: &Answer{ID: r.ID, Passed: true, Status: -1}}),
		s.port.send(Message{Kind: KindDone}),
	)
}

// awaitBoot waits for the end of the boot and tells of it.
func (s *server) awaitBoot(ctx context.Context) {
	s.boot, s.result = bootResult(ctx, s.port, s.job)
	close(s.booted)
	if ctx.Err() != nil {
		return // the host has said that it is the end
	}
	_ = errors.Join( // a host that is gone shows itself to the one who listens to it
		s.port.send(Message{Kind: KindBoot, Boot: &s.boot}),
		s.port.send(Message{Kind: KindCheck, Check: &s.result}),
		s.port.at(idle, 0),
	)
}

const idle = "waiting for a request"

// answer does what is asked and tells what came of it.
func (s *server) answer(ctx context.Context, r Request) {
	_ = s.port.at("request: "+r.String(), r.Within+2*tryLimit)
	begin := time.Now()
	a := s.do(ctx, r)
	a.ID, a.Duration = r.ID, time.Since(begin)
	_ = s.port.at(idle, 0)
	if s.port.send(Message{Kind: KindAnswer, Answer: &a}) != nil || !a.Passed {
		return
	}
	if verb := map[string]string{AskRestart: "reboot", AskPowerOff: "poweroff"}[r.Kind]; verb != "" {
		if out, err := systemctl(ctx, "--no-block", verb); err != nil {
			fmt.Fprintln(os.Stderr, "nhos: error: systemctl", verb+":", join(out, err))
		}
	}
}

// String names a request for a person.
func (r Request) String() string {
	what := r.Run + r.Unit + r.Process + r.File + strings.Join(r.Open, " ")
	if r.Kind == AskPort {
		what = fmt.Sprint(r.Port)
	}
	if what == "" {
		return r.Kind
	}
	return fmt.Sprintf("%s %.100s", r.Kind, what)
}

// do does what is asked.
func (s *server) do(ctx context.Context, r Request) Answer {
	a := Answer{Tries: 1, Status: -1, Passed: true}
	if r.AsUser || r.Kind == AskOpen {
		return s.asUser(ctx, r)
	}
	switch r.Kind {
	case AskRun:
		return runs(ctx, r, func(ctx context.Context, limit time.Duration) (string, error) {
			return run(ctx, limit, s.env, "/bin/sh", "-ec", r.Run)
		})
	case AskUnit:
		return wait(ctx, r, func(ctx context.Context) (string, error) { return unitActive(ctx, r.Unit) })
	case AskProcess:
		return wait(ctx, r, func(context.Context) (string, error) { return processRuns("/proc", r.Process) })
	case AskFile:
		return wait(ctx, r, func(context.Context) (string, error) {
			_, err := os.Stat(r.File)
			return r.File + " exists", err
		})
	case AskPort:
		return wait(ctx, r, func(context.Context) (string, error) { return portListens("/proc", r.Port) })
	case AskFacts:
		known := facts()
		a.Facts = &known
	case AskBoot:
		if a.Passed = s.isBooted(ctx, r.Within); !a.Passed {
			a.Output = fmt.Sprintf("the boot hasn't come to its end within %v", r.Within)
			return a
		}
		a.Boot, a.Passed, a.Output, a.Tries = &s.boot, s.result.Passed, s.result.Output, s.result.Tries
	case AskChecks:
		s.alone.Lock()
		defer s.alone.Unlock()
		if !s.isBooted(ctx, s.job.BootLimit) {
			a.Passed, a.Output = false, "the boot hasn't come to its end"
			return a
		}
		failed, total, err := runChecks(ctx, s.port, s.job)
		a.Passed, a.Output = failed == 0 && err == nil, join(fmt.Sprintf("%d of %d checks failed", failed, total), err)
	case AskJournal:
		s.alone.Lock()
		defer s.alone.Unlock()
		if err := tellJournal(ctx, s.port); err != nil {
			a.Passed, a.Output = false, err.Error()
		}
	case AskRestart, AskPowerOff:
	default:
		a.Passed, a.Output = false, fmt.Sprintf("this guest's program doesn't know the request %q", r.Kind)
	}
	return a
}

// isBooted waits for the end of the boot.
func (s *server) isBooted(ctx context.Context, within time.Duration) bool {
	select {
	case <-s.booted: // even if there is no time to wait
		return true
	default:
	}
	select {
	case <-s.booted:
		return true
	case <-time.After(within):
	case <-ctx.Done():
	}
	return false
}

// runs does what is asked by a command, once or until it passes.
func runs(ctx context.Context, r Request, command func(context.Context, time.Duration) (string, error)) Answer {
	limit := tryLimit
	if !r.Until {
		if r.Within > 0 {
			limit = r.Within
		}
		r.Within = 0
	}
	status := -1
	a := wait(ctx, r, func(ctx context.Context) (string, error) {
		said, err := command(ctx, limit)
		var exit *exec.ExitError
		switch {
		case err == nil:
			status = 0
		case errors.As(err, &exit):
			status = exit.ExitCode()
		default:
			status = -1
		}
		return said, err
	})
	a.Status = status
	return a
}

// wait tries until it succeeds, or doesn't any more if it is to be absent, or its time is over.
func wait(ctx context.Context, r Request, try func(context.Context) (string, error)) Answer {
	t := repeat(ctx, r.Within, func(ctx context.Context) (string, error) {
		said, err := try(ctx)
		switch {
		case !r.Absent:
			return said, err
		case err == nil:
			return said, errStill
		}
		return join(said, err), nil
	})
	return Answer{Passed: t.passed, Output: t.output, Tries: t.count, Status: -1}
}

var errStill = errors.New("this was to be absent")
