package ticket_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/identity/card"
	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/identity/transcript"
)

const token = "AQIC5wM2LY4Sfcexampleexampleexampleexampleexampl=@AAJTSQACMDE=#"

// sessions is an agent in which somebody is signed in, or err says why not.
type sessions struct {
	mu      sync.Mutex
	err     error
	block   bool // until the asker hangs up
	gone    chan struct{}
	events  chan session.Event
	asked   session.SignIn
	passed  string
	choices []string
	given   []*secret.Text
}

func (s *sessions) Ticket(ctx context.Context) (*secret.Text, error) {
	if s.block {
		<-ctx.Done()
		s.gone <- struct{}{}
		return nil, ctx.Err()
	}
	if s.err != nil {
		return nil, s.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given = append(s.given, secret.New([]byte(token)))
	return s.given[len(s.given)-1], nil
}

func (s *sessions) TicketNoAuth(ctx context.Context) (*secret.Text, error) { return s.Ticket(ctx) }
func (s *sessions) NewTicket(ctx context.Context) (*secret.Text, error)    { return s.Ticket(ctx) }
func (s *sessions) Lock(context.Context) error                             { return s.err }
func (s *sessions) SignOut(context.Context) error                          { return s.err }

func (s *sessions) SignIn(_ context.Context, in session.SignIn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.passed = in, string(in.Passcode.Reveal())
	in.Passcode.Wipe()
	return s.err
}

func (s *sessions) SelectRole(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.choices = append(s.choices, id)
	return s.err
}

func (s *sessions) Person() string {
	status, _ := s.Status()
	return status.UID
}

func (s *sessions) Status() (session.Status, error) {
	return session.Status{State: session.SignedIn, UID: "555000000001", Roles: []spine.Role{{ID: "1", Organisation: `A "B" & Ć`}}}, nil
}

func (s *sessions) Subscribe(ctx context.Context) <-chan session.Event {
	out := make(chan session.Event)
	go func() {
		defer close(out)
		for {
			select {
			case e := <-s.events:
				out <- e
			case <-ctx.Done():
				if s.gone != nil {
					s.gone <- struct{}{}
				}
				return
			}
		}
	}()
	return out
}

// open serves s on a socket of its own, and gives the path and what the audit says so far.
func open(t testing.TB, s *sessions) (path string, audit func() string) {
	path = filepath.Join(t.TempDir(), "run", "agent.socket")
	l, err := ticket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept transcript.Buffer
	server := &ticket.Server{Sessions: s, Audit: &ticket.Lines{W: &kept}, Log: slog.New(slog.DiscardHandler), UID: os.Getuid()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Error("the server doesn't end")
		}
	})
	return path, kept.String
}

func dial(t testing.TB, path string) *ticket.Client {
	c, err := ticket.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestTicketAndAudit(t *testing.T) {
	s := &sessions{}
	path, audit := open(t, s)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	c := dial(t, path)
	for _, m := range []ticket.Method{ticket.GetTicket, ticket.GetTicketNoAuth, ticket.GetNewTicket} {
		a, err := c.Call(t.Context(), ticket.Request{Method: m})
		if err != nil || string(a.Ticket.Reveal()) != token {
			t.Errorf("%s: %q, %v", m, a.Ticket.Reveal(), err)
		}
	}
	s.mu.Lock()
	for _, given := range s.given[:2] { // the third may be on its way
		if given.Len() > 0 {
			t.Error("a ticket that was given out is still in memory")
		}
	}
	s.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(audit()), "\n")
	if len(lines) != 3 || strings.Contains(audit(), "AQIC5") {
		t.Fatalf("the audit is\n%s", audit())
	}
	var r ticket.Record
	if err := json.Unmarshal([]byte(lines[0]), &r); err != nil {
		t.Fatal(err)
	}
	self, _ := os.Executable()
	if r.Program.PID != os.Getpid() || r.Program.Executable != self || r.Method != ticket.GetTicket || r.Result != "SUCCESS" || r.Person != "555000000001" || r.Program.Cgroup == "" {
		t.Errorf("%+v", r)
	}
}

