//go:build boot || acceptance

package survival

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// signals are the ways in which builds are ended: Ctrl-C, which reaches all of a terminal's foreground, and those that
// reach nhos alone.
var signals = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL}

// TestKilledInEveryPhase ends builds of a respin while certain programs run for them, and when the new medium is about
// to take the place of the old one.
func TestKilledInEveryPhase(t *testing.T) {
	c := newTrial(t, "")
	older := c.older("ward")
	for _, phase := range []struct {
		name string
		now  func(pid int) bool
	}{
		{"fetching indexes", runs("apt-get", "update")},
		{"choosing packages", runs("apt-get", "--simulate")},
		{"installing packages", runs("dpkg", "")},
		{"compressing", runs("mksquashfs", "")},
		{"writing the medium", runs("xorriso", "mkisofs")},
		{"replacing the medium", func(int) bool {
			text, _ := os.ReadFile(c.out + "/ward/build.json")
			return string(text) != olderNote
		}},
	} {
		for _, signal := range signals {
			t.Run(phase.name+"/"+signal.String(), func(t *testing.T) {
				c.t = t
				c.forget(seed.keys["ward"]["respin"])
				c.older("ward")
				c.end(signal, "ward", phase.now)
				c.kept("plain")
				if d := c.digest("ward"); d != older && d != seed.digests["ward"] {
					t.Errorf("the medium is neither the old nor the new one")
				}
			})
		}
	}
	c.t = t
	c.built("ward")
}

// TestKilledAtRandom ends builds whenever.
func TestKilledAtRandom(t *testing.T) {
	c := newTrial(t, "")
	older := c.older("ward")
	begun := time.Now()
	c.built("ward")
	took := time.Since(begun)
	rounds := 8
	if thorough {
		rounds = 150
	}
	seeds := [2]uint64{rand.Uint64(), rand.Uint64()}
	t.Logf("seeds %d, %d; undisturbed %s", seeds[0], seeds[1], took)
	random := rand.New(rand.NewPCG(seeds[0], seeds[1]))
	for range rounds {
		c.forget(seed.keys["ward"]["respin"])
		c.run("rm", "-f", c.out+"/ward/build.json")
		at := time.Now().Add(time.Duration(random.Int64N(int64(took))))
		signal := signals[random.IntN(len(signals))]
		c.end(signal, "ward", func(int) bool { return time.Now().After(at) })
		c.kept("plain")
		if d := c.digest("ward"); d != older && d != seed.digests["ward"] {
			t.Fatalf("%s after %s: the medium is neither the old nor the new one", signal, time.Until(at))
		}
	}
	c.forget(seed.keys["ward"]["respin"])
	c.run("rm", "-f", c.out+"/ward/build.json")
	c.built("ward")
}

// TestKilledFromTheGround ends a build that begins with nothing but packages, again and again, and never takes away
// what it has finished.
func TestKilledFromTheGround(t *testing.T) {
	c := newTrial(t, "")
	for _, key := range seed.keys["plain"] {
		c.forget(key)
	}
	layer := func(name string, from time.Duration) func(int) bool {
		var begun time.Time
		log := filepath.Join(c.out, "plain/logs", name+".log")
		os.Remove(log)
		return func(int) bool {
			if _, err := os.Stat(log); err == nil && begun.IsZero() {
				begun = time.Now()
			}
			return !begun.IsZero() && time.Since(begun) > from
		}
	}
	c.end(syscall.SIGKILL, "plain", runs("mmdebstrap", ""))
	c.end(syscall.SIGINT, "plain", runs("dpkg-deb", "")) // unpacking the base
	c.end(syscall.SIGTERM, "plain", layer("layer-base", 3*time.Second))
	c.end(syscall.SIGKILL, "plain", layer("layer-base", 5*time.Second))
	for _, at := range []struct {
		signal syscall.Signal
		now    func(int) bool
		built  []string
	}{
		{syscall.SIGKILL, layer("layer-packages", 0), []string{"base"}},
		{syscall.SIGINT, runs("update-initramf", ""), []string{"base", "packages"}},
		{syscall.SIGKILL, layer("layer-configuration", time.Second), []string{"base", "packages"}},
		{syscall.SIGTERM, layer("boot-files", 0), []string{"base", "packages", "configuration"}},
	} {
		c.end(at.signal, "plain", at.now)
		c.kept("plain", at.built...)
	}
	c.built("plain")
}

// end begins a build and ends it at the moment that now names; it wants the build not to have finished by then, the exit
// code of an interruption where there is one, and nothing to be left.
func (c *trial) end(signal syscall.Signal, id string, now func(pid int) bool) {
	c.t.Helper()
	var said bytes.Buffer
	cmd := c.command(&said, "build", id)
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for !now(cmd.Process.Pid) {
		select {
		case err := <-ended:
			c.t.Fatalf("the build ended (%v) before its moment came:\n%s", err, said.String())
		case <-time.After(time.Millisecond):
		}
	}
	to := cmd.Process.Pid
	if signal == syscall.SIGINT {
		to = -to
	}
	if err := syscall.Kill(to, signal); err != nil {
		c.t.Fatalf("%v: %v", signal, err)
	}
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		c.t.Errorf("the build didn't end within 30 seconds of %v", signal)
		_ = cmd.Process.Kill()
		<-ended
	}
	// A build may have been through just when the signal came.
	if code := cmd.ProcessState.ExitCode(); signal != syscall.SIGKILL && code != 130 && code != 0 {
		c.t.Errorf("exit code %d after %v, not 130:\n%s", code, signal, said.String())
	}
	c.clean()
}

// kept wants the store to have what these steps of an image gave; of all of them when none is named.
func (c *trial) kept(id string, steps ...string) {
	c.t.Helper()
	if len(steps) == 0 {
		for step := range seed.keys[id] {
			steps = append(steps, step)
		}
	}
	for _, step := range steps {
		key := seed.keys[id][step]
		if _, err := os.Stat(notePath(c.store, key)); err != nil {
			c.t.Errorf("layer %s is lost: %v", step, err)
		}
		for name, b := range seed.outputs[key] {
			if !c.has(b.Digest) {
				c.t.Errorf("%s of layer %s is lost", name, step)
			}
		}
	}
}

// older lays an earlier medium into the output folder and returns its digest.
func (c *trial) older(id string) string {
	c.t.Helper()
	c.run("mkdir", "-p", filepath.Dir(c.iso(id)))
	note := filepath.Dir(c.iso(id)) + "/build.json"
	if err := errors.Join(os.WriteFile(c.iso(id), []byte("an earlier medium\n"), 0o644), os.WriteFile(note, []byte(olderNote), 0o644)); err != nil {
		c.t.Fatal(err)
	}
	return c.digest(id)
}

// olderNote is what lies beside an earlier medium.
const olderNote = "{}\n"

// runs says when a program with this in its arguments runs on behalf of a build.
func runs(program, argument string) func(pid int) bool {
	return func(pid int) bool {
		out, _ := exec.Command("ps", "-eo", "pid=,ppid=,comm=,args=").Output()
		ours := map[string]bool{strconv.Itoa(pid): true}
		for again := true; again; {
			again = false
			for line := range strings.Lines(string(out)) {
				f := strings.Fields(line)
				if len(f) < 4 || ours[f[0]] || !ours[f[1]] {
					continue
				}
				ours[f[0]], again = true, true
				if f[2] == program && strings.Contains(line, argument) {
					return true
				}
			}
		}
		return false
	}
}
