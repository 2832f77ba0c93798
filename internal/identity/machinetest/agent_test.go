package machinetest_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/machinetest"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/ticket"
)

// TestAgent lives a day with the agent as a person has it: installed, enabled by the one command that the documentation
// names, and held by a real systemd.
func TestAgent(t *testing.T) {
	d := newDesk(t)
	d.run(t, 0, "loginctl", "enable-linger", machinetest.User)
	d.run(t, 0, "systemctl", "start", fmt.Sprintf("user@%d.service", machinetest.UID))
	d.run(t, machinetest.UID, "systemctl", "--user", "enable", "--now", "nhos-identityd.socket")

	var tickets []string
	for _, part := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"the first request starts it", d.starts},
		{"the service is confined", d.confined},
		{"nobody else gets in", d.othersRefused},
		{"systemd starts it again", d.restarts},
		{"never as root", d.neverRoot},
		{"a day with a ticket", func(t *testing.T) { tickets = append(tickets, d.day(t)) }},
		{"the journal hangs", d.journalHangs},
		{"locked with the screen", d.screen},
		{"locked for sleep", d.sleep},
		{"the card ends the session", d.pulled},
		{"a crash tells nothing", func(t *testing.T) { tickets = append(tickets, d.crash(t)) }},
		{"the audit", d.audit},
		{"no secret in the journal", func(t *testing.T) { d.search(t, tickets) }},
	} {
		if !t.Run(part.name, part.do) { // each part begins where the one before ended
			t.Fatalf("the rest is left out; the journal says\n%s", d.run(t, 0, "journalctl", "--no-pager", "--lines=60"))
		}
	}
}

func (d *desk) starts(t *testing.T) {
	for _, c := range []struct{ unit, is, want string }{
		{"nhos-identityd.socket", "is-enabled", "enabled"},
		{"nhos-identityd.socket", "is-active", "active"},
		{"nhos-identityd.service", "is-enabled", "indirect"}, // by its socket
		{"nhos-identityd.service", "is-active", "inactive"},
	} {
		if got, _ := d.try(t, machinetest.UID, "systemctl", "--user", c.is, c.unit); got != c.want {
			t.Errorf("%s %s: %q, not %q", c.unit, c.is, got, c.want)
		}
	}
	if s := d.status(t); s.Mode != session.Enhanced { // as the organisation's policy says
		t.Errorf("%+v", s)
	}
	d.becomes(t, "ActiveState", "active")
	if kind := d.unit(t, "Type"); kind != "notify" {
		t.Error(kind)
	}
}

