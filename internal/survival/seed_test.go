//go:build boot || acceptance

package survival

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/store"
)

// program is nhos.
var program = os.Getenv("NHOS")

// seed is what undisturbed builds gave, and a store with all that they are made of.
var seed struct {
	dir     string // the store
	lock    *lock.Lock
	digests map[string]string                      // of the ISOs, by image
	keys    map[string]map[string]store.Digest     // of steps, by image and layer; "boot" is one
	outputs map[store.Digest]map[string]store.Blob // of actions, by key
}

// images are built once, undisturbed: an image, and a respin of it with a layer of its own that takes seconds.
var images = []string{"plain", "ward"}

// TestMain gives the tests a mount namespace: what they mount goes with them.
func TestMain(m *testing.M) {
	const inside = "NHOS_SURVIVAL_INSIDE"
	if os.Getenv(inside) == "" {
		cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
		cmd.Env = append(os.Environ(), inside+"=yes")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		err := cmd.Run()
		if cmd.ProcessState == nil {
			fmt.Fprintln(os.Stderr, "these tests mount file systems, so they take root:", err)
			os.Exit(1)
		}
		os.Exit(cmd.ProcessState.ExitCode())
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "nhos-seed-")
		if err == nil {
			defer os.RemoveAll(dir)
			err = sow(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "building the images that are to be disturbed:", err)
			return 1
		}
		return m.Run()
	}())
}

// sow builds the images with the machine's store, and copies what they are made of to one that the tests may change.
func sow(dir string) error {
	if program == "" {
		return errors.New("NHOS names no program: run these tests by make test or make acceptance")
	}
	seed.dir = filepath.Join(dir, "store")
	seed.digests, seed.keys = map[string]string{}, map[string]map[string]store.Digest{}
	seed.outputs = map[store.Digest]map[string]store.Blob{}
	definitions, out := filepath.Join(dir, "definitions"), filepath.Join(dir, "out")
	if err := layDefinitions(definitions); err != nil {
		return err
	}
	nhos := func(args ...string) ([]byte, error) {
		cmd := exec.Command(program, append([]string{"--definitions", definitions, "--out", out, "--quiet", "--json"}, args...)...)
		var said strings.Builder
		cmd.Stderr = &said
		text, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("nhos %s: %w\n%s", strings.Join(args, " "), err, said.String())
		}
		return text, err
	}
	machine, err := machineStore()
	if err != nil {
		return err
	}
	for _, id := range images {
		var built struct{ SHA256 string }
		text, err := nhos("build", id)
		if err == nil {
			err = json.Unmarshal(text, &built)
		}
		if err != nil {
			return err
		}
		seed.digests[id] = built.SHA256
		lockFile := filepath.Join(out, id, id+".lock")
		if seed.lock, err = lock.Read(lockFile); err != nil { // the respin's, which comes last, holds its image's
			return err
		}
		if text, err = nhos("plan", id, "--lock", lockFile); err != nil {
			return err
		}
		if seed.keys[id], err = readKeys(text); err != nil {
			return err
		}
		for _, key := range seed.keys[id] {
			if err := take(machine, key); err != nil {
				return err
			}
		}
	}
	for _, p := range seed.lock.Packages {
		if err := copyBlob(machine, store.Digest(p.SHA256)); err != nil {
			return fmt.Errorf("package %s: %w", p.Name, err)
		}
	}
	return os.RemoveAll(out)
}

// machineStore is the store that nhos uses when none is named.
func machineStore() (string, error) {
	dir := os.Getenv("NHOS_STORE")
	if dir == "" {
		dir = "/var/cache/nhos"
	}
	_, err := os.Stat(dir)
	return dir, err
}

// readKeys reads a plan.
func readKeys(text []byte) (map[string]store.Digest, error) {
	var p struct {
		Layers []struct {
			Name string
			Key  store.Digest
		}
		Boot struct{ Key store.Digest }
	}
	keys := map[string]store.Digest{}
	err := json.Unmarshal(text, &p)
	for _, l := range p.Layers {
		keys[l.Name] = l.Key
	}
	keys["boot"] = p.Boot.Key
	return keys, err
}

// take copies an action and its outputs into the seed.
func take(machine string, key store.Digest) error {
	file := notePath("", key)
	text, err := os.ReadFile(filepath.Join(machine, file))
	if err != nil {
		return err
	}
	var a store.Action
	if err := json.Unmarshal(text, &a); err != nil {
		return err
	}
	seed.outputs[key] = a.Outputs
	for _, b := range a.Outputs {
		if err := copyBlob(machine, b.Digest); err != nil {
			return err
		}
	}
	return copyFile(filepath.Join(machine, file), filepath.Join(seed.dir, file))
}

func copyBlob(machine string, d store.Digest) error {
	if _, err := os.Stat(blobPath(seed.dir, d)); err == nil {
		return nil
	}
	return copyFile(blobPath(machine, d), blobPath(seed.dir, d))
}

func blobPath(dir string, d store.Digest) string {
	return filepath.Join(dir, "blobs", string(d[:2]), string(d))
}

func notePath(dir string, key store.Digest) string {
	return filepath.Join(dir, "actions", string(key[:2]), string(key)+".json")
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "--reflink=auto", "--preserve=mode", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// layDefinitions makes a folder of definitions: those of package acceptance over the repository's bases and features.
func layDefinitions(dir string) error {
	for from, to := range map[string]string{"../../bases": "bases", "../../features": "features", "../acceptance/testdata/definitions": "."} {
		if err := os.CopyFS(filepath.Join(dir, to), os.DirFS(from)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
