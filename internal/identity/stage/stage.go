// Package stage sets the whole Identity Agent up without any hardware, for tests and demonstrations: a smartcard service
// with virtual readers, a card, a Spine, and the agent's own programs, run as an ordinary user.
//
// Everything is in one folder and ends with Close. It needs root, for the namespaces and for the change of user.
package stage

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"nhos.org/nhos/internal/identity/cardtest"
	"nhos.org/nhos/internal/identity/spinesim"
	"nhos.org/nhos/internal/identity/virtualcard"
)

const (
	// UID is the user that the agent runs as: nobody's.
	UID = 65534
	// Person is who the card is of: one whom spinesim knows, with two roles.
	Person = "555000000101"
	// Passcode is the card's. Who is asked for a role declines, where no file Number holds the number to type.
	Passcode = "739164"
	// startTime is how long the agent may take to answer: much less on a machine that has nothing else to do.
	startTime = time.Minute
)

// Options say how the agent is set up. The zero value is the agent as it comes.
type Options struct {
	Policy     string          // lines of TOML beside those that the stage needs
	DriverTime time.Duration   // how long a driver may take before it counts as hung; 0 is the agent's own
	Before     func(at string) // spinesim's, see spinesim.Options
}

// Stage is what is set up.
type Stage struct {
	Folder string
	Cards  *cardtest.Rig
	Card   *virtualcard.Card
	Spine  *spinesim.Server

	options Options
	running *spinesim.Running
	agent   *exec.Cmd
	stopped chan struct{} // closed when the agent has ended
	log     *output
	spine   *output // what the Spine says of who signed in
}

// Start sets it up.
func Start(ctx context.Context, o Options) (s *Stage, err error) {
	s = &Stage{options: o, log: &output{}, spine: &output{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.Folder, err = os.MkdirTemp("", "identity-"); err != nil {
		return s, fmt.Errorf("making a folder: %w", err)
	}
	if err = s.build(); err != nil {
		return s, err
	}
	if s.Cards, err = cardtest.Start(ctx); err != nil {
		return s, err
	}
	authority, err := virtualcard.NewAuthority("Test CA of NHoS")
	if err != nil {
		return s, err
	}
	if s.Card, err = authority.Issue(virtualcard.CardSpec{UID: Person, Passcode: Passcode}); err != nil {
		return s, err
	}
	if s.Spine, err = spinesim.New(spinesim.Options{
		CardCAs: []*x509.Certificate{authority.Certificate}, Before: o.Before, Log: slog.New(slog.NewTextHandler(s.spine, nil)),
	}); err != nil {
		return s, err
	}
	if s.running, err = s.Spine.Start(spinesim.Listen{}); err != nil {
		return s, err
	}
	if err = s.write(o.Policy); err != nil {
		return s, err
	}
	return s, s.StartAgent(ctx)
}

// build makes the agent's programs.
func (s *Stage) build() error {
	if err := os.Chmod(s.Folder, 0o755); err != nil {
		return err
	}
	bin := filepath.Join(s.Folder, "bin")
	c := exec.Command("go", "build", "-o", bin+"/", "nhos.org/nhos/cmd/nhos-identityd", "nhos.org/nhos/cmd/nhos-identity")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building the agent: %w\n%s", err, out)
	}
	_, err := cardtest.BuildEngine(bin)
	return err
}

// write makes the agent's files. The pinentry holds the passcode as numbers of its letters: a search for it must find it
// nowhere. It answers only when somebody has written to the FIFO at Gate, where there is one.
func (s *Stage) write(policy string) error {
	files := map[string]string{
		"ca.pem":            string(s.running.CAPEM),
		"environments.yaml": "environments:\n  stage:\n    title: A Spine to try with\n    login: " + s.running.URL + "\n    ca_file: ca.pem\n",
		"policy.toml": fmt.Sprintf("environment = \"stage\"\nenvironments_file = %q\n[card]\nmodules = [%q]\n[prompt]\npinentry = %q\n%s",
			s.path("environments.yaml"), opensc(), s.path("pinentry"), policy),
		"pinentry": fmt.Sprintf(pinentry, s.Gate(), s.Number(), octal(Passcode)),
	}
	for name, text := range files {
		if err := os.WriteFile(s.path(name), []byte(text), 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"run", "home"} {
		if err := errors.Join(os.Mkdir(s.path(name), 0o700), os.Chown(s.path(name), UID, UID)); err != nil {
			return err
		}
	}
	return nil
}

// pinentry is a person at the agent's window: %[1]q is the gate, %[2]q the number of a role, %[3]s the passcode.
const pinentry = `#!/bin/sh
echo OK
while read -r line; do
  case "$line" in
  SETPROMPT*) prompt=$line; echo OK ;;
  GETPIN)
    if [ "$prompt" != "SETPROMPT Number:" ]; then
      [ -p %[1]q ] && read -r _ <%[1]q
      printf 'D %[3]s\n'; echo OK
    elif [ -f %[2]q ]; then
      printf 'D '; cat %[2]q; echo OK
    else
      echo 'ERR 83886179 cancelled'
    fi ;;
  BYE) echo OK; exit ;;
  *) echo OK ;;
  esac
done
`

// opensc is where Debian has OpenSC's module.
func opensc() string {
	found, _ := filepath.Glob("/usr/lib/*/pkcs11/opensc-pkcs11.so")
	if len(found) == 0 {
		return "/usr/lib/opensc-pkcs11.so (install opensc-pkcs11)"
	}
	return found[0]
}

func octal(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "\\%03o", s[i])
	}
	return b.String()
}