func TestEveryMethod(t *testing.T) {
	s := &sessions{events: make(chan session.Event, 1)}
	path, audit := open(t, s)
	c := dial(t, path)
	call := func(r ticket.Request) ticket.Answer {
		t.Helper()
		a, err := c.Call(t.Context(), r)
		if err != nil {
			t.Error(r.Method, err)
		}
		return a
	}
	if a := call(ticket.Request{Method: ticket.Status}); a.Status.State != session.SignedIn {
		t.Errorf("%+v", a)
	}
	if a := call(ticket.Request{Method: ticket.Roles}); len(a.Roles) != 1 || a.Roles[0].Organisation != `A "B" & Ć` {
		t.Errorf("%+v", a)
	}
	call(ticket.Request{Method: ticket.SelectRole, Role: "555000000101"})
	call(ticket.Request{Method: ticket.SignIn, Card: "c", Passcode: secret.New([]byte("73\x0091\"64")), LastTry: true, Role: "r"})
	if s.passed != "73\x0091\"64" || s.asked.Card != "c" || !s.asked.LastTry || s.asked.Role != "r" {
		t.Errorf("%q, %+v", s.passed, s.asked)
	}
	call(ticket.Request{Method: ticket.Lock})
	call(ticket.Request{Method: ticket.DestroyTicket})
	if !slices.Equal(s.choices, []string{"555000000101"}) {
		t.Error(s.choices)
	}
	if _, err := c.Call(t.Context(), ticket.Request{Method: "Nonsense\n"}); ticket.CodeOf(err) != ticket.NotImplemented {
		t.Error(err)
	}
	if n := strings.Count(audit(), "\n"); n != 5 || strings.Contains(audit(), "Nonsense") {
		t.Errorf("%d records\n%s", n, audit())
	}
	if a := call(ticket.Request{Method: ticket.Subscribe}); a.Status == nil {
		t.Error("no status first")
	}
	s.events <- session.Event{Number: 7, To: session.Locked}
	if a, err := c.Next(t.Context()); err != nil || a.Event == nil || a.Event.Number != 7 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestCodes holds all that can happen against the numbers and names of the historical ticket API, which programs have in
// their own code.
func TestCodes(t *testing.T) {
	s := &sessions{}
	path, _ := open(t, s)
	for _, c := range []struct {
		err  error
		want uint32
		name string
	}{
		{errors.New("anything"), 0x80100001, "INTERNAL"},
		{session.ErrNoSuchRole, 0x80100003, "INVALID_PARAMETER"},
		{session.ErrNoSuchCard, 0x80100003, "INVALID_PARAMETER"},
		{session.ErrWhichCard, 0x80100003, "INVALID_PARAMETER"},
		{session.ErrBusy, 0x80100006, "SERVER_BUSY"},
		{session.ErrClosed, 0x80100006, "SERVER_BUSY"},
		{spine.ErrUnreachable, 0x80100007, "SERVER_COMM_FAILED"},
		{session.ErrNotSignedIn, 0x80100009, "TICKET_NOT_AVAILABLE"},
		{session.ErrLocked, 0x80100009, "TICKET_NOT_AVAILABLE"},
		{session.ErrNoReader, 0x80200002, "READER_NOT_AVAILABLE"},
		{card.ErrNoService, 0x80200002, "READER_NOT_AVAILABLE"},
		{session.ErrCardLocked, 0x80200004, "PIN_BLOCKED"},
		{&card.PasscodeError{Locked: true}, 0x80200004, "PIN_BLOCKED"},
		{card.ErrRemoved, 0x80200005, "CARD_TRANSACTION_FAILED"},
		{card.ErrModule, 0x80200005, "CARD_TRANSACTION_FAILED"},
		{&card.CertificateError{Reason: "old"}, 0x80200006, "NO_CERT_FOUND"},
		{session.ErrCancelled, 0x80400001, "USER_ABORT"},
		{context.Canceled, 0x80400001, "USER_ABORT"},
		{&card.PasscodeError{Left: 2}, 0x80400002, "AUTHENTICATION_FAILED"},
		{spine.ErrRefused, 0x80400002, "AUTHENTICATION_FAILED"},
		{session.ErrNoCard, 0x80400003, "AUTHENTICATION_NOT_POSSIBLE"},
		{session.ErrLastTry, 0x80400003, "AUTHENTICATION_NOT_POSSIBLE"},
		{session.ErrSlept, 0x80400003, "AUTHENTICATION_NOT_POSSIBLE"},
		{context.DeadlineExceeded, 0x80400003, "AUTHENTICATION_NOT_POSSIBLE"},
		{session.ErrOtherPerson, 0x80400004, "USER_NOT_VALID"},
		{session.ErrWrongPerson, 0x80400004, "USER_NOT_VALID"},
		{spine.ErrUntrusted, 0x80400005, "AUTHSERVER_NOT_AVAILABLE"},
		{spine.ErrStatus, 0x80400005, "AUTHSERVER_NOT_AVAILABLE"},
		{spine.ErrSyntax, 0x80400006, "AUTHDATA_SYNTAX_ERROR"},
		{session.ErrSessionEnded, 0x80400007, "AUTH_NOT_VALID"},
		{session.ErrSignedOut, 0x80400007, "AUTH_NOT_VALID"},
		{spine.ErrExpired, 0x80400007, "AUTH_NOT_VALID"},
	} {
		s.err = fmt.Errorf("signing in: %w", c.err)
		_, got := dial(t, path).Call(t.Context(), ticket.Request{Method: ticket.GetTicket})
		var failed *ticket.Error
		if !errors.As(got, &failed) || uint32(failed.Code) != c.want || failed.Name != c.name || failed.Message == "" {
			t.Errorf("%v: %#v", c.err, got)
		}
	}
}

func TestWhoHangsUpTakesBack(t *testing.T) {
	s := &sessions{block: true, gone: make(chan struct{}, 1)}
	path, _ := open(t, s)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte(`{"method":"GetTicket"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.UnixConn).CloseWrite()
	select {
	case <-s.gone:
		t.Fatal("whoever only ended what it sends still waits")
	case <-time.After(300 * time.Millisecond):
	}
	_ = c.Close()
	select {
	case <-s.gone:
	case <-time.After(3 * time.Second):
		t.Fatal("nobody noticed")
	}
}

// Requests that come in one piece are answered one after the other, and a piece of one waits for its rest.
func TestSeveralRequestsAtOnce(t *testing.T) {
	path, _ := open(t, &sessions{})
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	write := func(text string) {
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"id":1,"method":"Roles"}` + "\n\n" + `{"id":3,"method":"Roles"}` + "\n" + `{"id":4,"meth`)
	lines := bufio.NewScanner(c)
	next := func(want string) {
		t.Helper()
		if !lines.Scan() || !strings.Contains(lines.Text(), want) {
			t.Errorf("%s, %v; want %s", lines.Text(), lines.Err(), want)
		}
	}
	next(`"id":1`)
	next("INVALID_PARAMETER")
	next(`"id":3`)
	write(`od":"Roles"}` + "\n" + `{"id":5,"method":"Roles"}` + "\n")
	_ = c.(*net.UnixConn).CloseWrite()
	next(`"id":4`)
	next(`"id":5`)
	if lines.Scan() {
		t.Errorf("one answer more: %s", lines.Text())
	}
}

// A subscriber gets events as long as it is there, also when it has ended what it sends, and no longer.
func TestSubscriberThatHangsUp(t *testing.T) {
	s := &sessions{events: make(chan session.Event), gone: make(chan struct{}, 1)}
	path, _ := open(t, s)
	c := dial(t, path)
	if _, err := c.Call(t.Context(), ticket.Request{Method: ticket.Subscribe}); err != nil {
		t.Fatal(err)
	}
	c.EndSending(t)
	time.Sleep(300 * time.Millisecond)
	s.events <- session.Event{Number: 1}
	if a, err := c.Next(t.Context()); err != nil || a.Event == nil {
		t.Fatalf("%+v, %v", a, err)
	}
	_ = c.Close()
	select {
	case <-s.gone:
	case <-time.After(5 * time.Second):
		t.Error("nobody noticed")
	}
}

func TestWaitSeconds(t *testing.T) {
	s := &sessions{block: true, gone: make(chan struct{}, 1)}
	path, _ := open(t, s)
	_, err := dial(t, path).Call(t.Context(), ticket.Request{Method: ticket.GetTicket, WaitSeconds: 1})
	if ticket.CodeOf(err) != ticket.AuthNotPossible {
		t.Error(err)
	}
}

func TestOddRequests(t *testing.T) {
	path, _ := open(t, &sessions{})
	for _, text := range []string{"\n", "nonsense\n", "[]\n", `{"method":7}` + "\n", `{"method":"GetTicket","waitSeconds":-1}` + "\n", strings.Repeat("x", 5000), `{"method":"` + strings.Repeat("x", 5000) + "\"}\n"} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(3 * time.Second))
		got := make([]byte, 4096)
		n, err := c.Read(got)
		if err != nil || !bytes.Contains(got[:n], []byte("INVALID_PARAMETER")) || bytes.Contains(got[:n], []byte("nonsense")) {
			t.Errorf("%.20q: %q, %v", text, got[:n], err)
		}
		_ = c.Close()
	}
}

