package cardtest

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/virtualcard"
)

// The modules of Debian's packages on amd64.
const (
	// OpenSC is OpenSC's module.
	OpenSC = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"
	// SoftHSM is SoftHSM's.
	SoftHSM = "/usr/lib/softhsm/libsofthsm2.so"
)

// Token is a SoftHSM token in a store of its own.
type Token struct {
	Label    string
	Passcode string
	folder   string
}

// NewToken makes an empty token that ends with the test.
func NewToken(t testing.TB, label, passcode string) *Token {
	t.Helper()
	token := &Token{Label: label, Passcode: passcode, folder: t.TempDir()}
	store := filepath.Join(token.folder, "tokens")
	if err := os.Mkdir(store, 0o700); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = true\n", store)
	if err := os.WriteFile(token.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	token.Run(t, "softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", passcode)
	return token
}

// Environ is what a program needs in its environment to find the token.
func (k *Token) Environ() []string {
	return []string{"SOFTHSM2_CONF=" + k.config()}
}

func (k *Token) config() string { return filepath.Join(k.folder, "softhsm2.conf") }

// Hold puts the key and the certificate of a card's slot on the token, under an id (hexadecimal).
func (k *Token) Hold(t testing.TB, id string, card *virtualcard.Card, slot string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(card.PrivateKey(slot))
	if err != nil {
		t.Fatal(err)
	}
	for kind, der := range map[string][]byte{"privkey": key, "cert": card.Certificate(slot).Raw} {
		file := filepath.Join(k.folder, kind)
		if err := os.WriteFile(file, der, 0o600); err != nil {
			t.Fatal(err)
		}
		k.Run(t, "pkcs11-tool", "--module", SoftHSM, "--token-label", k.Label, "--login", "--pin", k.Passcode,
			"--write-object", file, "--type", kind, "--id", id)
	}
}

// Run runs a program that finds the token, or ends the test.
func (k *Token) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = Environment(k.Environ()...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// Remove takes the token away, with all that it holds.
func (k *Token) Remove(t testing.TB) {
	t.Helper()
	k.Run(t, "softhsm2-util", "--delete-token", "--token", k.Label)
}
