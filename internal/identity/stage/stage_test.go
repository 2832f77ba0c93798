package stage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/secret"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/stage"
	"nhos.org/nhos/internal/identity/ticket"
)

// program is one that knows the agent's socket. It runs as root, so it needs the agent's user for the length of a call:
// it asks through the command line where it can, and through a helper of that user for tickets.
func status(t *testing.T, s *stage.Stage) session.Status {
	t.Helper()
	out, err := s.Run(t.Context(), "status", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var st session.Status
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		t.Fatal(err)
	}
	return st
}

// becomes waits for a state.
func becomes(t *testing.T, s *stage.Stage, want session.State) session.Status {
	t.Helper()
	var st session.Status
	for began := time.Now(); time.Since(began) < 2*time.Minute; time.Sleep(50 * time.Millisecond) {
		if st = status(t, s); st.State == want {
			return st
		}
	}
	t.Fatalf("it is %q (%s), and doesn't become %q; the log:\n%s", st.State, st.Problem, want, s.Log())
	return st
}

// ask asks for the ticket as a program of the agent's user does.
func ask(t *testing.T, s *stage.Stage, m ticket.Method) (ticket.Answer, error) {
	t.Helper()
	var a ticket.Answer
	err := stage.AsUser(func() error {
		c, err := ticket.Dial(t.Context(), s.Socket())
		if err != nil {
			return err
		}
		defer c.Close()
		a, err = c.Call(t.Context(), ticket.Request{Method: m, WaitSeconds: 30})
		return err
	})
	return a, err
}

// TestDay is a scripted day of use with real pcscd and OpenSC and a Spine over TLS; at its end nothing holds passcode
// or ticket.
func TestDay(t *testing.T) {
	s, err := stage.Start(t.Context(), stage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	becomes(t, s, session.NoCard)
	if _, err := ask(t, s, ticket.GetTicketNoAuth); ticket.CodeOf(err) != ticket.TicketNotAvailable {
		t.Error(err)
	}

	// The card comes, its holder is asked by pinentry.
	s.Cards.MustInsert(t, 0, s.Card)
	st := becomes(t, s, session.RoleNeeded)
	if st.UID != stage.Person || len(st.Roles) != 2 {
		t.Fatalf("%+v", st)
	}
	if _, err := s.Run(t.Context(), "role", st.Roles[0].ID); err != nil {
		t.Fatal(err)
	}
	first, err := ask(t, s, ticket.GetTicket)
	if err != nil {
		t.Fatal(err)
	}
	tickets := []*secret.Text{first.Ticket}

	// Another role, the same session.
	if out, err := s.Run(t.Context(), "role", st.Roles[1].ID); err != nil || !strings.Contains(out, st.Roles[1].Name) {
		t.Error(out, err)
	}
	again, err := ask(t, s, ticket.GetTicketNoAuth)
	if err != nil || !again.Ticket.Equal(first.Ticket) {
		t.Error("another ticket after another role", err)
	}
	if sessions := s.Spine.Sessions(); len(sessions) != 1 {
		t.Errorf("the Spine has %d sessions", len(sessions))
	}
	searchProcess(t, s, tickets)

	// Locked, and resumed by automation.
	if _, err := s.Run(t.Context(), "lock"); err != nil {
		t.Error(err)
	}
	if _, err := ask(t, s, ticket.GetTicketNoAuth); ticket.CodeOf(err) != ticket.TicketNotAvailable {
		t.Error(err)
	}
	if out, err := signIn(t.Context(), s, "000000"); err == nil || !strings.Contains(out, "wrong passcode: 2 tries are left") {
		t.Error(out, err)
	}
	if out, err := signIn(t.Context(), s, stage.Passcode); err != nil {
		t.Error(out, err)
	}

	// The card is pulled: the ticket is gone, here and there.
	s.Cards.Pull(0)
	becomes(t, s, session.NoCard)
	if _, err := ask(t, s, ticket.GetTicketNoAuth); ticket.CodeOf(err) != ticket.TicketNotAvailable {
		t.Error(err)
	}
	for range 100 {
		if len(s.Spine.Sessions()) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n := len(s.Spine.Sessions()); n != 0 {
		t.Errorf("the Spine still has %d sessions", n)
	}

	// Signed in again; the agent is stopped, as at the end of the day.
	s.Cards.MustInsert(t, 0, s.Card)
	st = becomes(t, s, session.RoleNeeded)
	if _, err := s.Run(t.Context(), "role", st.Roles[0].ID); err != nil {
		t.Error(err)
	}
	last, err := ask(t, s, ticket.GetTicket)
	if err != nil {
		t.Fatal(err)
	}
	tickets = append(tickets, last.Ticket)
	if err := s.StopAgent(); err != nil {
		t.Error(err)
	}
	if n := len(s.Spine.Sessions()); n != 0 {
		t.Errorf("the agent has ended, and the Spine has %d sessions", n)
	}
	if n := strings.Count(s.Audit(), `"result":"SUCCESS"`); n < 6 || !strings.Contains(s.Audit(), filepath.Join(s.Folder, "bin/nhos-identity")) {
		t.Errorf("the audit has %d successes\n%s", n, s.Audit())
	}
	searchFiles(t, s, tickets)
	// The agent doesn't claim to be another program, and tells nothing of the computer.
	if told := s.SpineLog(); !strings.Contains(told, "agent=nhos-identity/") || strings.Count(told, "analytics=false") != 2 || strings.Contains(told, "analytics=true") {
		t.Errorf("the Spine was told\n%s", told)
	}
}

// signIn is automation: the passcode comes by a pipe.
func signIn(ctx context.Context, s *stage.Stage, passcode string) (string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	_, err = w.WriteString(passcode + "\n")
	if err = errors.Join(err, w.Close()); err != nil {
		return "", err
	}
	c := s.Command(ctx, "nhos-identity", "sign-in", "--passcode-fd", "3")
	c.ExtraFiles = []*os.File{r}
	out, err := c.CombinedOutput()
	return string(out), err
}

// found looks for passcode and tickets, also in the forms that they travel in.
func found(text []byte, tickets []*secret.Text) bool {
	for _, t := range tickets {
		if bytes.Contains(text, t.Reveal()) {
			return true
		}
	}
	return bytes.Contains(text, []byte(stage.Passcode)) || bytes.Contains(text, []byte("NzM5MTY0")) || bytes.Contains(text, []byte("AQIC5"))
}

// searchProcess looks at what others see of the agent and its children while somebody is signed in, and at the rules
// for a dump of their memory.
func searchProcess(t *testing.T, s *stage.Stage, tickets []*secret.Text) {
	t.Helper()
	engine, err := s.Engine()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{s.PID(), engine} {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if err != nil || len(text) == 0 {
				t.Errorf("/proc/%d/%s: %d bytes, %v", pid, file, len(text), err)
			}
			if found(text, tickets) {
				t.Errorf("a secret is in /proc/%d/%s", pid, file)
			}
		}
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		core := ""
		for line := range strings.Lines(string(limits)) {
			if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
				core = strings.Join(strings.Fields(rest), " ")
			}
		}
		if err != nil || core != "0 0 bytes" {
			t.Errorf("process %d may leave a core dump: %q, %v", pid, core, err)
		}
		// A process that isn't dumpable has files in /proc that are root's.
		info, err := os.Stat(fmt.Sprintf("/proc/%d/mem", pid))
		if err != nil || owner(info) != 0 {
			t.Errorf("other programs of the person can read the memory of process %d: %v", pid, err)
		}
	}
}

