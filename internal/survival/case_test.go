//go:build boot || acceptance

package survival

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/store"
)

// A trial is one build that is disturbed: its own definitions, store, output and mirror, all below one folder, by whose
// name what it leaves behind can be told from all else on the machine.
type trial struct {
	t                            *testing.T
	dir, definitions, store, out string
	archive                      *archivetest.Archive
}

// newTrial has all in its store that the images are made of, but no layer of respin ward: making that takes seconds.
// Its mirror has the images' packages, and more, as paragraphs of [archivetest.New].
func newTrial(t *testing.T, more string) *trial {
	t.Helper()
	dir := t.TempDir()
	c := &trial{t: t, dir: dir, definitions: dir + "/definitions", store: dir + "/store", out: dir + "/out"}
	if err := errors.Join(os.Mkdir(dir+"/tmp", 0o777), layDefinitions(c.definitions)); err != nil {
		t.Fatal(err)
	}
	c.run("cp", "-al", seed.dir, c.store)
	c.run("mkdir", c.store+"/locks", c.store+"/work")
	c.forget(seed.keys["ward"]["respin"])
	c.serve(more)
	return c
}

// serve starts a mirror, whose key the base trusts.
func (c *trial) serve(more string) {
	c.t.Helper()
	var packages []archivetest.Package
	for _, p := range seed.lock.Packages {
		packages = append(packages, archivetest.Package{
			Security: p.Archive == "security", Filename: p.Filename, Index: p.Index(p.Filename), File: blobPath(seed.dir, store.Digest(p.SHA256)),
		})
	}
	c.archive = archivetest.NewOf(c.t, "trixie", packages, more)
	base := filepath.Join(c.definitions, "bases/debian-13")
	text, err := os.ReadFile(base + "/base.yaml")
	if err != nil {
		c.t.Fatal(err)
	}
	for from, to := range map[string]string{
		`(?m)^keyring:.*`: "keyring: test.gpg", `(?m)^components:.*`: "components: [main]", `(?m)^ *- \{suite: trixie-updates.*\n`: "",
	} {
		text = regexp.MustCompile(from).ReplaceAll(text, []byte(to))
	}
	key, err := os.ReadFile(c.archive.Keyring())
	if err := errors.Join(err, os.WriteFile(base+"/base.yaml", text, 0o644), os.WriteFile(base+"/test.gpg", key, 0o644)); err != nil {
		c.t.Fatal(err)
	}
}

// write adds files to the definitions; see [archivetest.Write].
func (c *trial) write(text string) {
	c.t.Helper()
	archivetest.Write(c.t, c.definitions, text)
}

// forget removes what a step gave from the store.
func (c *trial) forget(key store.Digest) {
	c.t.Helper()
	if err := os.Remove(notePath(c.store, key)); err != nil && !errors.Is(err, os.ErrNotExist) {
		c.t.Fatal(err)
	}
	for _, b := range seed.outputs[key] {
		os.Remove(blobPath(c.store, b.Digest))
	}
}

// forgetPackage removes a package from the store and says what it was called there.
func (c *trial) forgetPackage(name string) {
	c.t.Helper()
	for _, p := range seed.lock.Packages {
		if p.Name == name {
			os.Remove(blobPath(c.store, store.Digest(p.SHA256)))
		}
	}
}

func (c *trial) has(d store.Digest) bool {
	_, err := os.Stat(blobPath(c.store, d))
	return err == nil
}

func (c *trial) run(argv ...string) {
	c.t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		c.t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

// command is a call of nhos, in a session of its own: a shell would send its group a SIGHUP on the way out.
func (c *trial) command(said io.Writer, args ...string) *exec.Cmd {
	cmd := exec.Command(program, append([]string{
		"--definitions", c.definitions, "--store", c.store, "--out", c.out, "--mirror", c.archive.Mirror(),
	}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+c.dir+"/tmp", "PATH="+c.shims()+":"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// call runs nhos to its end and returns all that it printed, and its exit code.
func (c *trial) call(args ...string) (said string, code int) {
	c.t.Helper()
	var both bytes.Buffer
	cmd := c.command(&both, args...)
	if err := cmd.Run(); cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	return both.String(), cmd.ProcessState.ExitCode()
}

// built wants a build to succeed, to give what an undisturbed one gives, and to leave nothing behind.
func (c *trial) built(id string) (said string) {
	c.t.Helper()
	said, code := c.call("build", id)
	if code != 0 {
		c.t.Fatalf("nhos build %s gave exit code %d:\n%s", id, code, said)
	}
	if got := c.digest(id); got != seed.digests[id] {
		c.t.Errorf("the ISO of %s is %s; undisturbed it is %s", id, got, seed.digests[id])
	}
	c.clean()
	return said
}

// fails wants a build to fail with these words in its message, and to leave nothing behind. A line of the message may
// hold only one of the words.
func (c *trial) fails(words []string, args ...string) (said string) {
	c.t.Helper()
	said, code := c.call(args...)
	if code != 1 {
		c.t.Errorf("exit code %d:\n%s", code, said)
	}
	_, message, _ := strings.Cut(said, "nhos: error: ")
	for _, word := range words {
		if !strings.Contains(message, word) {
			c.t.Errorf("the message doesn't hold %q:\n%s", word, said)
		}
	}
	c.clean()
	return said
}

// iso is the medium of an image.
func (c *trial) iso(id string) string {
	return filepath.Join(c.out, id, map[string]string{"plain": "plain-test-amd64.iso", "ward": "ward-seven-amd64.iso"}[id])
}

func (c *trial) digest(id string) string {
	c.t.Helper()
	f, err := os.Open(c.iso(id))
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		c.t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}
