package ticket

import (
	"bytes"
	"context"
	"errors"
	"net"
	"time"

	"nhos.org/nhos/internal/identity/session"
)

// converse answers one program's requests, one after the other, until it hangs up.
func (s *Server) converse(ctx context.Context, c *net.UnixConn) {
	defer func() { _ = c.Close() }()
	p, err := peer(c)
	if err != nil {
		s.Log.Warn("a program that can't be told", "error", err)
		return
	}
	if p.UID != s.UID {
		s.keep(p, "Connect", UserNotValid)
		s.refuse(c, &Error{Code: UserNotValid, Name: UserNotValid.String(), Message: "this agent belongs to another user"})
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Now()) })
	defer stop()
	lines := make(chan []byte)
	go func() {
		defer close(lines)
		s.read(ctx, c, lines)
		watch(ctx, c, cancel)
	}()
	for line := range lines {
		request, err := ParseRequest(line)
		clear(line)
		if err != nil {
			err = s.send(c, Answer{ID: request.ID, Error: failure(err)})
		} else {
			err = s.answer(ctx, c, p, request)
		}
		if err != nil {
			cancel()
		}
	}
}

// read sends each line that the program writes, until it writes no more. The receiver wipes it.
func (s *Server) read(ctx context.Context, c *net.UnixConn, lines chan<- []byte) {
	buffer := make([]byte, MaxRequestBytes+1)
	defer func() { clear(buffer) }()
	filled := 0
	for {
		for {
			end := bytes.IndexByte(buffer[:filled], '\n')
			if end < 0 {
				break
			}
			line := bytes.Clone(buffer[:end])
			copy(buffer, buffer[end+1:filled])
			clear(buffer[filled-end-1 : filled])
			filled -= end + 1
			select {
			case lines <- line:
			case <-ctx.Done():
				clear(line)
				return
			}
		}
		if filled == len(buffer) {
			// Whatever follows isn't known to be a line's beginning: there is nothing more to say.
			_ = s.send(c, Answer{Error: failure(invalid("the request is longer than %d bytes", MaxRequestBytes))})
			return
		}
		n, err := c.Read(buffer[filled:])
		filled += n
		if err != nil {
			return
		}
	}
}

// watch cancels when the program is gone. One that only ended what it sends still waits for its answers.
func watch(ctx context.Context, c *net.UnixConn, cancel context.CancelFunc) {
	tick := time.NewTicker(hangUpEvery)
	defer tick.Stop()
	for !hungUp(c) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	cancel()
}

// answer does what a request asks for.
func (s *Server) answer(ctx context.Context, c *net.UnixConn, p Program, r Request) error {
	if r.Method != SignIn { // there it is the agent's
		r.Passcode.Wipe()
	}
	if r.WaitSeconds == 0 {
		r.WaitSeconds = maxWaitSeconds
	}
	a := Answer{ID: r.ID}
	if r.Method == Subscribe {
		return s.stream(ctx, c, r)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.WaitSeconds)*time.Second)
	defer cancel()
	err := s.do(ctx, r, &a)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(errNobody, err)
	}
	switch r.Method {
	case Status, Roles:
	default:
		s.keep(p, audited(r.Method), CodeOf(err))
	}
	a.Error = failure(err)
	return s.send(c, a)
}

var errNobody = &Error{Code: AuthNotPossible, Name: AuthNotPossible.String(), Message: "nobody signed in, or chose a role, in time"}

// audited keeps what a program made up out of the audit.
func audited(m Method) Method {
	switch m {
	case GetTicket, GetTicketNoAuth, GetNewTicket, DestroyTicket, SelectRole, SignIn, Lock:
		return m
	}
	return "unknown"
}

func (s *Server) do(ctx context.Context, r Request, a *Answer) (err error) {
	switch r.Method {
	case GetTicket:
		a.Ticket, err = s.Sessions.Ticket(ctx)
	case GetTicketNoAuth:
		a.Ticket, err = s.Sessions.TicketNoAuth(ctx)
	case GetNewTicket:
		a.Ticket, err = s.Sessions.NewTicket(ctx)
	case DestroyTicket:
		err = s.Sessions.SignOut(ctx)
	case SelectRole:
		err = s.Sessions.SelectRole(ctx, r.Role)
	case Lock:
		err = s.Sessions.Lock(ctx)
	case SignIn:
		err = s.Sessions.SignIn(ctx, session.SignIn{Card: r.Card, Passcode: r.Passcode, LastTry: r.LastTry, Role: r.Role})
	case Status, Roles:
		var status session.Status
		if status, err = s.Sessions.Status(); err != nil {
			return err
		}
		if r.Method == Roles {
			a.Roles = status.Roles
			return nil
		}
		a.Status = &status
	default:
		return &Error{Code: NotImplemented, Name: NotImplemented.String(), Message: "there is no such method"}
	}
	return err
}

// stream sends the state as it is, and every event from then on.
func (s *Server) stream(ctx context.Context, c *net.UnixConn, r Request) error {
	events := s.Sessions.Subscribe(ctx)
	status, err := s.Sessions.Status()
	if err != nil {
		return s.send(c, Answer{ID: r.ID, Error: failure(err)})
	}
	if err := s.send(c, Answer{ID: r.ID, Status: &status}); err != nil {
		return err
	}
	for e := range events {
		if err := s.send(c, Answer{ID: r.ID, Event: &e}); err != nil {
			return err
		}
	}
	return nil
}
