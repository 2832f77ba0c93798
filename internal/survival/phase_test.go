//go:build boot

package survival

import (
	"path/filepath"
	"syscall"
	"testing"
)

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
