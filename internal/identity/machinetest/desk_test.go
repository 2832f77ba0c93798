package machinetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/machinetest"
	"nhos.org/nhos/internal/identity/session"
	"nhos.org/nhos/internal/identity/ticket"
	"nhos.org/nhos/internal/identity/virtualcard"
)

const (
	person   = "555000000101" // one whom spinesim knows, with two roles
	passcode = "73916408"     // as long as a card takes: no number of the journal's is to look like it
	patience = 30 * time.Second
)

// desk is a computer with the agent installed, a reader, a card, and a Spine on its loopback.
type desk struct {
	*machinetest.Machine
	card   *virtualcard.Card
	reader *virtualcard.VPCD
}

// Files of the machine, beside what "make install-identity" installs.
var files = map[string]string{
	"etc/systemd/system/machine.target": `[Unit]
Requires=basic.target
Wants=systemd-logind.service dbus.service pcscd.socket spine.service
After=basic.target systemd-logind.service dbus.service pcscd.socket spine.service
`,
	"etc/systemd/system/spine.service": `[Service]
ExecStart=/usr/local/bin/spinesim serve --card-ca /etc/cards.pem --write-ca /run/spine/ca.pem --write-environment /run/spine/environments.yaml
ExecStartPost=/bin/sh -c 'until [ -s /run/spine/environments.yaml ]; do sleep 0.05; done'
User=daemon
RuntimeDirectory=spine
`,
	// A login at the desk, as a display manager makes one.
	"etc/systemd/system/login.service": `[Service]
ExecStart=/bin/sleep infinity
User=` + machinetest.User + `
PAMName=machine-login
`,
	"etc/pam.d/machine-login": "account required pam_permit.so\nsession required pam_systemd.so class=user type=tty\n",
	// All that logind does before and after sleep is real; that the computer sleeps isn't.
	"etc/systemd/system/systemd-suspend.service.d/awake.conf": "[Service]\nExecStart=\nExecStart=/bin/true\n",

	"etc/reader.conf.d/vpcd": `FRIENDLYNAME "Virtual PCD"
DEVICENAME /dev/null:0x8C7B
LIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so
CHANNELID 0x8C7B
`,
	"etc/nhos-identity/policy.toml": `environment = "spinesim"
environments_file = "/run/spine/environments.yaml"
[session]
enhanced = true
prompt_on_insert = false
[prompt]
pinentry = "/usr/local/bin/pinentry"
`,
	// Types the passcode, which a search for it mustn't find here.
	"usr/local/bin/pinentry": `#!/bin/sh
echo OK
while read -r line; do
  case "$line" in
  GETPIN) printf 'D ` + octal(passcode) + `\n'; echo OK ;;
  BYE) echo OK; exit ;;
  *) echo OK ;;
  esac
done
`,
	// A clinical program; "records@GetTicket" asks for the ticket. What it is told is for its own user alone.
	"etc/systemd/user/records@.service": `[Service]
Type=oneshot
ExecStart=/usr/local/bin/records %i
StandardOutput=truncate:%t/records
`,
}

func octal(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "\\%03o", s[i])
	}
	return b.String()
}

// newDesk boots one, which ends with the test.
func newDesk(t *testing.T) *desk {
	t.Helper()
	m, err := machinetest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &desk{Machine: m}
	if err := d.furnish(); err != nil {
		t.Fatal(err)
	}
	install := exec.Command("make", "-s", "-C", "../../..", "install-identity", "IDENTITY="+filepath.Join(m.Folder, "build"), "DESTDIR="+m.Folder)
	install.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // else it would go on where the test is killed
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing the agent: %v\n%s", err, out)
	}
	if err := d.writeProbes(); err != nil {
		t.Fatal(err)
	}
	if err := m.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.reader = virtualcard.NewVPCD(func(ctx context.Context) (net.Conn, error) { return m.Dial(ctx, "tcp", "127.0.0.1:35963") })
	t.Cleanup(d.reader.Pull)
	return d
}

