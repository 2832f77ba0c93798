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
