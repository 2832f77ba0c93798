//go:build boot || acceptance

package survival

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A moment of a build: it says whether it has come. One that has come stays, so that it isn't missed.
type moment func() bool

// after is the moment so long after the build began.
func after(d time.Duration) moment {
	at := time.Now().Add(d)
	return func() bool { return time.Now().After(at) }
}

// starts is the moment when nhos starts a program with this among its arguments, from now on.
func (c *trial) starts(program, argument string) moment {
	c.t.Helper()
	real, err := exec.LookPath(program)
	if err != nil {
		c.t.Fatal(err)
	}
	script := "#!/bin/sh\ncase \" $* \" in *" + argument + "*) echo $$ > " + c.mark() + ";; esac\nexec " + real + " \"$@\"\n"
	err = errors.Join(os.RemoveAll(c.shims()), os.Mkdir(c.shims(), 0o755), os.WriteFile(c.shims()+"/"+program, []byte(script), 0o755))
	if err != nil {
		c.t.Fatal(err)
	}
	return func() bool { return c.started() != 0 }
}

// mark holds the process ID of the program that [trial.starts] waits for.
func (c *trial) mark() string { return filepath.Join(c.dir, "started") }

func (c *trial) started() int {
	text, _ := os.ReadFile(c.mark())
	pid, err := strconv.Atoi(strings.TrimSuffix(string(text), "\n"))
	if err != nil || !strings.HasSuffix(string(text), "\n") {
		return 0
	}
	return pid
}

// shims is a folder that nhos finds programs in before all others.
func (c *trial) shims() string { return filepath.Join(c.dir, "shims") }

// logged is the moment when a step's log says this, from now on.
func (c *trial) logged(id, step, text string) moment {
	file := filepath.Join(c.out, id, "logs", step+".log")
	os.Remove(file)
	return func() bool {
		said, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(said), text)
	}
}

// replacing is the moment when the note of the medium that there was is gone.
func (c *trial) replacing(id string) moment {
	return func() bool {
		text, _ := os.ReadFile(filepath.Dir(c.iso(id)) + "/build.json")
		return string(text) != olderNote
	}
}

// end begins a build and ends it at a moment. It wants the exit code of an interruption where there is one, and nothing
// to be left. finished says that the build was through before.
func (c *trial) end(signal syscall.Signal, id string, now moment) (finished bool) {
	c.t.Helper()
	var said bytes.Buffer
	cmd := c.command(&said, "build", id)
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	for !now() {
		select {
		case <-ended:
			if !cmd.ProcessState.Success() {
				c.t.Fatalf("%v\n%s", cmd.ProcessState, said.String())
			}
			c.clean()
			return true
		case <-time.After(time.Millisecond):
		}
	}
	if pid := c.started(); pid != 0 && signal == syscall.SIGKILL {
		// Were it not killed along with nhos, it would stay.
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		defer func() {
			if c.t.Failed() {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}()
	}
	defer os.Remove(c.mark())
	to := cmd.Process.Pid
	if signal == syscall.SIGINT {
		to = -to
	}
	_ = syscall.Kill(to, signal) // it may have ended just now
	select {
	case <-ended:
	case <-time.After(time.Minute):
		c.t.Errorf("the build didn't end within a minute of %v", signal)
		_ = cmd.Process.Kill()
		<-ended
	}
	code := cmd.ProcessState.ExitCode()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	unbegun := status.Signaled() && status.Signal() == signal && said.Len() == 0 // the program hadn't got as far as to hear it
	if signal != syscall.SIGKILL && !unbegun && code != 130 && code != 0 {
		c.t.Errorf("exit code %d after %v, not 130:\n%s", code, signal, said.String())
	}
	c.clean()
	return code == 0
}
