package spine_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nhos.org/nhos/internal/identity/spine"
	"nhos.org/nhos/internal/identity/virtualcard"
)

var challenge = []byte("48 bytes that nobody but the server can explain.")

func openssl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "openssl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestOpenSSLVerifies has OpenSSL check the object and give the content back.
func TestOpenSSLVerifies(t *testing.T) {
	card := josCard()
	for name, digest := range map[string]crypto.Hash{"sha1": crypto.SHA1, "sha256": crypto.SHA256} {
		t.Run(name, func(t *testing.T) {
			der, err := spine.CMS(card.Certificate(virtualcard.SlotAuthentication).Raw, challenge, digest, signer(card.PrivateKey(virtualcard.SlotAuthentication), digest))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			in, ca, out := filepath.Join(dir, "o.der"), filepath.Join(dir, "ca.pem"), filepath.Join(dir, "content")
			for path, content := range map[string][]byte{in: der, ca: authority().CertificatePEM()} {
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			openssl(t, "cms", "-verify", "-binary", "-inform", "DER", "-in", in, "-CAfile", ca, "-purpose", "any", "-out", out)
			if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, challenge) {
				t.Errorf("OpenSSL reads %q, %v", got, err)
			}
			if name == "sha1" {
				structure(t, openssl(t, "asn1parse", "-inform", "DER", "-in", in))
			}
			der[bytes.Index(der, challenge)] ^= 1
			if err := os.WriteFile(in, der, 0o600); err != nil {
				t.Fatal(err)
			}
			if exec.Command("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", in, "-CAfile", ca, "-purpose", "any", "-out", out).Run() == nil {
				t.Error("OpenSSL takes another content, too: this test proves nothing")
			}
		})
	}
}

// structure compares OpenSSL's list of elements with that of the object that the Spine's own agents have always sent.
func structure(t *testing.T, list string) {
	t.Helper()
	line := regexp.MustCompile(`d=(\d+).*(?:prim|cons): ([^:]*?) *(?::(.*))?$`)
	var got []string
	for _, l := range strings.Split(strings.TrimSpace(list), "\n") {
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("openssl asn1parse says %q", l)
		}
		got = append(got, strings.TrimSpace(m[1]+" "+m[2]+" "+m[3]))
	}
	all := strings.Join(got, "\n")
	head := `0 SEQUENCE
1 OBJECT pkcs7-signedData
1 cont [ 0 ]
2 SEQUENCE
3 INTEGER 01
3 SET
4 SEQUENCE
5 OBJECT sha1
5 NULL
3 SEQUENCE
4 OBJECT pkcs7-data
4 cont [ 0 ]
5 OCTET STRING ` + string(challenge) + `
3 cont [ 0 ]
4 SEQUENCE
`
	if !strings.HasPrefix(all, head) {
		t.Errorf("it begins\n%s\nand not\n%s", all[:min(len(all), 2*len(head))], head)
	}
	tail := regexp.MustCompile(`(?s)\n3 SET\n4 SEQUENCE\n5 INTEGER 01\n5 SEQUENCE\n6 SEQUENCE\n(?:[789] [^\n]*\n)+6 INTEGER [0-9A-F]+\n` +
		`5 SEQUENCE\n6 OBJECT sha1\n6 NULL\n5 SEQUENCE\n6 OBJECT rsaEncryption\n6 NULL\n5 OCTET STRING[^\n]*$`)
	if !tail.MatchString(all) {
		t.Errorf("it ends\n%s", all[max(0, len(all)-1200):])
	}
}

