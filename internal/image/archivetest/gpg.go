package archivetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A gpg has one key, which signs, and goes with the test.
type gpg struct {
	home, keyring string
}

func newGPG(t testing.TB) gpg {
	t.Helper()
	// Not t.TempDir: the path of the agent's socket has to stay below 108 characters.
	home, err := os.MkdirTemp("", "gpg-")
	if err != nil {
		t.Fatal(err)
	}
	g := gpg{home, filepath.Join(t.TempDir(), "test.gpg")}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	run(t, g.command("--passphrase", "", "--quick-generate-key", "archive@example.org", "ed25519", "sign", "never"))
	run(t, g.command("--output", g.keyring, "--export"))
	return g
}

func (g gpg) command(args ...string) *exec.Cmd {
	return exec.Command("gpg", append([]string{"--homedir", g.home, "--batch", "--quiet", "--pinentry-mode", "loopback"}, args...)...)
}

// sign returns text with its signature around it, as an InRelease file has it.
func (g gpg) sign(t testing.TB, text string) string {
	t.Helper()
	cmd := g.command("--passphrase", "", "--clear-sign", "--digest-algo", "SHA512", "--output", "-")
	cmd.Stdin = strings.NewReader(text)
	return run(t, cmd)
}