func (d *desk) othersRefused(t *testing.T) {
	socket := fmt.Sprintf("/run/user/%d", machinetest.UID)
	other := d.Command(t.Context(), machinetest.UID+1, "records", "GetTicketNoAuth")
	other.Env = append(other.Env, "XDG_RUNTIME_DIR="+socket)
	if out, err := other.CombinedOutput(); err == nil || !strings.Contains(string(out), "permission denied") {
		t.Errorf("another user: %v, %s", err, out)
	}
	for path, mode := range map[string]fs.FileMode{"nhos-identity": fs.ModeDir | 0o700, "nhos-identity/agent.socket": fs.ModeSocket | 0o600} {
		info, err := os.Lstat(filepath.Join(d.Root(), socket, path))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	// Root opens any file; the agent goes by what the kernel says.
	root := d.Command(t.Context(), 0, "records", "GetTicketNoAuth")
	root.Env = append(root.Env, "XDG_RUNTIME_DIR="+socket)
	if out, err := root.CombinedOutput(); err == nil || strings.TrimSpace(string(out)) != ticket.UserNotValid.String() {
		t.Errorf("root: %v, %s", err, out)
	}
}

func (d *desk) restarts(t *testing.T) {
	before := d.unit(t, "MainPID")
	d.run(t, 0, "kill", "-KILL", before)
	d.becomes(t, "NRestarts", "1")
	d.status(t)
	d.becomes(t, "ActiveState", "active")
	if after := d.unit(t, "MainPID"); after == before || after == "0" {
		t.Errorf("the service's process was %s and is %s", before, after)
	}
	if result := d.unit(t, "Result"); result != "success" {
		t.Error(result)
	}
}

// neverRoot has root's manager hold the units, too.
func (d *desk) neverRoot(t *testing.T) {
	d.run(t, 0, "systemctl", "start", "user@0.service")
	defer d.run(t, 0, "systemctl", "stop", "user@0.service")
	d.run(t, 0, "systemctl", "--user", "start", "nhos-identityd.socket", "nhos-identityd.service")
	for _, unit := range []string{"nhos-identityd.socket", "nhos-identityd.service"} {
		got := d.run(t, 0, "systemctl", "--user", "show", "--property=ActiveState,ConditionResult", unit)
		if got != "ActiveState=inactive\nConditionResult=no" && got != "ConditionResult=no\nActiveState=inactive" {
			t.Errorf("%s of root: %s", unit, got)
		}
	}
}

// day signs in and takes both roles. It gives the ticket.
func (d *desk) day(t *testing.T) string {
	if got := d.ask(t, ticket.GetTicketNoAuth); got != ticket.TicketNotAvailable.String() {
		t.Errorf("before anybody signed in: %s", got)
	}
	d.insert(t)
	d.signIn(t)
	s := d.state(t, session.RoleNeeded)
	if s.UID != person || len(s.Roles) != 2 {
		t.Fatalf("%+v", s)
	}
	d.run(t, machinetest.UID, "nhos-identity", "role", s.Roles[0].ID)
	first := d.ask(t, ticket.GetTicket)
	if !strings.HasPrefix(first, "AQIC5") {
		t.Fatalf("a program that asks for the ticket is told %q", first)
	}
	if out := d.run(t, machinetest.UID, "nhos-identity", "role", s.Roles[1].ID); !strings.Contains(out, s.Roles[1].Name) {
		t.Error(out)
	}
	if again := d.ask(t, ticket.GetTicketNoAuth); again != first {
		t.Error("another role, another ticket")
	}
	return first
}

// journalHangs stops journald, and has a program ask until the kernel queues no more for it. It is answered all the same.
func (d *desk) journalHangs(t *testing.T) {
	journald := d.run(t, 0, "systemctl", "show", "--value", "--property=MainPID", "systemd-journald.service")
	d.run(t, 0, "kill", "-STOP", journald)
	out, err := d.try(t, machinetest.UID, "records", "flood")
	d.run(t, 0, "kill", "-CONT", journald)
	if err != nil {
		t.Errorf("while the journal hangs: %v, %s", err, out)
	}
	d.said(t, `record="GetTicketNoAuth by /usr/local/bin/records (pid `)
}

// said waits for words of the agent's log.
func (d *desk) said(t *testing.T, words string) {
	t.Helper()
	text := ""
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		if text = d.run(t, machinetest.UID, "journalctl", "--user", "--unit=nhos-identityd", "--output=cat"); strings.Contains(text, words) {
			return
		}
	}
	t.Fatalf("the agent's log has no %q:\n%s", words, text)
}

// screen locks and unlocks a real session of logind.
func (d *desk) screen(t *testing.T) {
	d.run(t, 0, "systemctl", "start", "login.service")
	id := ""
	for began := time.Now(); id == "" && time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		id = d.run(t, 0, "loginctl", "show-user", "--property=Sessions", "--value", machinetest.User)
	}
	if id == "" {
		t.Fatal("logind has no session of the person")
	}
	d.run(t, 0, "loginctl", "lock-session", id)
	d.state(t, session.Locked)
	if got := d.ask(t, ticket.GetTicketNoAuth); got != ticket.TicketNotAvailable.String() {
		t.Errorf("while the screen is locked: %s", got)
	}
	d.run(t, 0, "loginctl", "unlock-session", id)
	d.state(t, session.SignedIn) // after the person was asked, by pinentry
	if got := d.ask(t, ticket.GetTicketNoAuth); !strings.HasPrefix(got, "AQIC5") {
		t.Errorf("after the screen was unlocked: %s", got)
	}
}

// sleep has logind go through sleep and waking up. logind looks first whether the computer can sleep; a container can't,
// so it gets a /sys/power of its own. No word of that reaches the kernel.
func (d *desk) sleep(t *testing.T) {
	d.run(t, 0, "sh", "-ec", "mount -o remount,bind,rw /sys; mkdir -p /sys/power; mount -t tmpfs none /sys/power; echo mem >/sys/power/state")
	d.run(t, 0, "systemctl", "suspend")
	d.said(t, "the computer went to sleep")
	d.state(t, session.SignedIn) // awake again, after pinentry
}

func (d *desk) pulled(t *testing.T) {
	d.reader.Pull()
	d.state(t, session.NoCard)
	if got := d.ask(t, ticket.GetTicketNoAuth); got != ticket.TicketNotAvailable.String() {
		t.Errorf("without a card: %s", got)
	}
	log := ""
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		if log = d.run(t, 0, "journalctl", "--unit=spine", "--output=cat"); strings.Contains(log, `msg="signed out" uid=`+person) {
			return
		}
	}
	t.Errorf("the Spine hasn't heard of it:\n%s", log)
}