// TestBytes builds the object by hand, with the lengths of DER written out, and compares byte for byte.
func TestBytes(t *testing.T) {
	card := josCard()
	cert := card.Certificate(virtualcard.SlotAuthentication)
	key := card.PrivateKey(virtualcard.SlotAuthentication)
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "content")
		got, err := spine.CMS(cert.Raw, content, crypto.SHA1, signer(key, crypto.SHA1))
		if err != nil {
			t.Fatal(err)
		}
		signature, err := signer(key, crypto.SHA1)(content)
		if err != nil {
			t.Fatal(err)
		}
		null := []byte{5, 0}
		sha1 := tlv(0x30, []byte{6, 5, 0x2b, 0x0e, 3, 2, 0x1a}, null)
		serial, err := asn1.Marshal(cert.SerialNumber)
		if err != nil {
			t.Fatal(err)
		}
		want := tlv(0x30,
			[]byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2},
			tlv(0xa0, tlv(0x30,
				[]byte{2, 1, 1},
				tlv(0x31, sha1),
				tlv(0x30, []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1}, tlv(0xa0, tlv(4, content))),
				tlv(0xa0, cert.Raw),
				tlv(0x31, tlv(0x30,
					[]byte{2, 1, 1},
					tlv(0x30, cert.RawIssuer, serial),
					sha1,
					tlv(0x30, []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1}, null),
					tlv(4, signature),
				)),
			)),
		)
		if !bytes.Equal(got, want) {
			t.Errorf("got\n%x\nwant\n%x", got, want)
		}
	})
}

// tlv is an element of DER.
func tlv(tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	switch n := len(content); {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, content...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, content...)
	default:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, content...)
	}
}

func TestCMSRefuses(t *testing.T) {
	card := josCard()
	cert := card.Certificate(virtualcard.SlotAuthentication).Raw
	right := signer(card.PrivateKey(virtualcard.SlotAuthentication), crypto.SHA1)
	removed := errors.New("the card is no longer in the reader")
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: jo}, NotAfter: time.Now().Add(time.Hour)}
	elliptical, err := x509.CreateCertificate(rand.Reader, template, template, curve.Public(), curve)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cert, content []byte
		digest        crypto.Hash
		sign          func([]byte) ([]byte, error)
		says          string
	}{
		"no certificate":        {[]byte("x"), challenge, crypto.SHA1, right, "certificate"},
		"an elliptic key":       {elliptical, challenge, crypto.SHA1, right, "RSA"},
		"no content":            {cert, nil, crypto.SHA1, right, "0 bytes"},
		"a large content":       {cert, make([]byte, 5000), crypto.SHA1, right, "5000 bytes"},
		"another digest":        {cert, challenge, crypto.MD5, right, "MD5"},
		"a signature of SHA-1":  {cert, challenge, crypto.SHA256, right, "isn't that of its certificate's key"},
		"another key":           {cert, challenge, crypto.SHA1, signer(card.PrivateKey(virtualcard.SlotSignature), crypto.SHA1), "isn't that of its certificate's key"},
		"the card was removed":  {cert, challenge, crypto.SHA1, func([]byte) ([]byte, error) { return nil, removed }, "no longer in the reader"},
		"an empty signature":    {cert, challenge, crypto.SHA1, func([]byte) ([]byte, error) { return nil, nil }, "signature"},
		"a signature by digest": {cert, challenge, crypto.SHA1, func(c []byte) ([]byte, error) { return rsa.SignPKCS1v15(rand.Reader, card.PrivateKey("9A"), 0, c) }, "signature"},
	} {
		der, err := spine.CMS(c.cert, c.content, c.digest, c.sign)
		if err == nil || der != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "the card was removed" && !errors.Is(err, removed) {
			t.Errorf("%s: the cause is lost: %v", name, err)
		}
	}
}

// TestOldTestsContent is the case that the first agents' tests got wrong: what is signed is the decoded challenge, all of
// it.
func TestOldTestsContent(t *testing.T) {
	d := newDesk(t)
	c, err := d.client.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := base64.StdEncoding.DecodeString(c.Text)
	if err != nil || len(c.Bytes) != 48 || !bytes.Equal(decoded, c.Bytes) {
		t.Errorf("challenge %+v, %v", c, err)
	}
}
