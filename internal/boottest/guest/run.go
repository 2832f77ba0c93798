package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"nhos.org/nhos/internal/manifest"
)

// maxJob bounds the job's file.
const maxJob = 16 << 20

// Options are what Run needs.
type Options struct {
	Port     io.Writer // to the host
	Requests io.Reader // from the host; of a job that serves
	Job      Job
}

// Run waits for the boot to end, runs the checks and tells the host, or serves, as the job says. That a check failed
// isn't an error; that the host can't be told is.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.Job.Serve {
		return serve(ctx, o)
	}
	p := &port{w: o.Port}
	if err := p.hello(""); err != nil {
		return err
	}
	if err := p.at("boot", o.Job.StuckLimit+2*systemctlLimit); err != nil {
		return err
	}
	go p.keepBeating(ctx)

	boot, finished := bootResult(ctx, p, o.Job)
	if err := errors.Join(
		p.send(Message{Kind: KindBoot, Boot: &boot}),
		p.send(Message{Kind: KindCheck, Check: &finished}),
	); err != nil {
		return err
	}
	if _, _, err := runChecks(ctx, p, o.Job); err != nil {
		return err
	}
	if err := tellJournal(ctx, p); err != nil {
		return err
	}
	return p.send(Message{Kind: KindDone})
}

// bootResult waits for the boot to end and says how it did.
func bootResult(ctx context.Context, p *port, job Job) (Boot, Check) {
	state, finished := awaitBoot(ctx, p, job)
	boot := Boot{State: state, Steps: steps(ctx)}
	_, boot.UsedMiB = memory()
	return boot, finished
}

// runChecks runs the checks of the medium and the one of every guest's units, tells of each, and counts them. One that
// fails and has a waiver, which the host gives only as long as it holds, isn't counted as failed. The error is that the
// host can't be told.
func runChecks(ctx context.Context, p *port, job Job) (failed, total int, err error) {
	tell := func(doing string, limit time.Duration, do func() Check) {
		if err != nil {
			return
		}
		if err = p.at(checking+doing, limit); err != nil {
			return
		}
		result := do()
		if total++; !result.Passed && len(result.Waivers) == 0 {
			failed++
		}
		err = p.send(Message{Kind: KindCheck, Check: &result})
	}
	env := checkEnvironment(job.Environment)
	for _, c := range job.Checks {
		tell(c.ID, c.Within+tryLimit+retryInterval, func() Check { return check(ctx, c, env) })
	}
	tell(NoFailedUnits, (maxFailed+1)*systemctlLimit, func() Check { return noFailedUnits(ctx) })
	return failed, total, err
}

// tellJournal sends the journal, or why it can't be sent; the error is that the host can't be told.
func tellJournal(ctx context.Context, p *port) error {
	if err := p.at("journal", journalLimit); err != nil {
		return err
	}
	if err := sendJournal(ctx, p); err != nil {
		said := err.Error()
		return p.send(Message{Kind: KindJournal, Error: &said})
	}
	return nil
}

// Main is the command that the unit in the guest runs: it takes the job that lies beside the program and talks over
// the machine's port. It takes no arguments; it returns the exit status.
func Main(_ []string) int {
	letGo()
	if err := runBesideJob(); err != nil {
		fmt.Fprintln(os.Stderr, "nhos: error:", err)
		return 1
	}
	return 0
}

// letGo lets a signal end the program, whatever the command line has made of signals: a guest that shuts down waits for
// a program that doesn't end, for a minute and a half.
func letGo() { signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP) }

func runBesideJob() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the program: %w", err)
	}
	job, err := readJob(filepath.Join(filepath.Dir(self), JobFile))
	if err != nil {
		return err
	}
	port, err := openPort(PortPath)
	if err != nil {
		return err
	}
	defer func() { _ = port.Close() }()
	return Run(context.Background(), Options{Port: port, Requests: patient{port}, Job: job})
}

// openPort opens the port, for which udev may need a moment.
func openPort(path string) (*os.File, error) {
	const patience = 2 * time.Minute
	for begin := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil || !errors.Is(err, os.ErrNotExist) || time.Since(begin) > patience {
			return f, err
		}
	}
}

func readJob(path string) (Job, error) {
	f, err := os.Open(path)
	if err != nil {
		return Job{}, fmt.Errorf("reading the job: %w", err)
	}
	defer func() { _ = f.Close() }()
	var job Job
	if err := json.NewDecoder(io.LimitReader(f, maxJob)).Decode(&job); err != nil {
		return Job{}, fmt.Errorf("reading the job %s: %w", path, err)
	}
	return job, nil
}

// WriteJob writes the job and the program into a folder that is to become the second disk.
func WriteJob(dir string, job Job, program io.Reader) error {
	if job.Checks == nil {
		job.Checks = []manifest.Check{}
	}
	b, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("writing the job: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, JobFile), b, 0o644); err != nil {
		return fmt.Errorf("writing the job: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, Program), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return fmt.Errorf("copying the guest's program: %w", err)
	}
	_, err = io.Copy(f, program)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("copying the guest's program: %w", err)
	}
	return nil
}
