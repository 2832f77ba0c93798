package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

// desktopID is the id of the desktop's user on a medium that doesn't name one: the first that systems give to a person.
const desktopID = "1000"

// userSetting is the setting of a medium that names the desktop's user.
const userSetting = "NHOS_USER"

// errNobody says that a medium which names no user of a desktop has none.
var errNobody = errors.New("this guest has no user whose desktop it could be")

const programs = "/usr/bin:/bin"

// A person is the desktop's user. What is done as that user is done by the user's own systemd: there a program has what
// the desktop gives to those that it starts (display, bus, language), and it belongs to the session as they do.
type person struct {
	name       string
	credential *syscall.Credential // nil if this program runs as that user already
	runtime    string              // XDG_RUNTIME_DIR
}

// desktopUser finds the one whom the settings name.
func desktopUser(settings map[string]string) (person, error) {
	find, by := user.LookupId, desktopID
	if name := settings[userSetting]; name != "" {
		find, by = user.Lookup, name
	}
	known, err := find(by)
	if err != nil && by == desktopID {
		return person{}, errNobody
	}
	if err != nil {
		return person{}, fmt.Errorf("looking for the desktop's user: %w", err)
	}
	p := person{name: known.Username, runtime: "/run/user/" + known.Uid}
	if known.Uid == strconv.Itoa(os.Getuid()) {
		return p, nil
	}
	groups, err := known.GroupIds()
	if err != nil {
		return person{}, fmt.Errorf("looking for the desktop's user: %w", err)
	}
	p.credential = &syscall.Credential{Uid: id(known.Uid), Gid: id(known.Gid)}
	for _, g := range groups {
		p.credential.Groups = append(p.credential.Groups, id(g))
	}
	return p, nil
}

func id(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32) // os/user has read it as a number
	return uint32(n)
}

// command runs a command as the user, outside the session.
func (p person) command(ctx context.Context, limit time.Duration, path, name string, args ...string) (string, error) {
	env := []string{"PATH=" + path, "LANG=C.UTF-8", "XDG_RUNTIME_DIR=" + p.runtime}
	return runAs(ctx, limit, p.credential, env, name, args...)
}

// session is the environment that the user's systemd gives to programs. The error says that nobody is signed in, or,
// for a program that shows itself, that there is no desktop to show it on.
func (p person) session(ctx context.Context, shown bool) (map[string]string, error) {
	// What a user leaves behind who has signed out may keep the user's systemd, and what it was told, for long.
	state, err := p.command(ctx, systemctlLimit, programs, "loginctl", "show-user", "--property=State", "--value", p.name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s isn't signed in: %s", p.name, join(state, err))
	case state != "active" && state != "online":
		return nil, fmt.Errorf("%s isn't signed in: the session is %s", p.name, state)
	}
	said, err := p.command(ctx, systemctlLimit, programs, "systemctl", "--user", "--no-pager", "show-environment")
	if err != nil {
		return nil, fmt.Errorf("asking for the session of %s: %s", p.name, join(said, err))
	}
	env := properties(said)
	if shown && env["DISPLAY"] == "" && env["WAYLAND_DISPLAY"] == "" {
		return nil, fmt.Errorf("%s is signed in, and has no desktop yet", p.name)
	}
	return env, nil
}

// run has a command line done in the session by /bin/sh, and ends what is left of it after limit.
func (p person) run(ctx context.Context, limit time.Duration, settings map[string]string, line string) (string, error) {
	env, err := p.session(ctx, false)
	if err != nil {
		return "", err
	}
	args := []string{
		"--user", "--quiet", "--collect", "--wait", "--pipe", "--expand-environment=no",
		// Whoever gives up waiting ends the waiting alone.
		fmt.Sprintf("--property=RuntimeMaxSec=%dms", (limit + 5*time.Second).Milliseconds()), "--property=TimeoutStopSec=5s",
	}
	for name, value := range settings {
		args = append(args, "--setenv="+name+"="+value)
	}
	return p.command(ctx, limit, env["PATH"], "systemd-run", append(args, "--", "/bin/sh", "-ec", line)...)
}

// open starts a program in the session and lets it be. The error is that it can't be started.
func (p person) open(ctx context.Context, limit time.Duration, env map[string]string, program []string) (string, error) {
	args := []string{"--user", "--quiet", "--collect", "--service-type=exec", "--expand-environment=no", "--"}
	return p.command(ctx, limit, env["PATH"], "systemd-run", append(args, program...)...)
}

// ready waits for the desktop on which a program can be shown.
func (p person) ready(ctx context.Context, within time.Duration) (env map[string]string, err error) {
	repeat(ctx, within, func(ctx context.Context) (string, error) {
		env, err = p.session(ctx, true)
		return "", err
	})
	return env, err
}

// opened starts the program of a request, when there is a desktop to show it on.
func (p person) opened(ctx context.Context, r Request) Answer {
	end := time.Now().Add(r.Within)
	var said string
	env, err := p.ready(ctx, r.Within)
	if err == nil {
		said, err = p.open(ctx, max(systemctlLimit, time.Until(end)), env, r.Open)
	}
	return Answer{Passed: err == nil, Output: join(said, err), Tries: 1, Status: -1}
}

// asUser does what a request wants done as the desktop's user.
func (s *server) asUser(ctx context.Context, r Request) Answer {
	p, err := desktopUser(s.job.Environment)
	switch {
	case errors.Is(err, errNobody):
		return Answer{Status: -1, Unable: err.Error()}
	case err != nil:
		return Answer{Output: err.Error(), Tries: 1, Status: -1}
	case r.Kind == AskOpen:
		return p.opened(ctx, r)
	}
	return runs(ctx, r, func(ctx context.Context, limit time.Duration) (string, error) {
		return p.run(ctx, limit, s.job.Environment, r.Run)
	})
}
