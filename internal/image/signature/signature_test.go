package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"nhos.org/nhos/internal/ui"
)

// folder is what a build leaves: two files and their manifest.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	sums := ""
	for name, text := range map[string]string{"desk.iso": "a medium", "desk.lock": "a lock"} {
		write(t, filepath.Join(dir, name), text, 0o644)
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(text)), name)
	}
	write(t, filepath.Join(dir, SumsFile), sums, 0o644)
	return dir
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir, stdin, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err
}

// A maker makes a key pair and returns the two files, by our program or another one.
type maker func(t *testing.T, dir string) (private, public string)

func ours(t *testing.T, dir string) (private, public string) {
	t.Helper()
	path := filepath.Join(dir, "our.key")
	if err := NewKey(path, "a key"); err != nil {
		t.Fatal(err)
	}
	return path, path + ".pub"
}

func openSSH(t *testing.T, dir string) (private, public string) {
	t.Helper()
	path := filepath.Join(dir, "id_ed25519")
	if out, err := run(t, dir, "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	return path, path + ".pub"
}

func openSSL(t *testing.T, dir string) (private, public string) {
	t.Helper()
	private, public = filepath.Join(dir, "key.pem"), filepath.Join(dir, "key.pub.pem")
	for _, args := range [][]string{{"genpkey", "-algorithm", "ed25519", "-out", private}, {"pkey", "-in", private, "-pubout", "-out", public}} {
		if out, err := run(t, dir, "", "openssl", args...); err != nil {
			t.Fatalf("openssl: %v\n%s", err, out)
		}
	}
	if err := os.Chmod(private, 0o600); err != nil {
		t.Fatal(err)
	}
	return private, public
}

func gnuPG(t *testing.T, dir string) (private, public string) {
	t.Helper()
	home := filepath.Join(dir, "gnupg")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = run(t, dir, "", "gpgconf", "--homedir", home, "--kill", "all") })
	gpg := func(args ...string) string {
		out, err := run(t, dir, "", "gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback"}, args...)...)
		if err != nil {
			t.Fatalf("gpg: %v\n%s", err, out)
		}
		return out
	}
	gpg("--quick-generate-key", "NHoS <nobody@example.org>", "ed25519", "sign", "never")
	private, public = filepath.Join(dir, "private.asc"), filepath.Join(dir, "public.asc")
	write(t, private, gpg("--armor", "--export-secret-keys"), 0o600)
	write(t, public, gpg("--armor", "--export"), 0o644)
	return private, public
}

var makers = map[string]maker{"our own": ours, "OpenSSH": openSSH, "OpenSSL": openSSL, "GnuPG": gnuPG}

func never(string) ([]byte, error) { return nil, errors.New("asked for a passphrase") }

// signed is a folder that was signed by a new key.
func signed(t *testing.T, m maker) (dir, public string) {
	t.Helper()
	dir = folder(t)
	private, public := m(t, t.TempDir())
	key, err := LoadPrivate(private, never)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(dir, key); err != nil {
		t.Fatal(err)
	}
	return dir, public
}

func verify(t *testing.T, dir, only, public string) (*Report, error) {
	t.Helper()
	key, err := LoadPublic(public)
	if err != nil {
		t.Fatal(err)
	}
	return Verify(dir, only, key)
}

func TestVerdicts(t *testing.T) {
	for name, m := range makers {
		t.Run(name, func(t *testing.T) {
			dir, public := signed(t, m)
			r, err := verify(t, dir, "", public)
			if err != nil || len(r.Files) != 2 || r.Files[0].State != Good || r.Files[1].State != Good {
				t.Fatalf("what was signed: %+v, %v", r, err)
			}
			if r, err := verify(t, dir, "desk.iso", public); err != nil || len(r.Files) != 1 || r.Files[0].File != "desk.iso" {
				t.Errorf("the ISO alone: %+v, %v", r, err)
			}
			if _, err := verify(t, dir, "other.iso", public); err == nil {
				t.Error("a file that the manifest doesn't have was good")
			}

			_, other := m(t, t.TempDir())
			if _, err := verify(t, dir, "", other); !errors.Is(err, ErrWrongKey) {
				t.Errorf("another key: %v", err)
			}

			write(t, filepath.Join(dir, "desk.lock"), "a l0ck", 0o644)
			if r, err := verify(t, dir, "", public); err == nil || !strings.HasSuffix(err.Error(), "desk.lock is altered") || len(r.Files) != 2 {
				t.Errorf("an altered file: %v, %v", r, err)
			}
			if _, err := verify(t, dir, "desk.iso", public); err != nil {
				t.Errorf("the ISO alone, while another file is altered: %v", err)
			}
			if err := os.Remove(filepath.Join(dir, "desk.lock")); err != nil {
				t.Fatal(err)
			}
			if _, err := verify(t, dir, "", public); err == nil || !strings.HasSuffix(err.Error(), "desk.lock is missing") {
				t.Errorf("a missing file: %v", err)
			}
		})
	}
}

