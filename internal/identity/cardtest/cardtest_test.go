package cardtest_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/cardtest"
	"nhos.org/nhos/internal/identity/virtualcard"
)

// run runs a program against the rig and gives what it prints.
func run(t *testing.T, rig *cardtest.Rig, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = cardtest.Environment(rig.Environ()...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestOpenSCReadsTheCard(t *testing.T) {
	rig := cardtest.New(t)
	card := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789", Passcode: "24681357"})
	rig.MustInsert(t, 0, card)

	out, err := run(t, rig, "opensc-tool", "--wait", "--name")
	if err != nil || !strings.Contains(out, "Personal Identity Verification Card") {
		t.Fatalf("opensc-tool says %q, %v", out, err)
	}

	folder := t.TempDir()
	content := filepath.Join(folder, "content")
	if err := os.WriteFile(content, []byte("a challenge"), 0o600); err != nil {
		t.Fatal(err)
	}
	for id, slot := range map[string]string{"01": virtualcard.SlotAuthentication, "02": virtualcard.SlotSignature} {
		for mechanism, digest := range map[string]string{"SHA1-RSA-PKCS": "-sha1", "SHA256-RSA-PKCS": "-sha256"} {
			signature := filepath.Join(folder, "signature")
			out, err := run(t, rig, "pkcs11-tool", "--module", cardtest.OpenSC, "--login", "--pin", "24681357",
				"--sign", "--mechanism", mechanism, "--id", id, "--input-file", content, "--output-file", signature)
			if err != nil {
				t.Fatalf("signing with %s, %s: %v\n%s", slot, mechanism, err, out)
			}
			key := publicKey(t, folder, card.Certificate(slot))
			out, err = run(t, rig, "openssl", "dgst", digest, "-verify", key, "-signature", signature, content)
			if err != nil || !strings.Contains(out, "Verified OK") {
				t.Errorf("openssl on a signature by %s, %s: %v\n%s", slot, mechanism, err, out)
			}
		}
	}
}

func publicKey(t *testing.T, folder string, certificate *x509.Certificate) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(certificate.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSoftHSMHoldsACard(t *testing.T) {
	card := cardtest.Issue(t, virtualcard.CardSpec{UID: "555123456789"})
	token := cardtest.NewToken(t, "A token", "1234")
	token.Hold(t, "01", card, virtualcard.SlotAuthentication)

	out := token.Run(t, "pkcs11-tool", "--module", cardtest.SoftHSM, "--login", "--pin", "1234", "--list-objects")
	for _, want := range []string{"Private Key Object; RSA", "DN: O=nhs, OU=people, CN=555123456789"} {
		if !strings.Contains(out, want) {
			t.Errorf("the token's objects lack %q:\n%s", want, out)
		}
	}
}
