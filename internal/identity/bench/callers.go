package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"

	"nhos.org/nhos/internal/identity/stage"
	"nhos.org/nhos/internal/identity/ticket"
)

// callerName is what this program is called when it is one of the programs that ask for the ticket.
const callerName = "ticket-caller"

// A task is one line to such a program.
type task struct {
	Calls int           `json:"calls"`
	Pause time.Duration `json:"pause"` // before each, on average
}

// playCaller connects to the agent, says so, and does each task on its standard input. It answers by how long each
// call took (JSON, nanoseconds).
func playCaller(socket string) error {
	ctx := context.Background()
	c, err := ticket.Dial(ctx, socket)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var t task
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return err
		}
		took, err := askAgain(ctx, c, t)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(took); err != nil {
			return err
		}
	}
	return nil
}

func askAgain(ctx context.Context, c *ticket.Client, t task) ([]time.Duration, error) {
	took := make([]time.Duration, 0, t.Calls)
	for range t.Calls {
		if t.Pause > 0 {
			time.Sleep(time.Duration(rand.Int64N(2 * int64(t.Pause))))
		}
		began := time.Now()
		a, err := c.Call(ctx, ticket.Request{Method: ticket.GetTicket})
		took = append(took, time.Since(began))
		a.Ticket.Wipe()
		if err != nil {
			return nil, fmt.Errorf("asking for the ticket: %w", err)
		}
	}
	return took, nil
}

// callers are programs that ask for the ticket: processes of the agent's user, as they are on a person's computer.
type callers struct {
	all []*caller
}

type caller struct {
	process *exec.Cmd
	ask     io.WriteCloser
	told    *bufio.Reader
}

// newCallers starts n programs, and waits until all of them are connected.
func newCallers(ctx context.Context, s *stage.Stage, n int) (c *callers, err error) {
	c = &callers{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	self, err := os.Executable()
	if err != nil {
		return c, err
	}
	text, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(s.Program(callerName), text, 0o755)
	}
	if err != nil {
		return c, fmt.Errorf("putting %s beside the agent: %w", callerName, err)
	}
	for range n {
		one := &caller{process: s.Command(ctx, callerName, s.Socket())}
		if one.ask, err = one.process.StdinPipe(); err != nil {
			return c, err
		}
		out, err := one.process.StdoutPipe()
		if err != nil {
			return c, err
		}
		one.told = bufio.NewReader(out)
		if err := one.process.Start(); err != nil {
			return c, fmt.Errorf("starting a program: %w", err)
		}
		c.all = append(c.all, one)
	}
	for _, one := range c.all {
		if _, err := one.told.ReadString('\n'); err != nil {
			return c, fmt.Errorf("waiting for a program to connect: %w", err)
		}
	}
	return c, nil
}

// round has all of them ask at once, together as many times as calls.
func (c *callers) round(calls int, pause time.Duration) (all []time.Duration, err error) {
	for _, one := range c.all {
		if err := json.NewEncoder(one.ask).Encode(task{calls / len(c.all), pause}); err != nil {
			return nil, fmt.Errorf("having a program ask: %w", err)
		}
	}
	for _, one := range c.all {
		var took []time.Duration
		line, err := one.told.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &took)
		}
		if err != nil {
			return nil, fmt.Errorf("reading how long a program waited: %w", err)
		}
		all = append(all, took...)
	}
	return all, nil
}

// close ends them.
func (c *callers) close() error {
	var errs []error
	for _, one := range c.all {
		errs = append(errs, one.ask.Close(), one.process.Wait())
	}
	return errors.Join(errs...)
}