// TestAnAlteredManifest: whoever alters a file and its line of the manifest is found out by the signature.
func TestAnAlteredManifest(t *testing.T) {
	for name, m := range makers {
		t.Run(name, func(t *testing.T) {
			dir, public := signed(t, m)
			sums := filepath.Join(dir, SumsFile)
			text, err := os.ReadFile(sums)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "desk.iso"), "another", 0o644)
			swapped := strings.Replace(string(text), fmt.Sprintf("%x", sha256.Sum256([]byte("a medium"))), fmt.Sprintf("%x", sha256.Sum256([]byte("another"))), 1)
			write(t, sums, swapped, 0o644)
			if r, err := verify(t, dir, "", public); err == nil || !strings.Contains(err.Error(), "altered") || r != nil {
				t.Errorf("%v, %v", r, err)
			}
			write(t, sums, string(text)+"\n", 0o644)
			if _, err := verify(t, dir, "", public); err == nil {
				t.Error("a line more was good")
			}
			if err := os.Remove(sums); err != nil {
				t.Fatal(err)
			}
			if _, err := verify(t, dir, "", public); err == nil || !strings.Contains(err.Error(), "missing") {
				t.Errorf("no manifest: %v", err)
			}
		})
	}
}

func TestNotSigned(t *testing.T) {
	_, public := ours(t, t.TempDir())
	if _, err := verify(t, folder(t), "", public); err == nil || !strings.Contains(err.Error(), "SHA256SUMS.sig is missing") {
		t.Errorf("%v", err)
	}
	dir, _ := signed(t, gnuPG)
	_, err := verify(t, dir, "", public)
	if hint := ui.HintOf(err); !strings.Contains(hint, OpenPGPFile) {
		t.Errorf("%v; the hint doesn't name the signature that there is: %q", err, hint)
	}
	write(t, filepath.Join(dir, OpenSSHFile), "no signature", 0o644)
	if _, err := verify(t, dir, "", public); err == nil || !strings.Contains(err.Error(), "can't be read") {
		t.Errorf("%v", err)
	}
}

// TestOthersVerifyOurs holds our signatures against the programs whose form they have.
func TestOthersVerifyOurs(t *testing.T) {
	t.Run("ssh-keygen", func(t *testing.T) {
		dir, public := signed(t, ours)
		line, err := os.ReadFile(public)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "allowed"), "nhos "+string(line), 0o644)
		text, err := os.ReadFile(filepath.Join(dir, SumsFile))
		if err != nil {
			t.Fatal(err)
		}
		check := func(text string) (string, error) {
			return run(t, dir, text, "ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "nhos", "-n", "file", "-s", OpenSSHFile)
		}
		if out, err := check(string(text)); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if out, err := check(string(text) + "x"); err == nil {
			t.Errorf("an altered manifest is good to ssh-keygen\n%s", out)
		}
	})
	t.Run("gpgv", func(t *testing.T) {
		dir, public := signed(t, gnuPG)
		ring := filepath.Join(dir, "ring.gpg")
		if out, err := run(t, dir, "", "gpg", "--batch", "--dearmor", "--output", ring, public); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if out, err := run(t, dir, "", "gpgv", "--keyring", ring, OpenPGPFile, SumsFile); err != nil || !strings.Contains(out, "Good signature") {
			t.Errorf("%v\n%s", err, out)
		}
		write(t, filepath.Join(dir, SumsFile), "x", 0o644)
		if out, err := run(t, dir, "", "gpgv", "--keyring", ring, OpenPGPFile, SumsFile); err == nil {
			t.Errorf("an altered manifest is good to gpgv\n%s", out)
		}
	})
}

