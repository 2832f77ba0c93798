package guest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/manifest"
)

// diary keeps what a conversation hears.
type diary struct {
	mu  sync.Mutex
	all []Message
}

func (d *diary) heard(m Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, m)
}

func (d *diary) kinds() (list []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.all {
		if m.Kind != KindBeat {
			list = append(list, m.Kind)
		}
	}
	return list
}

// serving starts the guest's program on one end of a wire, and a conversation with it on the other.
func serving(t *testing.T, job Job) (*Conversation, *diary, chan error) {
	t.Helper()
	host, port := net.Pipe()
	t.Cleanup(func() { _ = host.Close(); _ = port.Close() })
	job.Serve = true
	ended := make(chan error, 1)
	go func() { ended <- Run(t.Context(), Options{Port: port, Requests: port, Job: job}) }()
	var d diary
	return NewConversation(host, time.Minute, d.heard), &d, ended
}

func ask(t *testing.T, c *Conversation, r Request) Answer {
	t.Helper()
	a, err := c.Ask(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestServeAnswers(t *testing.T) {
	fakeSystem(t, []string{"starting", "running"}, "", "")
	c, _, _ := serving(t, Job{BootLimit: time.Minute, StuckLimit: time.Minute, Environment: map[string]string{"NHOS_X": "y"}})
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	open := listener.Addr().(*net.TCPAddr).Port
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := other.Addr().(*net.TCPAddr).Port
	_ = other.Close()

	tests := map[string]struct {
		ask    Request
		passed bool
		output string // part
		status int
	}{
		"a command":             {Request{Kind: AskRun, Run: `echo "x $NHOS_X"; echo e >&2`}, true, "x y\ne", 0},
		"a command that fails":  {Request{Kind: AskRun, Run: "echo why; exit 3"}, false, "why\nexit status 3", 3},
		"a command that dies":   {Request{Kind: AskRun, Run: "kill -9 $$"}, false, "signal: killed", -1},
		"a command that hangs":  {Request{Kind: AskRun, Run: "echo a; sleep 100", Within: 500 * time.Millisecond}, false, "a\nnot done after 500ms", -1},
		"a command to fail":     {Request{Kind: AskRun, Run: "exit 4", Absent: true}, true, "exit status 4", 4},
		"a command that passes": {Request{Kind: AskRun, Run: "echo so", Absent: true}, false, "so\nthis was to be absent", 0},
		"a unit":                {Request{Kind: AskUnit, Unit: "good.service"}, true, "active", -1},
		"another unit":          {Request{Kind: AskUnit, Unit: "bad.service"}, false, `the unit is "inactive"`, -1},
		"a unit to be gone":     {Request{Kind: AskUnit, Unit: "bad.service", Absent: true}, true, "", -1},
		"a file":                {Request{Kind: AskFile, File: "/proc/self/exe"}, true, "/proc/self/exe", -1},
		"no file":               {Request{Kind: AskFile, File: "/nowhere"}, false, "no such file", -1},
		"a file to be gone":     {Request{Kind: AskFile, File: "/nowhere", Absent: true}, true, "", -1},
		"no process":            {Request{Kind: AskProcess, Process: "no-such"}, false, `no process is called "no-such"`, -1},
		"a port":                {Request{Kind: AskPort, Port: open}, true, "tcp", -1},
		"a closed port":         {Request{Kind: AskPort, Port: closed}, false, fmt.Sprintf("nothing listens on port %d", closed), -1},
		"something unknown":     {Request{Kind: "dance"}, false, `doesn't know the request "dance"`, -1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := ask(t, c, test.ask)
			if a.Passed != test.passed || a.Status != test.status || !strings.Contains(a.Output, test.output) || a.Tries != 1 {
				t.Errorf("%+v", a)
			}
		})
	}

	if a := ask(t, c, Request{Kind: AskFacts}); a.Facts == nil || a.Facts.Uptime == 0 {
		t.Errorf("%+v", a)
	}
	long := ask(t, c, Request{Kind: AskRun, Run: "head -c 1000000 /dev/zero"})
	if len(long.Output) > maxOutput+100 {
		t.Errorf("%d bytes of output", len(long.Output))
	}
	if _, err := c.Ask(t.Context(), Request{Kind: AskRun, Run: strings.Repeat("x", maxRequest)}); err == nil {
		t.Error("a request that is too long is taken")
	}
}

func TestServeWaits(t *testing.T) {
	fakeSystem(t, []string{"running"}, "", "")
	c, _, _ := serving(t, Job{BootLimit: time.Minute, StuckLimit: time.Minute})
	flag := filepath.Join(t.TempDir(), "flag")
	// Several at once: what one waits for is what the other does.
	answers := make(chan Answer, 2)
	for _, r := range []Request{
		{Kind: AskFile, File: flag, Within: time.Minute},
		{Kind: AskRun, Run: "cat " + flag, Until: true, Within: time.Minute},
	} {
		go func() {
			a, err := c.Ask(t.Context(), r)
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	ask(t, c, Request{Kind: AskRun, Run: "sleep 1.5; echo hello > " + flag})
	for range 2 {
		if a := <-answers; !a.Passed || a.Tries < 2 || a.Duration < time.Second {
			t.Errorf("%+v", a)
		}
	}
	a := ask(t, c, Request{Kind: AskFile, File: flag, Absent: true, Within: 1500 * time.Millisecond})
	if a.Passed || a.Tries != 2 {
		t.Errorf("%+v", a)
	}
}

func TestServeTellsAllThatAJobTells(t *testing.T) {
	fakeSystem(t, []string{"starting", "starting", "running"}, "", "")
	c, d, ended := serving(t, Job{BootLimit: time.Minute, StuckLimit: time.Minute, Checks: []manifest.Check{{ID: "a/b", Run: "false"}}})
	if a := ask(t, c, Request{Kind: AskBoot}); a.Passed || !strings.Contains(a.Output, "hasn't come to its end within 0s") {
		t.Errorf("%+v", a)
	}
	if a := ask(t, c, Request{Kind: AskChecks}); a.Passed || a.Output != "1 of 2 checks failed" {
		t.Errorf("%+v", a)
	}
	if a := ask(t, c, Request{Kind: AskBoot}); !a.Passed || a.Boot == nil || a.Boot.State != "running" || a.Tries != 3 {
		t.Errorf("%+v", a)
	}
	if a := ask(t, c, Request{Kind: AskJournal}); !a.Passed {
		t.Errorf("%+v", a)
	}
	if a := ask(t, c, Request{Kind: AskEnd}); !a.Passed {
		t.Errorf("%+v", a)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	kinds := d.kinds()
	for begin := time.Now(); kinds[len(kinds)-1] != KindDone && time.Since(begin) < 10*time.Second; { // it comes after the answer
		time.Sleep(10 * time.Millisecond)
		kinds = d.kinds()
	}
	want := []string{KindHello, KindBoot, KindCheck, KindCheck, KindCheck, KindJournal, KindDone}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	var journal Journal
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.all {
		journal.Add(m.Chunk)
	}
	if text, err := journal.Text(); err != nil || !strings.Contains(string(text), "\nline 1999 of") {
		t.Errorf("%d bytes of journal, error %v", len(text), err)
	}
}

func TestServeRestartsAfterItsAnswer(t *testing.T) {
	fakeSystem(t, []string{"running"}, "", "")
	dir := t.TempDir()
	told := filepath.Join(dir, "told")
	script := "#!/bin/sh\necho \"$*\" >> " + told + "\n"
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	c, _, _ := serving(t, Job{})
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if _, err := c.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	session := c.session
	for kind, want := range map[string]string{AskRestart: "--no-block reboot\n", AskPowerOff: "--no-block poweroff\n"} {
		if a := ask(t, c, Request{Kind: kind}); !a.Passed {
			t.Errorf("%+v", a)
		}
		c.mu.Lock()
		if c.session != "" {
			t.Errorf("after %s it goes on with the same guest", kind)
		}
		c.session = session // this one doesn't go
		c.mu.Unlock()
		for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			if b, _ := os.ReadFile(told); strings.Contains(string(b), want) {
				break
			}
			if time.Since(begin) > 10*time.Second {
				t.Fatalf("%q was never called", want)
			}
		}
	}
}

func TestServeIsNotFloodedAndLeavesStrangersAlone(t *testing.T) {
	fakeSystem(t, []string{"running"}, "", "")
	host, port := net.Pipe()
	defer func() { _ = host.Close() }()
	ended := make(chan error, 1)
	go func() { ended <- Run(t.Context(), Options{Port: port, Requests: port, Job: Job{Serve: true}}) }()
	in := NewReader(host)
	hello, err := in.Next()
	if err != nil || hello.Session == "" {
		t.Fatalf("%+v, error %v", hello, err)
	}
	go func() {
		say := func(line string) { _, _ = io.WriteString(host, line+"\n") }
		say(`{"kind":"run","run":"echo stra`)                                  // cut off by a restart
		say(`{"id":1,"session":"another","kind":"run","run":"echo stranger"}`) // meant for the one before
		say(strings.Repeat("x", maxRequest+5))                                 // endless
		for i := range maxBusy + 1 {
			say(fmt.Sprintf(`{"id":%d,"session":%q,"kind":"run","run":"sleep 1"}`, 10+i, hello.Session))
		}
		say(fmt.Sprintf(`{"id":99,"session":%q,"kind":"end"}`, hello.Session))
	}()
	answers := map[int]Answer{}
	for {
		m, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == KindDone {
			break
		}
		if m.Kind == KindAnswer {
			answers[m.Answer.ID] = *m.Answer
		}
	}
	refused := answers[10+maxBusy]
	if len(answers) != 2 || refused.Passed || !strings.Contains(refused.Output, "busy with 16") || !answers[99].Passed {
		t.Errorf("%+v", answers)
	}
	go func() { _, _ = io.Copy(io.Discard, host) }()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServeEndsWithItsHost(t *testing.T) {
	fakeSystem(t, []string{"running"}, "", "")
	c, _, ended := serving(t, Job{})
	if _, err := c.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = c.conn.Close()
	if err := <-ended; err == nil {
		t.Error("no error")
	}
	if _, err := c.Ask(t.Context(), Request{Kind: AskFacts}); err == nil {
		t.Error("no error")
	}
}

// slowStart is at its end twice before it has something to read.
type slowStart struct {
	ends int
	r    io.Reader
}

func (s *slowStart) Read(b []byte) (int, error) {
	if s.ends++; s.ends <= 2 {
		return 0, io.EOF
	}
	return s.r.Read(b)
}

func TestPatientReader(t *testing.T) {
	b := make([]byte, 10)
	if n, err := (patient{&slowStart{r: strings.NewReader("x")}}).Read(b); n != 1 || err != nil {
		t.Errorf("%d bytes, error %v", n, err)
	}
	if _, err := (patient{closedReader{}}).Read(b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

type closedReader struct{}

func (closedReader) Read([]byte) (int, error) { return 0, net.ErrClosed }

func TestPortListens(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "net"), 0o755); err != nil {
		t.Fatal(err)
	}
	head := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	files := map[string]string{
		"tcp": head + "   0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1\n" +
			"   1: 0100007F:1F90 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 2\n",
		"tcp6": head + "   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 3\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "net", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for port, want := range map[int]bool{631: true, 22: true, 8080: false, 277: false, 16: false} {
		if _, err := portListens(dir, port); (err == nil) != want {
			t.Errorf("port %d: error %v", port, err)
		}
	}
}

func FuzzRequests(f *testing.F) {
	f.Add([]byte(`{"id":1,"session":"s","kind":"run","run":"true","within_ns":5}` + "\n"))
	f.Add([]byte(`{"id":1,"session":"other","kind":"end"}` + "\n\n{\"kind\":\"run\",\"session\":\"s\"}\n"))
	f.Add([]byte(`{"kind":"ru` + "\n" + `{"kind":"port","session":"s","port":-1}` + "\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := requests{newLines(bytes.NewReader(in), 200)}
		for {
			request, err := r.next("s")
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if request.Session != "s" || request.Kind == "" {
				t.Fatalf("%+v", request)
			}
			_ = request.String()
			if _, err := json.Marshal(request); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestServeSaysHelloAfterWhatARestartLeft(t *testing.T) {
	fakeSystem(t, []string{"running"}, "", "")
	var port lockedBuffer
	_, _ = port.Write([]byte(`{"kind":"beat","be`))
	if err := Run(t.Context(), Options{Port: &port, Requests: strings.NewReader(""), Job: Job{Serve: true}}); !errors.Is(err, io.EOF) {
		t.Errorf("error %v", err)
	}
	if m, err := NewReader(&port.Buffer).Next(); err != nil || m.Kind != KindHello || m.Session == "" {
		t.Errorf("%+v, error %v", m, err)
	}
}

// A lockedBuffer is written to by several.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}
