//go:build boot || acceptance

package survival

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// signals are the ways in which builds are ended: Ctrl-C, which reaches all of a terminal's foreground, and those that
// reach nhos alone.
var signals = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL}

// TestKilledInEveryPhase ends builds of a respin when certain programs begin to run for them, and when the new medium
// takes the place of the old one.
func TestKilledInEveryPhase(t *testing.T) {
	c := newTrial(t, "")
	for _, phase := range []struct {
		name string
		when func() moment
	}{
		{"fetching indexes", func() moment { return c.starts("apt-get", "update") }},
		{"choosing packages", func() moment { return c.starts("apt-get", "--print-uris") }},
		{"installing packages", func() moment { return c.logged("ward", "layer-respin", "Selecting previously unselected package bc") }},
		{"compressing", func() moment { return c.starts("mksquashfs", "-noappend") }},
		{"writing the medium", func() moment { return c.starts("xorriso", "mkisofs") }},
		{"replacing the medium", func() moment { return c.replacing("ward") }},
	} {
		for _, signal := range signals {
			t.Run(phase.name+"/"+signal.String(), func(t *testing.T) {
				c.t = t
				c.run("rm", "-rf", filepath.Join(c.store, "apt"))
				c.forget(seed.keys["ward"]["respin"])
				older := c.older("ward")
				if c.end(signal, "ward", phase.when()) && phase.name != "replacing the medium" {
					t.Error("the build was through before")
				}
				c.kept("plain", finished...)
				c.whole("ward", older)
			})
		}
	}
	c.t = t
	c.built("ward")
}

// TestKilledAtRandom ends builds whenever.
func TestKilledAtRandom(t *testing.T) {
	c := newTrial(t, "")
	begun := time.Now()
	c.built("ward")
	took := time.Since(begun)
	rounds := 8
	if thorough {
		rounds = 150
	}
	first, second := rand.Uint64(), rand.Uint64()
	t.Logf("seeds %d, %d; undisturbed %s", first, second, took)
	random := rand.New(rand.NewPCG(first, second))
	for range rounds {
		c.forget(seed.keys["ward"]["respin"])
		older := c.older("ward")
		signal, at := signals[random.IntN(len(signals))], time.Duration(random.Int64N(int64(took)))
		t.Logf("%v after %s", signal, at)
		c.end(signal, "ward", after(at))
		c.kept("plain", finished...)
		c.whole("ward", older)
	}
	c.built("ward")
}

// TestKilledFromTheGround ends a build that begins with nothing but packages, again and again, and wants it to keep what
// it has finished.
func TestKilledFromTheGround(t *testing.T) {
	c := newTrial(t, "")
	for _, key := range seed.keys["plain"] {
		c.forget(key)
	}
	for _, at := range []struct {
		signal    syscall.Signal
		log, text string
		built     []string
	}{
		{syscall.SIGKILL, "layer-base", "downloading packages", nil},
		{syscall.SIGINT, "layer-base", "extracting archives", nil},
		{syscall.SIGTERM, "layer-base", "installing essential packages", nil},
		{syscall.SIGKILL, "layer-base", "installing remaining packages", nil},
		{syscall.SIGKILL, "layer-packages", "Setting up", []string{"base"}},
		{syscall.SIGINT, "layer-configuration", "update-initramfs: Generating", []string{"base", "packages"}},
		{syscall.SIGKILL, "layer-configuration", "update-initramfs: Generating", []string{"base", "packages"}},
		{syscall.SIGTERM, "boot-files", "", []string{"base", "packages", "configuration"}},
	} {
		if c.end(at.signal, "plain", c.logged("plain", at.log, at.text)) {
			t.Errorf("the build was through before %q was in the log of %s", at.text, at.log)
		}
		c.kept("plain", at.built...)
	}
	c.built("plain")
}

// finished are the steps of image plain.
var finished = []string{"base", "packages", "configuration", "boot"}

// kept wants the store to have what these steps of an image gave.
func (c *trial) kept(id string, steps ...string) {
	c.t.Helper()
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

// olderNote is what lies beside an earlier medium.
const olderNote = "{}\n"

// older lays an earlier medium into the output folder and returns its digest.
func (c *trial) older(id string) string {
	c.t.Helper()
	dir := filepath.Dir(c.iso(id))
	err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(c.iso(id), []byte("an earlier medium\n"), 0o644),
		os.WriteFile(dir+"/build.json", []byte(olderNote), 0o644))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.digest(id)
}

// whole wants the medium to be the older one or the one that an undisturbed build gives.
func (c *trial) whole(id, older string) {
	c.t.Helper()
	if d := c.digest(id); d != older && d != seed.digests[id] {
		c.t.Errorf("the medium of %s is neither the old nor the new one", id)
	}
}
