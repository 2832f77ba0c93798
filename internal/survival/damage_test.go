//go:build boot

package survival

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nhos.org/nhos/internal/image/store"
)

// TestDamagedStore flips a bit in each kind of thing that the store keeps. The build goes on by itself, and says so.
func TestDamagedStore(t *testing.T) {
	c := newTrial(t, "")
	c.built("ward")
	again := func() { c.run("rm", "-f", c.out+"/ward/build.json") }
	layer := func(name string) string {
		return blobPath(c.store, seed.outputs[seed.keys["ward"][name]]["layer"].Digest)
	}
	for what, file := range map[string]string{
		"layer packages": layer("packages"),
		"layer respin":   layer("respin"),
		"boot files":     blobPath(c.store, seed.outputs[seed.keys["ward"]["boot"]]["efi.img"].Digest),
		"package bc":     c.packagePath("bc"),
	} {
		t.Run(what, func(t *testing.T) {
			c.t = t
			again()
			if what == "package bc" {
				c.forget(seed.keys["ward"]["respin"]) // so that it is read
			}
			flip(t, file)
			said := c.built("ward")
			if want := "[" + what + "] done in "; !strings.Contains(said, "was damaged in the store: it is removed and comes anew") || !strings.Contains(said, want) {
				t.Errorf("it isn't said:\n%s", said)
			}
		})
	}
	t.Run("notes", func(t *testing.T) {
		c.t = t
		again()
		flip(t, notePath(c.store, seed.keys["ward"]["respin"]))
		flip(t, notePath(c.store, seed.keys["ward"]["boot"]))
		c.built("ward")
	})
	t.Run("remembered locks", func(t *testing.T) {
		c.t = t
		again()
		solved, _ := filepath.Glob(c.store + "/apt/*/solved/*")
		if len(solved) == 0 {
			t.Fatal("there are none")
		}
		for _, file := range solved {
			flip(t, file)
		}
		c.built("ward")
	})
	t.Run("medium", func(t *testing.T) {
		c.t = t
		flip(t, c.iso("ward"))
		c.built("ward")
	})
}

func (c *trial) packagePath(name string) string {
	c.t.Helper()
	for _, p := range seed.lock.Packages {
		if p.Name == name {
			return blobPath(c.store, store.Digest(p.SHA256))
		}
	}
	c.t.Fatalf("%s isn't locked", name)
	return ""
}

// flip changes one bit in the middle of a file. The file is another one afterwards: the seed's has links to it.
func flip(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Clone(text)
	text[len(text)/2] ^= 1
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o444); err != nil {
		t.Fatal(err)
	}
}