// TestAnotherUser needs root, as the tests of this project have: it connects as somebody else.
func TestAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("run as root: another user can't be played otherwise")
	}
	dir, err := os.MkdirTemp("", "nhos-ticket") // one that others may enter
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	_ = os.Chmod(dir, 0o755)
	s := &sessions{}
	path := filepath.Join(dir, "agent.socket")
	l, err := ticket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(path, 0o666) // as if the file's mode were the only guard
	var kept transcript.Buffer
	server := &ticket.Server{Sessions: s, Audit: &ticket.Lines{W: &kept}, Log: slog.New(slog.DiscardHandler), UID: 0}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- server.Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	out := make(chan []byte)
	go func() {
		// The kernel tells the uid of the thread that connects. This one keeps its uid and ends with its goroutine.
		runtime.LockOSThread()
		defer close(out)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			t.Error(errno)
			return
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = c.Write([]byte(`{"method":"GetTicket"}` + "\n"))
		got := make([]byte, 4096)
		n, err := c.Read(got)
		if err != nil {
			t.Error(err)
		}
		out <- got[:n]
	}()
	got := <-out
	if !bytes.Contains(got, []byte("USER_NOT_VALID")) || bytes.Contains(got, []byte("AQIC5")) {
		t.Errorf("%s", got)
	}
	if !strings.Contains(kept.String(), `"uid":65534`) {
		t.Errorf("the audit is %s", kept.String())
	}
}