// furnish makes the card and writes the machine's files.
func (d *desk) furnish() error {
	authority, err := virtualcard.NewAuthority("Test CA of NHoS")
	if err != nil {
		return err
	}
	if d.card, err = authority.Issue(virtualcard.CardSpec{UID: person, Passcode: passcode}); err != nil {
		return err
	}
	errs := []error{d.Write("etc/cards.pem", string(authority.CertificatePEM()))}
	for name, text := range files {
		errs = append(errs, d.Write(name, text))
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	errs = append(errs, d.Write("usr/local/bin/records", string(program)))
	for _, name := range []string{"records", "pinentry"} {
		errs = append(errs, os.Chmod(filepath.Join(d.Folder, "usr/local/bin", name), 0o755))
	}
	return errors.Join(errs...)
}

// records is this program in the machine: it makes a request and prints the ticket, or the name of what was refused.
func records(method string) int {
	if method == "probe" {
		probe()
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	path, err := ticket.SocketPath()
	if err != nil {
		return 2
	}
	c, err := ticket.Dial(ctx, path)
	if err != nil {
		fmt.Println(err)
		return 3
	}
	if method == "flood" {
		return flood(ctx, c)
	}
	a, err := c.Call(ctx, ticket.Request{Method: ticket.Method(method), WaitSeconds: 20})
	if err != nil {
		fmt.Println(ticket.CodeOf(err))
		return 1
	}
	fmt.Println(string(a.Ticket.Reveal()))
	return 0
}

// flood asks for the ticket until one answer takes a second and more: until its record doesn't go into the journal.
func flood(ctx context.Context, c *ticket.Client) int {
	for range 100_000 { // more than net.unix.max_dgram_qlen is anywhere
		began := time.Now()
		a, err := c.Call(ctx, ticket.Request{Method: ticket.GetTicketNoAuth})
		if err != nil || a.Ticket.Len() == 0 {
			fmt.Println("no ticket:", err)
			return 1
		}
		if time.Since(began) > time.Second {
			return 0
		}
	}
	fmt.Println("no answer took a second")
	return 1
}

// ask has the clinical program make a request, in a unit of the person's, and gives what it prints.
func (d *desk) ask(t *testing.T, m ticket.Method) string {
	t.Helper()
	_, _ = d.try(t, machinetest.UID, "systemctl", "--user", "start", "records@"+string(m)+".service") // fails where it is refused
	return d.told(t, "records")
}

// told is what a program of the person's wrote to a file of its runtime folder.
func (d *desk) told(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("%s/run/user/%d/%s", d.Root(), machinetest.UID, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// run runs a program in the machine, or ends the test.
func (d *desk) run(t *testing.T, uid int, name string, args ...string) string {
	t.Helper()
	out, err := d.try(t, uid, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func (d *desk) try(t *testing.T, uid int, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := d.Command(ctx, uid, name, args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// unit is what the person's manager says of the agent's service.
func (d *desk) unit(t *testing.T, property string) string {
	t.Helper()
	return d.run(t, machinetest.UID, "systemctl", "--user", "show", "--value", "--property="+property, "nhos-identityd.service")
}

// becomes waits until the person's manager says so of the service.
func (d *desk) becomes(t *testing.T, property, want string) {
	t.Helper()
	got := ""
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		if got = d.unit(t, property); got == want {
			return
		}
	}
	t.Fatalf("the service's %s is %q, and doesn't become %q", property, got, want)
}

// status is what the agent says, started if need be.
func (d *desk) status(t *testing.T) session.Status {
	t.Helper()
	var s session.Status
	if err := json.Unmarshal([]byte(d.run(t, machinetest.UID, "nhos-identity", "status", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// state waits until the agent is in a state.
func (d *desk) state(t *testing.T, want session.State) session.Status {
	t.Helper()
	var s session.Status
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		if s = d.status(t); s.State == want {
			return s
		}
	}
	t.Fatalf("it is %q (%s), and doesn't become %q", s.State, s.Problem, want)
	return s
}

// insert puts the card in.
func (d *desk) insert(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := d.reader.Insert(ctx, d.card); err != nil {
		t.Fatal(err)
	}
	d.state(t, session.CardPresent)
}

// signIn signs in as automation does, the passcode by a pipe.
func (d *desk) signIn(t *testing.T) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	_, err = w.WriteString(passcode + "\n")
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	c := d.Command(t.Context(), machinetest.UID, "nhos-identity", "sign-in", "--passcode-fd", "3")
	c.ExtraFiles = []*os.File{r}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("signing in: %v\n%s", err, out)
	}
}