// crash has the agent die with a ticket in its memory and write down what it was at. It gives the ticket.
func (d *desk) crash(t *testing.T) string {
	d.insert(t)
	d.signIn(t)
	d.run(t, machinetest.UID, "nhos-identity", "role", d.state(t, session.RoleNeeded).Roles[0].ID)
	ticket := d.ask(t, ticket.GetTicket)
	d.run(t, 0, "kill", "-ABRT", d.unit(t, "MainPID"))
	d.becomes(t, "NRestarts", "2")
	d.said(t, "SIGABRT: abort")
	if s := d.status(t); s.UID != "" {
		t.Errorf("%+v", s)
	}
	if cores := d.run(t, 0, "find", "/", "-xdev", "-type", "f", "-name", "core*", "-newer", "/etc/.updated", "-not", "-path", "/proc/*"); cores != "" {
		t.Errorf("core dumps are left:\n%s", cores)
	}
	return ticket
}

// audit reads it by the command of the documentation.
func (d *desk) audit(t *testing.T) {
	text, err := os.ReadFile("../../../docs/identity.md")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^    (journalctl .*MESSAGE_ID=.*)$`).FindSubmatch(text)
	if command == nil {
		t.Fatal("docs/identity.md has no command for the audit")
	}
	// As the documentation has it, for people.
	if out := d.run(t, machinetest.UID, "sh", "-c", string(command[1])); !strings.Contains(out, "GetTicket by /usr/local/bin/records of records@GetTicket.service (pid ") {
		t.Errorf("the audit is\n%s", out)
	}
	var got []string
	for line := range strings.Lines(d.run(t, machinetest.UID, "sh", "-c", string(command[1])+" -o json")) {
		r := map[string]any{}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r["_SYSTEMD_USER_UNIT"] != "nhos-identityd.service" {
			t.Errorf("a record by %v", r["_SYSTEMD_USER_UNIT"])
		}
		at, err := strconv.ParseInt(r["__REALTIME_TIMESTAMP"].(string), 10, 64)
		if age := time.Since(time.UnixMicro(at)); err != nil || age < 0 || age > 10*time.Minute {
			t.Errorf("a record of %v ago, %v", age, err)
		}
		if exe, unit := r["IDENTITY_EXE"], r["IDENTITY_UNIT"]; exe == "/usr/local/bin/records" && unit == fmt.Sprintf("records@%s.service", r["IDENTITY_METHOD"]) {
			got = append(got, fmt.Sprintf("%v %v %v", r["IDENTITY_METHOD"], r["IDENTITY_RESULT"], r["IDENTITY_PERSON"]))
		}
	}
	want := []string{
		"GetTicketNoAuth TICKET_NOT_AVAILABLE ", // before anybody signed in
		"GetTicket SUCCESS " + person,
		"GetTicketNoAuth SUCCESS " + person,              // another role
		"GetTicketNoAuth TICKET_NOT_AVAILABLE " + person, // the screen is locked
		"GetTicketNoAuth SUCCESS " + person,
		"GetTicketNoAuth TICKET_NOT_AVAILABLE ", // the card is gone
		"GetTicket SUCCESS " + person,
	}
	if !slices.Equal(got, want) {
		t.Errorf("the clinical program's records are\n%s", strings.Join(got, "\n"))
	}
}

// numbers are the journal's own fields, which may be any number.
var numbers = regexp.MustCompile(`^(__|_SOURCE_|_BOOT_ID=|_STREAM_ID=|_SYSTEMD_INVOCATION_ID=)`)

// search looks through all that is in the journal, of everybody, in every field.
func (d *desk) search(t *testing.T, tickets []string) {
	secrets := append([]string{passcode, "NzM5MTY0MDg", "AQIC5"}, tickets...)
	if len(tickets) != 2 {
		t.Fatalf("there are %d tickets", len(tickets))
	}
	found := func() (lines int, where []string) {
		for line := range strings.Lines(d.run(t, 0, "journalctl", "--output=export", "--all", "--no-pager")) {
			lines++
			if slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(line, s) }) && !numbers.MatchString(line) {
				where = append(where, line)
			}
		}
		return lines, where
	}
	if lines, where := found(); lines < 1000 || len(where) > 0 {
		t.Errorf("%d lines, and a secret is in\n%s", lines, strings.Join(where, ""))
	}
	// It would have been found.
	secrets = append(secrets, "decoy-"+passcode[:4])
	d.run(t, machinetest.UID, "sh", "-c", "echo decoy-"+passcode[:4]+" | systemd-cat")
	d.run(t, 0, "journalctl", "--sync")
	if _, where := found(); len(where) == 0 {
		t.Error("the search finds nothing")
	}
}
