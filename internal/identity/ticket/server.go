package ticket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
)

// Sessions is what the door opens to; a *session.Agent is one.
type Sessions interface {
	Ticket(ctx context.Context) (*secret.Text, error)
	TicketNoAuth(ctx context.Context) (*secret.Text, error)
	NewTicket(ctx context.Context) (*secret.Text, error)
	SignIn(ctx context.Context, s session.SignIn) error
	SelectRole(ctx context.Context, id string) error
	Lock(ctx context.Context) error
	SignOut(ctx context.Context) error
	Status() (session.Status, error)
	Person() string
	Subscribe(ctx context.Context) <-chan session.Event
}

// Server answers programs.
type Server struct {
	Sessions Sessions
	Audit    Audit
	Log      *slog.Logger
	UID      int // whose programs are heard
}

const (
	// maxConnections bounds what other programs can make the agent hold.
	maxConnections = 256
	// sendTime bounds how long an answer waits for a program that doesn't read.
	sendTime = 10 * time.Second
	// hangUpEvery is how often a program that sends nothing more is looked at, while it waits.
	hangUpEvery = 100 * time.Millisecond
)

// SocketPath is where the agent of the person who runs this program listens.
func SocketPath() (string, error) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(dir) {
		return "", errors.New("finding the agent's socket: XDG_RUNTIME_DIR is not set, as it is in a person's login session")
	}
	return filepath.Join(dir, "nhos-identity", "agent.socket"), nil
}

// Listen makes the socket, which nobody else may open. One that is left of an agent that died is replaced; one that
// answers isn't.
func Listen(path string) (*net.UnixListener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("listening on %s: another agent answers there", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the agent's socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing a socket that nobody answers at: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("closing %s to others: %w", path, err)
	}
	return l, nil
}

// Serve answers on l until ctx ends, and returns when the last program was answered.
func (s *Server) Serve(ctx context.Context, l *net.UnixListener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	room := make(chan struct{}, maxConnections)
	for {
		c, err := l.AcceptUnix()
		switch {
		case ctx.Err() != nil:
			if c != nil {
				_ = c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("waiting for programs: %w", err)
		case err != nil:
			// Too many open files, most of all: they come back.
			s.Log.Warn("accepting a program", "error", err)
			time.Sleep(hangUpEvery)
			continue
		}
		select {
		case room <- struct{}{}:
		default:
			s.refuse(c, &Error{Code: ServerBusy, Name: ServerBusy.String(), Message: "too many programs are connected"})
			continue
		}
		open.Go(func() {
			defer func() { <-room }()
			s.converse(ctx, c)
		})
	}
}

// refuse says no and hangs up.
func (s *Server) refuse(c *net.UnixConn, err *Error) {
	defer func() { _ = c.Close() }()
	_ = s.send(c, Answer{Error: err})
}

// keep audits what was asked for and what came of it.
func (s *Server) keep(p Program, m Method, code Code) {
	r := Record{Time: time.Now().UTC(), Method: m, Result: code.String(), Person: s.Sessions.Person(), Program: p}
	if err := s.Audit.Keep(r); err != nil {
		// The record is in the log then, which is the journal's, too, and waits for it in a pipe.
		s.Log.Error("the audit can't be kept", "error", err, "record", r.String())
	}
}

// send writes one answer and wipes what it wrote.
func (s *Server) send(c *net.UnixConn, a Answer) error {
	defer a.Ticket.Wipe()
	line, err := appendAnswer(nil, a)
	defer func() { clear(line) }()
	if err != nil {
		return err
	}
	_ = c.SetWriteDeadline(time.Now().Add(sendTime))
	if _, err := c.Write(line); err != nil {
		return fmt.Errorf("answering a program: %w", err)
	}
	return nil
}