// searchFiles looks through all that the day has left: log, audit, files of the person, of pcscd and of the stage.
func searchFiles(t *testing.T, s *stage.Stage, tickets []*secret.Text) {
	t.Helper()
	for name, text := range map[string]string{"log": s.Log(), "audit": s.Audit()} {
		if text == "" || found([]byte(text), tickets) {
			t.Errorf("the %s is empty or holds a secret:\n%s", name, text)
		}
	}
	// Neither challenges nor what was signed, as the first agents' log did.
	if word := regexp.MustCompile(`[A-Za-z0-9+/=]{40,}`).FindString(s.Log()); word != "" {
		t.Errorf("the log holds %q", word)
	}
	searched := 0
	err := filepath.WalkDir(s.Folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Dir(path) == filepath.Join(s.Folder, "bin") {
			return err
		}
		text, err := os.ReadFile(path)
		searched++
		if found(text, tickets) {
			t.Errorf("a secret is in %s", path)
		}
		return err
	})
	if err != nil || searched < 5 {
		t.Errorf("%d files, %v", searched, err)
	}
}

func owner(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

// A person with two roles takes the second one in the window, by its number.
func TestRoleIsChosenInTheWindow(t *testing.T) {
	s, err := stage.Start(t.Context(), stage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(s.Number(), []byte("2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Cards.MustInsert(t, 0, s.Card)
	st := becomes(t, s, session.SignedIn)
	if st.Role == nil || st.Role.ID != st.Roles[1].ID {
		t.Errorf("the role is %+v of %+v", st.Role, st.Roles)
	}
	if theirs := s.Spine.Sessions(); len(theirs) != 1 || theirs[0].Role != st.Roles[1].ID {
		t.Errorf("the Spine has %+v", theirs)
	}
}
