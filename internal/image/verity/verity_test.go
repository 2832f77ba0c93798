package verity

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// layer is a file of 200 blocks, which takes two levels of digests.
func layer(t *testing.T) string {
	t.Helper()
	text := make([]byte, 200*4096)
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(text)
	file := filepath.Join(t.TempDir(), "layer")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func format(t *testing.T, key, layer string) (tree, root string) {
	t.Helper()
	tree = filepath.Join(t.TempDir(), "tree")
	root, err := Format(t.Context(), key, layer, tree, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return tree, root
}

// verify is what veritysetup says of a layer, a tree and a root.
func verify(layer, tree, root string) error {
	out, err := exec.Command(Program(), "verify", layer, tree, root).CombinedOutput()
	if err != nil {
		return errors.New(strings.TrimSpace(string(out)))
	}
	return nil
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestTheSameLayerGivesTheSameTree makes it again from a copy with another place and another umask.
func TestTheSameLayerGivesTheSameTree(t *testing.T) {
	one := layer(t)
	tree, root := format(t, key, one)
	defer unix.Umask(unix.Umask(0o077))
	t.Setenv("LC_ALL", "cy_GB.UTF-8")
	again, same := format(t, key, layer(t))
	if !bytes.Equal(read(t, tree), read(t, again)) || root != same {
		t.Errorf("the second tree is another one: root %s, then %s", root, same)
	}
	if _, other := format(t, strings.Repeat("ab", 32), one); other == root {
		t.Error("another key gives the same root")
	}
	if err := verify(one, tree, root); err != nil {
		t.Errorf("veritysetup refuses what nothing has altered: %v", err)
	}
	dumped, err := exec.Command(Program(), "dump", tree).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"00112233-4455-8677-8899-aabbccddeeff", "Salt:            \t" + key, "Hash algorithm:  \tsha256", "Data blocks:     \t200"} {
		if !strings.Contains(string(dumped), want) {
			t.Errorf("no %q in\n%s", want, dumped)
		}
	}
}

func TestWhatIsAlteredIsRefused(t *testing.T) {
	t.Parallel()
	one := layer(t)
	tree, root := format(t, key, one)
	altered := func(file string, at int) string {
		text := read(t, file)
		text[at] ^= 1
		other := filepath.Join(t.TempDir(), "altered")
		if err := os.WriteFile(other, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return other
	}
	other := "0" + root[1:]
	if root[0] == '0' {
		other = "1" + root[1:]
	}
	for name, err := range map[string]error{
		"one bit of the first block": verify(altered(one, 8), tree, root),
		"one bit in the middle":      verify(altered(one, 100*4096+77), tree, root),
		"one bit of the last block":  verify(altered(one, 200*4096-1), tree, root),
		"the digest of a block":      verify(one, altered(tree, 2*4096+5), root),
		"the digest of the digests":  verify(one, altered(tree, 4096+5), root),
		"the tree's salt":            verify(one, altered(tree, 90), root),
		"the root":                   verify(one, tree, other),
	} {
		if err == nil {
			t.Errorf("%s is another one, and nobody minds", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

func TestFormatSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	one := layer(t)
	if root, err := Format(t.Context(), "no key", one, filepath.Join(t.TempDir(), "tree"), io.Discard); err == nil {
		t.Errorf("Format = %s", root)
	}
	if err := os.Truncate(one, 0); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	root, err := Format(t.Context(), key, one, filepath.Join(t.TempDir(), "tree"), &log)
	if err == nil || log.Len() == 0 {
		t.Errorf("Format of an empty layer = %s; it says %q", root, log.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Format(ctx, key, layer(t), filepath.Join(t.TempDir(), "tree"), io.Discard); err == nil {
		t.Error("it isn't interrupted")
	}
}