// TestWeVerifyTheirs takes signatures that the other programs made.
func TestWeVerifyTheirs(t *testing.T) {
	dir := folder(t)
	private, public := openSSH(t, t.TempDir())
	if out, err := run(t, dir, "", "ssh-keygen", "-q", "-Y", "sign", "-f", private, "-n", "file", SumsFile); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := verify(t, dir, "", public); err != nil {
		t.Errorf("ssh-keygen's: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, OpenSSHFile)); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, dir, "", "ssh-keygen", "-q", "-Y", "sign", "-f", private, "-n", "git", SumsFile); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := verify(t, dir, "", public); err == nil || !strings.Contains(err.Error(), "another purpose") {
		t.Errorf("a signature of another purpose: %v", err)
	}

	keys := t.TempDir()
	_, public = gnuPG(t, keys)
	if out, err := run(t, dir, "", "gpg", "--homedir", filepath.Join(keys, "gnupg"), "--batch", "--armor", "--detach-sign", "--output", OpenPGPFile, SumsFile); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := verify(t, dir, "", public); err != nil {
		t.Errorf("gpg's: %v", err)
	}
}

// TestLockedKeys asks for the passphrase of a key that has one.
func TestLockedKeys(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "id")
	if out, err := run(t, dir, "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "a long one", "-f", path); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	answer := func(s string) func(string) ([]byte, error) {
		return func(string) ([]byte, error) { return []byte(s), nil }
	}
	if _, err := LoadPrivate(path, answer("a long one")); err != nil {
		t.Error(err)
	}
	if _, err := LoadPrivate(path, answer("another")); err == nil {
		t.Error("the wrong passphrase opened the key")
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	private, public := ours(t, dir)
	if err := os.Chmod(private, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPrivate(private, never); err == nil || ui.HintOf(err) != "chmod 600 "+private {
		t.Errorf("a key that others can read: %v", err)
	}
	if err := NewKey(private, ""); !errors.Is(err, os.ErrExist) {
		t.Errorf("a key was replaced: %v", err)
	}
	if err := os.Chmod(private, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPublic(private); err == nil || !strings.Contains(err.Error(), "it is a private key") {
		t.Errorf("verifying with a private key: %v", err)
	}
	if _, err := LoadPrivate(public, never); err == nil {
		t.Error("signing with a public key (its mode is loose as well)")
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})
	if _, err := parsePrivate(weak, nil); !errors.Is(err, errForm) {
		t.Errorf("an RSA key: %v", err)
	}
	if _, err := parsePrivate([]byte("nonsense"), nil); !errors.Is(err, errForm) {
		t.Errorf("nonsense: %v", err)
	}
}

// TestSignsWhatIsThere refuses to sign a manifest that isn't true.
func TestSignsWhatIsThere(t *testing.T) {
	private, _ := ours(t, t.TempDir())
	key, err := LoadPrivate(private, never)
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t)
	write(t, filepath.Join(dir, "desk.iso"), "an altered medium", 0o644)
	if _, err := Sign(dir, key); err == nil || !strings.Contains(err.Error(), "desk.iso is altered: nothing was signed") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, OpenSSHFile)); err == nil {
		t.Error("it was signed all the same")
	}
}

func TestParseSums(t *testing.T) {
	line := strings.Repeat("0a", 32) + "  "
	for _, bad := range []string{
		"", "x", line, line + "../x\n", line + "/etc/passwd\n", line + "..\n", line + ".\n", line + "a\nb\n", line + "a\n" + line + "a\n",
		strings.Repeat("0a", 31) + "  a\n", strings.Repeat("0g", 32) + "  a\n", strings.Repeat("0a", 32) + " a\n", line + "a\x1b[1m\n",
	} {
		if sums, err := ParseSums([]byte(bad)); err == nil {
			t.Errorf("%q was read: %v", bad, sums)
		}
	}
	if sums, err := ParseSums([]byte(line + "a b.iso\n" + line + "c\n")); err != nil || len(sums) != 2 || sums[0].Name != "a b.iso" {
		t.Errorf("%v, %v", sums, err)
	}
}

func FuzzParseSums(f *testing.F) {
	f.Add([]byte(strings.Repeat("0a", 32) + "  a.iso\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		sums, err := ParseSums(text)
		for _, s := range sums {
			if err == nil && filepath.Base(s.Name) != s.Name {
				t.Errorf("%q leads elsewhere", s.Name)
			}
		}
	})
}

func FuzzKeysAndSignatures(f *testing.F) {
	_, private, err := ed25519.GenerateKey(bytes.NewReader(make([]byte, 64)))
	if err != nil {
		f.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		f.Fatal(err)
	}
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem.EncodeToMemory(block))
	f.Add(ssh.MarshalAuthorizedKey(public))
	f.Add([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDM=\n-----END PGP PUBLIC KEY BLOCK-----\n"))
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"))
	key := &PublicKey{ssh: public}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _ = parsePrivate(text, func() ([]byte, error) { return nil, nil })
		_, _ = ParsePublic(text)
		if key.verify([]byte("what was signed"), text) == nil {
			t.Error("it is a good signature")
		}
	})
}