func (s *Stage) path(name string) string { return filepath.Join(s.Folder, name) }

// Socket is where the agent answers.
func (s *Stage) Socket() string { return s.path("run/nhos-identity/agent.socket") }

// Gate is where a FIFO holds the answer of pinentry back until somebody writes a line to it.
func (s *Stage) Gate() string { return s.path("gate") }

// Number is where a file holds the number of the role that is typed when the agent asks for one.
func (s *Stage) Number() string { return s.path("number") }

// Audit is what the agent has audited so far, a line of JSON each.
func (s *Stage) Audit() string {
	text, _ := os.ReadFile(s.path("run/audit"))
	return string(text)
}

// Log is what the agent has written to its log so far.
func (s *Stage) Log() string { return s.log.String() }

// SpineLog is what the Spine has written to its log so far: who signed in and out, by which program.
func (s *Stage) SpineLog() string { return s.spine.String() }

// PID is the agent's.
func (s *Stage) PID() int { return s.agent.Process.Pid }

// Engine is the process of the agent's that holds the drivers.
func (s *Stage) Engine() (pid int, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, stat := range stats {
		text, _ := os.ReadFile(stat) // it may be gone by now
		name, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); strings.HasSuffix(name, "(nhos-identity-c") && len(fields) > 1 && fields[1] == strconv.Itoa(s.PID()) {
			return strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		}
	}
	return 0, errors.New("the agent has no process for its drivers")
}

// StartAgent starts the agent, and waits until it answers.
func (s *Stage) StartAgent(ctx context.Context) error {
	s.agent = s.Command(context.WithoutCancel(ctx), "nhos-identityd", "--policy", s.path("policy.toml"), "--audit", s.path("run/audit"),
		"--driver-time", s.options.DriverTime.String())
	s.agent.Stdout, s.agent.Stderr = s.log, s.log
	// Whatever happens to this process, the agent doesn't outlive it. The kernel goes by the thread that started it,
	// which therefore stays.
	s.agent.SysProcAttr.Pdeathsig = syscall.SIGKILL
	s.stopped = make(chan struct{})
	started := make(chan error)
	go func(stopped <-chan struct{}) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- s.agent.Start()
		<-stopped
	}(s.stopped)
	if err := <-started; err != nil {
		return fmt.Errorf("starting the agent: %w", err)
	}
	for began := time.Now(); time.Since(began) < startTime; time.Sleep(50 * time.Millisecond) {
		if s.Command(ctx, "nhos-identity", "status").Run() == nil {
			return nil
		}
	}
	return fmt.Errorf("the agent doesn't answer; it says\n%s", s.Log())
}

// Program is where a program of the stage lies, or is to be put.
func (s *Stage) Program(name string) string { return s.path("bin/" + name) }

// Command is a program of the stage, as the agent's user runs it.
func (s *Stage) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, s.Program(program), args...)
	c.Dir = "/"
	c.Env = append(s.Cards.Environ(), "PATH="+s.path("bin")+":/usr/sbin:/usr/bin:/sbin:/bin", "HOME="+s.path("home"), "XDG_RUNTIME_DIR="+s.path("run"),
		"XDG_CACHE_HOME="+s.path("home/.cache"), "LC_ALL=C.UTF-8", "TZ=UTC")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: UID, Gid: UID}}
	return c
}

// Run runs nhos-identity and gives what it wrote.
func (s *Stage) Run(ctx context.Context, args ...string) (string, error) {
	out, err := s.Command(ctx, "nhos-identity", args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("nhos-identity %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), err
}

// StopAgent ends the agent as systemd does.
func (s *Stage) StopAgent() error {
	if s.agent == nil || s.agent.Process == nil {
		return nil
	}
	_ = s.agent.Process.Signal(syscall.SIGTERM)
	force := time.AfterFunc(30*time.Second, func() { _ = s.agent.Process.Kill() })
	defer force.Stop()
	err := s.agent.Wait()
	close(s.stopped)
	s.agent = nil
	return err
}

// Close ends all of it and removes the folder.
func (s *Stage) Close() error {
	errs := []error{s.StopAgent()}
	if s.running != nil {
		errs = append(errs, s.running.Close())
	}
	if s.Cards != nil {
		errs = append(errs, s.Cards.Close())
	}
	if s.Folder != "" {
		errs = append(errs, os.RemoveAll(s.Folder))
	}
	return errors.Join(errs...)
}

// output collects what a program writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