// TestRefusedBeforeAsking has the agent say no and hang up before the program has written its request.
func TestRefusedBeforeAsking(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.socket")
	l, err := ticket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan error)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = c.Write([]byte(`{"error":{"code":2151677956,"name":"USER_NOT_VALID","message":"no"}}` + "\n"))
			err = errors.Join(err, c.Close(), l.Close())
		}
		refused <- err
	}()
	c := dial(t, path)
	if err := <-refused; err != nil {
		t.Fatal(err)
	}
	if _, err := c.Call(t.Context(), ticket.Request{Method: ticket.GetTicket}); ticket.CodeOf(err) != ticket.UserNotValid {
		t.Error(err)
	}
	if _, err := c.Call(t.Context(), ticket.Request{Method: ticket.GetTicket}); err == nil || !strings.Contains(err.Error(), "asking the Identity Agent") {
		t.Error(err)
	}
}

// More programs than the agent has room for are told so, and the next one is heard when one leaves.
func TestTooManyPrograms(t *testing.T) {
	path, _ := open(t, &sessions{})
	var all []*ticket.Client
	ask := func() error {
		c := dial(t, path)
		all = append(all, c)
		_, err := c.Call(t.Context(), ticket.Request{Method: ticket.Status})
		return err
	}
	for range 256 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask(); ticket.CodeOf(err) != ticket.ServerBusy && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the 257th program: %v", err)
	}
	_ = all[0].Close()
	for began := time.Now(); ask() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("no other program is heard after one left")
		}
	}
}

func TestListen(t *testing.T) {
	path, _ := open(t, &sessions{})
	if _, err := ticket.Listen(path); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Error(err)
	}
	left := filepath.Join(t.TempDir(), "left.socket")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: left, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	_ = old.Close()
	l, err := ticket.Listen(left)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

// FuzzParseRequest holds that no line breaks the parser, and that no error repeats what a line holds.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"method":"GetTicket"}`, `{"method":"SignIn","passcode":"NzM5MTY0","lastTry":true}`, `{"passcode":7,"method":"SignIn"}`,
		`{"method":"GetTicket","waitSeconds":601}`, `[`, `null`, `{"method":"\ud800"}`, `{"passcode":"NzM5MTY0","passcode":"!"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := ticket.ParseRequest(line)
		if err == nil && (r.Method == "" || r.WaitSeconds < 0 || len(line) > ticket.MaxRequestBytes) {
			t.Errorf("%+v", r)
		}
		if err != nil && r.Passcode.Len() > 0 {
			t.Error("a passcode in a request that was refused")
		}
		if err != nil && bytes.Contains(line, []byte("NzM5MTY0")) && strings.Contains(err.Error(), "NzM5MTY0") {
			t.Error(err)
		}
	})
}

// BenchmarkTicket is how long a local program waits for the ticket, with one and with 50 at once.
func BenchmarkTicket(b *testing.B) {
	for _, callers := range []int{1, 50} {
		b.Run(map[int]string{1: "1 caller", 50: "50 callers"}[callers], func(b *testing.B) {
			path, _ := open(b, &sessions{})
			took := make([][]time.Duration, callers)
			var wg sync.WaitGroup
			b.ResetTimer()
			for i := range callers {
				c := dial(b, path)
				wg.Go(func() {
					for range b.N / callers {
						began := time.Now()
						a, err := c.Call(context.Background(), ticket.Request{Method: ticket.GetTicket})
						if err != nil {
							b.Error(err)
							return
						}
						a.Ticket.Wipe()
						took[i] = append(took[i], time.Since(began))
					}
				})
			}
			wg.Wait()
			all := slices.Concat(took...)
			slices.Sort(all)
			if len(all) > 0 {
				b.ReportMetric(float64(all[len(all)/2].Microseconds()), "µs-median")
				b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "µs-p99")
			}
		})
	}
}
