package ticket

import (
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
	in := &requests{from: c}
	for {
		line, err := in.next()
		if errors.Is(err, errTooLong) {
			// Whatever follows isn't known to be a line's beginning: there is nothing more to say.
			_ = s.send(c, Answer{Error: failure(err)})
		}
		if err != nil {
			return
		}
		request, err := ParseRequest(line)
		clear(line)
		switch {
		case err != nil:
			err = s.send(c, Answer{ID: request.ID, Error: failure(err)})
		case request.Method == Subscribe:
			request.Passcode.Wipe()
			go func() {
				in.drain()
				watch(ctx, c, cancel)
			}()
			s.stream(ctx, c, request)
			return
		default:
			err = s.answer(ctx, c, p, request)
		}
		if err != nil {
			in.wipe()
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

// answer does what a request asks for. Most answers come at once: only a program that waits is looked at.
func (s *Server) answer(ctx context.Context, c *net.UnixConn, p Program, r Request) error {
	if r.Method != SignIn { // there it is the agent's
		r.Passcode.Wipe()
	}
	if r.WaitSeconds == 0 {
		r.WaitSeconds = maxWaitSeconds
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.WaitSeconds)*time.Second)
	defer cancel()
	defer time.AfterFunc(hangUpEvery, func() { watch(ctx, c, cancel) }).Stop()
	a := Answer{ID: r.ID}
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
func (s *Server) stream(ctx context.Context, c *net.UnixConn, r Request) {
	events := s.Sessions.Subscribe(ctx)
	status, err := s.Sessions.Status()
	if err != nil {
		_ = s.send(c, Answer{ID: r.ID, Error: failure(err)})
		return
	}
	err = s.send(c, Answer{ID: r.ID, Status: &status})
	for err == nil {
		e, open := <-events
		if !open {
			return
		}
		err = s.send(c, Answer{ID: r.ID, Event: &e})
	}
}
