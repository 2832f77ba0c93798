package guest

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// aSession puts scripts in the place of a user's systemd, which has a desktop, and of logind, to which the
// user is in that state. It returns the user's name, which where the test is root's is another one, and a folder in
// which both can be changed.
func aSession(t *testing.T, state string) (name, dir string) {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if name = me.Username; me.Uid == "0" {
		name = "nobody"
	}
	fakeSystem(t, []string{"running"}, "", "")
	dir = t.TempDir()
	for path, mode := range map[string]os.FileMode{filepath.Dir(dir): 0o755, dir: 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, content string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	system, _, _ := strings.Cut(os.Getenv("PATH"), ":")
	write("environment", desktop, 0o644)
	write("systemctl", `#!/bin/sh
[ "$1" = --user ] || exec `+system+`/systemctl "$@"
[ "$*" = "--user --no-pager show-environment" ] || { echo "systemctl $*: not expected"; exit 1; }
[ -s `+dir+`/environment ] || { echo "no bus at $XDG_RUNTIME_DIR"; exit 1; }
cat `+dir+`/environment
`, 0o755)
	write("loginctl", `#!/bin/sh
[ "$*" = "show-user --property=State --value `+name+`" ] || { echo "loginctl $*: not expected"; exit 1; }
[ -s `+dir+`/state ] || { echo "not logged in"; exit 1; }
cat `+dir+`/state
`, 0o755)
	write("state", state, 0o644)
	write("systemd-run", `#!/bin/sh
[ "$1" = --user ] || exit 1
wait=
while [ "$1" != -- ]; do
	case $1 in
	--wait) wait=1;;
	--setenv=*) export "${1#--setenv=}";;
	esac
	shift
done
shift
set -a; . `+dir+`/environment
command -v "$1" >/dev/null || { echo "Failed to find executable $1"; exit 1; }
[ -n "$wait" ] && exec "$@"
setsid sh -c 'touch `+dir+`/opened; exec "$@"' sh "$@" >/dev/null 2>&1 </dev/null &
until [ -e `+dir+`/opened ]; do sleep 0.01; done # who runs this ends what is left of its group
`, 0o755)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return name, dir
}

const desktop = "PATH=/usr/bin:/bin\nDISPLAY=:7\nXAUTHORITY=/there\n"

func TestServeAsUser(t *testing.T) {
	name, dir := aSession(t, "active\n")
	c, _, _ := serving(t, Job{Environment: map[string]string{"NHOS_USER": name, "NHOS_X": "a  b"}})
	for what, test := range map[string]struct {
		ask    Request
		passed bool
		output string
		status int
	}{
		"who it is":            {Request{Run: "id -un"}, true, name, 0},
		"what it has":          {Request{Run: `echo "$DISPLAY $XAUTHORITY $NHOS_X"`}, true, ":7 /there a  b", 0},
		"one that fails":       {Request{Run: "echo why; false; echo on"}, false, "why\nexit status 1", 1},
		"one that hangs":       {Request{Run: "echo a; sleep 4713", Within: 500 * time.Millisecond}, false, "a\nnot done after 500ms", -1},
		"one to wait for":      {Request{Run: "echo x >>" + dir + "/tries; test $(wc -l <" + dir + "/tries) -ge 2", Until: true, Within: time.Minute}, true, "", 0},
		"not root, whoever is": {Request{Run: "test -w /etc/shadow"}, false, "exit status 1", 1},
	} {
		t.Run(what, func(t *testing.T) {
			test.ask.Kind, test.ask.AsUser = AskRun, true
			a := ask(t, c, test.ask)
			if a.Passed != test.passed || a.Output != test.output || a.Status != test.status || a.Unable != "" {
				t.Errorf("%+v", a)
			}
		})
	}
	if a := ask(t, c, Request{Kind: AskRun, Run: "echo $DISPLAY; id -u"}); a.Output != "\n"+strconv.Itoa(os.Getuid()) {
		t.Errorf("what isn't the user's: %+v", a)
	}
	if out, err := exec.Command("pgrep", "-f", "^sleep 4713").Output(); err == nil {
		t.Errorf("processes live on: %s", out)
	}
}

func TestServeOpens(t *testing.T) {
	name, dir := aSession(t, "active\n")
	c, _, _ := serving(t, Job{Environment: map[string]string{"NHOS_USER": name}})
	told := filepath.Join(dir, "told")
	begin := time.Now()
	a := ask(t, c, Request{Kind: AskOpen, Open: []string{"sh", "-c", `id -un >$1; echo "$DISPLAY" >>$1; exec sleep 4714`, "sh", told}})
	if !a.Passed || a.Output != "" || a.Status != -1 || time.Since(begin) > time.Minute {
		t.Errorf("%+v", a)
	}
	defer func() { _ = exec.Command("pkill", "-f", "^sleep 4714").Run() }()
	if a := ask(t, c, Request{Kind: AskRun, Run: "pgrep -f '^sleep 4714' && cat " + told, Until: true, Within: time.Minute}); !strings.HasSuffix(a.Output, "\n"+name+"\n:7") {
		t.Errorf("%+v", a)
	}
	if a := ask(t, c, Request{Kind: AskOpen, Open: []string{"no-such-program"}, Within: time.Minute}); a.Passed || a.Output != "Failed to find executable no-such-program\nexit status 1" {
		t.Errorf("%+v", a)
	}
}

// TestServeOpensWhenThereIsADesktop has a user sign in, and the desktop come, while a program waits to be shown.
func TestServeOpensWhenThereIsADesktop(t *testing.T) {
	name, dir := aSession(t, "")
	c, _, _ := serving(t, Job{Environment: map[string]string{"NHOS_USER": name}})
	change := func(file, content string) {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
			t.Error(err)
		}
	}
	for state, want := range map[string]string{"": "not logged in\nexit status 1", "closing\n": "the session is closing"} {
		change("state", state)
		for _, r := range []Request{{Kind: AskRun, Run: "true", AsUser: true}, {Kind: AskOpen, Open: []string{"true"}}} {
			if a := ask(t, c, r); a.Passed || a.Status != -1 || a.Output != name+" isn't signed in: "+want {
				t.Errorf("%+v", a)
			}
		}
	}
	change("state", "online\n")
	change("environment", "PATH=/usr/bin:/bin\n")
	if a := ask(t, c, Request{Kind: AskOpen, Open: []string{"true"}}); a.Passed || a.Output != name+" is signed in, and has no desktop yet" {
		t.Errorf("%+v", a)
	}
	if a := ask(t, c, Request{Kind: AskRun, Run: "id -un", AsUser: true}); !a.Passed || a.Output != name {
		t.Errorf("%+v", a)
	}
	time.AfterFunc(time.Second, func() { change("environment", desktop) })
	if a := ask(t, c, Request{Kind: AskOpen, Open: []string{"true"}, Within: time.Minute}); !a.Passed {
		t.Errorf("%+v", a)
	}
}

// TestServeSaysWhoseSessionIsMissing tells a medium that names nobody from one whose user isn't there.
func TestServeSaysWhoseSessionIsMissing(t *testing.T) {
	fakeSystem(t, []string{"running"}, "", "")
	c, _, _ := serving(t, Job{Environment: map[string]string{"NHOS_USER": "no-such-user"}})
	for _, r := range []Request{{Kind: AskOpen, Open: []string{"true"}}, {Kind: AskRun, Run: "true", AsUser: true}} {
		if a := ask(t, c, r); a.Passed || a.Unable != "" || !strings.HasSuffix(a.Output, "unknown user no-such-user") {
			t.Errorf("%+v", a)
		}
	}
	if _, err := user.LookupId(desktopID); err == nil {
		return // on this computer a foreign medium's user would be there
	}
	foreign, _, _ := serving(t, Job{})
	for _, r := range []Request{{Kind: AskOpen, Open: []string{"true"}}, {Kind: AskRun, Run: "true", AsUser: true}} {
		if a := ask(t, foreign, r); a.Passed || a.Unable != errNobody.Error() {
			t.Errorf("%+v", a)
		}
	}
}
