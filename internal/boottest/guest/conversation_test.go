package guest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A fakeGuest is the guest's end of a wire, by hand.
type fakeGuest struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func wire(t *testing.T, patience time.Duration) (*Conversation, fakeGuest) {
	host, guest := net.Pipe()
	t.Cleanup(func() { _ = host.Close(); _ = guest.Close() })
	return NewConversation(host, patience, nil), fakeGuest{t, guest, bufio.NewReader(guest)}
}

func (g fakeGuest) say(line string) { _, _ = io.WriteString(g.conn, line) }

func (g fakeGuest) hello(session string) {
	g.say(fmt.Sprintf("\n"+`{"kind":"hello","hello":{"os":"Guest %s"},"session":%q}`+"\n", session, session))
}

// asked returns the next request.
func (g fakeGuest) asked() (r Request) {
	for {
		line, err := g.in.ReadString('\n')
		if err != nil {
			g.t.Error(err)
			return r
		}
		if strings.TrimSpace(line) != "" {
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				g.t.Error(err)
			}
			return r
		}
	}
}

func (g fakeGuest) answer(id int, output string) {
	g.say(fmt.Sprintf(`{"kind":"answer","answer":{"id":%d,"passed":true,"output":%q}}`+"\n", id, output))
}

func TestConversationMatchesAnswers(t *testing.T) {
	c, g := wire(t, time.Minute)
	go func() {
		g.hello("one")
		first, second := g.asked(), g.asked()
		g.answer(4711, "nobody asked")
		g.say("not a message\n")
		for _, r := range []Request{second, first} {
			if r.Session != "one" {
				t.Errorf("%+v", r)
			}
			g.answer(r.ID, r.Run)
		}
		g.answer(first.ID, "again")
	}()
	if f, err := c.Hello(t.Context()); err != nil || f.OS != "Guest one" {
		t.Errorf("%+v, error %v", f, err)
	}
	done := make(chan struct{})
	for _, run := range []string{"a", "b"} {
		go func() {
			if a, err := c.Ask(t.Context(), Request{Kind: AskRun, Run: run}); err != nil || a.Output != run {
				t.Errorf("%s: %+v, error %v", run, a, err)
			}
			done <- struct{}{}
		}()
	}
	<-done
	<-done
	if len(c.waiting) != 0 {
		t.Errorf("it still waits: %v", c.waiting)
	}
}

func TestConversationWithAGuestThatStartsAnew(t *testing.T) {
	c, g := wire(t, time.Minute)
	go func() {
		g.hello("one")
		g.asked()
		g.say(`{"kind":"beat","beat":{"st`) // in the middle of which the machine was reset
		g.hello("two")
		g.answer(g.asked().ID, "again")
		r := g.asked()
		g.answer(r.ID, "I go")
		g.say(`{"kind":"beat","beat":{"step":3}}` + "\n")
		g.hello("three")
		if r := g.asked(); r.Session != "three" {
			t.Errorf("%+v", r)
		}
		g.answer(3+1, "back")
	}()
	if _, err := c.Ask(t.Context(), Request{Kind: AskRun, Run: "x"}); !errors.Is(err, ErrRestarted) {
		t.Errorf("error %v", err)
	}
	for _, r := range []struct {
		Request
		want string
	}{{Request{Kind: AskRun, Run: "y"}, "again"}, {Request{Kind: AskRestart}, "I go"}, {Request{Kind: AskFacts}, "back"}} {
		if a, err := c.Ask(t.Context(), r.Request); err != nil || a.Output != r.want {
			t.Errorf("%+v, error %v", a, err)
		}
	}
}

func TestConversationWithNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, g := wire(t, time.Hour)
		begin := time.Now()
		for range 2 { // later there is nothing left to wait for
			_, err := c.Ask(t.Context(), Request{Kind: AskUnit, Unit: "x.service"})
			if !errors.Is(err, ErrNoGuest) || err.Error() != "asking the guest (unit x.service): no guest answers within 1h0m0s" {
				t.Errorf("error %v", err)
			}
		}
		if took := time.Since(begin); took != time.Hour {
			t.Errorf("it took %v", took)
		}
		// A hello that comes late is welcome.
		go func() { g.hello("late"); g.answer(g.asked().ID, "yes") }()
		synctest.Wait()
		if a, err := c.Ask(t.Context(), Request{Kind: AskFacts}); err != nil || a.Output != "yes" {
			t.Errorf("%+v, error %v", a, err)
		}
		// And after it says that it goes, its next one is waited for as long.
		c.Anew()
		begin = time.Now()
		if _, err := c.Hello(t.Context()); !errors.Is(err, ErrNoGuest) || time.Since(begin) != time.Hour {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
	})
}

func TestConversationWithAGuestThatFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, g := wire(t, time.Minute)
		go func() {
			g.hello("one")
			g.asked()
			for range 100 {
				time.Sleep(beatInterval)
				g.say(`{"kind":"beat","beat":{"step":1}}` + "\n")
			}
		}()
		begin := time.Now()
		_, err := c.Ask(t.Context(), Request{Kind: AskRun, Run: "x"})
		if took := time.Since(begin); !errors.Is(err, ErrSilent) || took < 100*beatInterval+silence || took > 100*beatInterval+2*silence {
			t.Errorf("error %v after %v", err, took)
		}
	})
}

func TestConversationEnds(t *testing.T) {
	c, g := wire(t, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		g.hello("one")
		g.asked()
		cancel()
		g.asked()
		_ = g.conn.Close()
	}()
	if _, err := c.Ask(ctx, Request{Kind: AskFacts}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := c.Ask(t.Context(), Request{Kind: AskFacts}); !errors.Is(err, ErrGone) {
		t.Errorf("error %v", err)
	}
	if _, err := c.Ask(t.Context(), Request{Kind: AskFacts}); err == nil {
		t.Error("no error")
	}
}
