package stage_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/stage"
	"nhos.org/nhos/internal/identity/ticket"
)

// TestDocumentation does what docs/identity.md says that a person can type and a program can send, in its order.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../../docs/identity.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	s, err := stage.Start(t.Context(), stage.Options{Policy: "[session]\nprompt_on_insert = false\n"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	// The doctor reads the person's own file.
	mine := filepath.Join(s.Folder, "home/.config/nhos-identity")
	policy, err := os.ReadFile(filepath.Join(s.Folder, "policy.toml"))
	if err = errors.Join(err, os.MkdirAll(mine, 0o755)); err == nil {
		err = os.WriteFile(filepath.Join(mine, "policy.toml"), policy, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Cards.MustInsert(t, 0, s.Card)
	becomes(t, s, session.CardPresent)

	commands := regexp.MustCompile(`(?m)^    nhos-identity ([^ ]+(?: [^ ]+)*)  `).FindAllStringSubmatch(page, -1)
	var done []string
	for _, c := range commands {
		words := strings.Fields(c[1])
		done = append(done, words[0])
		for _, more := range [][]string{nil, {"--json"}} {
			out := typed(t, s, append(slices.Clone(words), more...))
			if more != nil && !json.Valid(bytes.TrimSpace(out)) {
				t.Errorf("%s --json writes\n%s", c[1], out)
			}
		}
	}
	all := []string{"status", "sign-in", "sign-in", "roles", "role", "lock", "sign-out", "watch", "cards", "doctor"}
	if !slices.Equal(done, all) {
		t.Errorf("docs/identity.md has the commands %q, not %q", done, all)
	}
	t.Run("socket", func(t *testing.T) { socket(t, s, page) })
}

// typed runs a command as a person does, and gives what it writes.
func typed(t *testing.T, s *stage.Stage, words []string) []byte {
	t.Helper()
	c := s.Command(t.Context(), "nhos-identity", words...)
	var errs bytes.Buffer
	c.Stderr = &errs
	switch {
	case slices.Contains(words, "--here"):
		out, err := onTerminal(t, c, stage.Passcode)
		if err != nil || bytes.Contains(out, []byte(stage.Passcode)) {
			t.Errorf("%q: %v\n%s", words, err, out)
		}
		_, after, _ := bytes.Cut(out, []byte("\n")) // the question
		return after
	case words[0] == "watch": // until it is interrupted
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadBytes('\n')
		if err != nil {
			t.Errorf("%q: %v\n%s", words, err, errs.String())
		}
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait() // it says that it was interrupted
		return line
	}
	out, err := c.Output()
	if err != nil {
		t.Errorf("%q: %v\n%s%s", words, err, out, errs.String())
	}
	return out
}

// onTerminal runs a command on a terminal of its own, types a line once what is typed isn't shown, and gives what is shown.
func onTerminal(t *testing.T, c *exec.Cmd, line string) ([]byte, error) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
	c.SysProcAttr.Setsid, c.SysProcAttr.Setctty = true, true
	err = c.Start()
	_ = terminal.Close()
	if err != nil {
		t.Fatal(err)
	}
	shown := make(chan []byte)
	go func() {
		out, _ := io.ReadAll(master) // it ends with an error when nobody has the terminal open any more
		shown <- out
	}()
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if mode, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil && mode.Lflag&unix.ECHO == 0 {
			_, _ = master.Write([]byte(line + "\n"))
			break
		}
	}
	err = c.Wait()
	return <-shown, err
}

// socket sends what the page shows, and looks for every method that it names.
func socket(t *testing.T, s *stage.Stage, page string) {
	var conn net.Conn
	err := stage.AsUser(func() (err error) {
		conn, err = net.Dial("unix", s.Socket())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	ask := func(line string) string {
		t.Helper()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := conn.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		answer, err := answers.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(answer)
	}
	shown := regexp.MustCompile(`(?m)^    [→←] (.*)$`).FindAllStringSubmatch(page, -1)
	if len(shown) != 4 {
		t.Fatalf("docs/identity.md shows %d lines", len(shown))
	}
	ask(`{"method":"SignIn"}`)
	ask(`{"method":"SelectRole","role":"555100000101"}`)
	form := regexp.MustCompile(`"AQIC5[^"]*"`)
	if got := form.ReplaceAllString(ask(shown[0][1]), `"AQIC5…"`); got != shown[1][1] {
		t.Errorf("%s is answered by %s", shown[0][1], got)
	}
	ask(`{"method":"DestroyTicket"}`)
	if got := ask(shown[2][1]); got != shown[3][1] {
		t.Errorf("%s is answered by %s", shown[2][1], got)
	}
	_, table, _ := strings.Cut(page, "| method | what it does |")
	table, _, _ = strings.Cut(table, "\n\n")
	var named []string
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		if len(cells) < 2 {
			continue
		}
		for _, m := range regexp.MustCompile("`([A-Z][A-Za-z]+)`").FindAllStringSubmatch(cells[1], -1) {
			named = append(named, m[1])
		}
	}
	slices.Sort(named)
	want := []string{"DestroyTicket", "GetNewTicket", "GetTicket", "GetTicketNoAuth", "Lock", "Roles", "SelectRole", "SignIn", "Status", "Subscribe"}
	if !slices.Equal(named, want) {
		t.Errorf("docs/identity.md names %q, not %q", named, want)
	}
	for _, m := range []string{"Status", "Roles", "Lock", "Subscribe"} { // the last one goes on
		if got := ask(`{"method":"` + m + `"}`); strings.Contains(got, ticket.NotImplemented.String()) {
			t.Errorf("%s: %s", m, got)
		}
	}
	if !strings.Contains(page, "MESSAGE_ID="+ticket.MessageID) {
		t.Error("docs/identity.md finds the audit by another id")
	}
}
