package spine

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"strings"
	"testing"
)

// FuzzCertificate makes the signed object of a certificate that any card may have: whatever it is, nothing is signed for a
// certificate that isn't read, and nothing is sent that isn't signed by its key.
func FuzzCertificate(f *testing.F) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "555000000101"}}
	good, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, []byte("challenge"))
	f.Add([]byte("no certificate"), []byte("challenge"))
	f.Add([]byte{0x30, 0x82, 1, 0, 0x30, 0x81, 0x99}, []byte{})
	f.Fuzz(func(t *testing.T, certificate, content []byte) {
		der, err := CMS(certificate, content, crypto.SHA1, func(got []byte) ([]byte, error) {
			if !bytes.Equal(got, content) || len(got) == 0 || len(got) > maxContent {
				t.Errorf("%d bytes are to be signed, not %d", len(got), len(content))
			}
			return make([]byte, 256), nil
		})
		if err == nil || der != nil {
			t.Errorf("an object of %d bytes that nobody signed, %v", len(der), err)
		}
	})
}

// FuzzSameServer takes an address that a server names: a redirection, or where to log out.
func FuzzSameServer(f *testing.F) {
	for _, seed := range []string{"https://gas.example.test/x", "https://gas.example.test:443/?a#b", "//gas.example.test", "https://gas.example.test@evil/", "https:gas.example.test", "https://[::1]:443/"} {
		f.Add(seed)
	}
	base, err := baseURL("https://gas.example.test")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		to := sameServer(base, text)
		if to == "" {
			return
		}
		u, err := url.Parse(to)
		if err != nil || u.Scheme != "https" || hostPort(u) != "gas.example.test:443" || u.User != nil || u.Fragment != "" {
			t.Errorf("%q leads to %q", text, to)
		}
	})
}

// FuzzStatus reads the page that answers a selection or a logout: an error holds no long word of it.
func FuzzStatus(f *testing.F) {
	for _, seed := range []string{"<HTML><STATUS>OK</STATUS></HTML>", "<status>x", "OK", "<html><title>a</title>TOKEN", "AQIC5wM2LY4SfcAQIC5wM2LY4Sfc+/=@AAJTSQACMDE=#"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fail := readStatus(utf8Text(body))
		if fail == nil {
			if !bytes.Contains(body, []byte("OK")) && !bytes.Contains(tag.ReplaceAll(body, nil), []byte("OK")) {
				t.Errorf("%q is taken for OK", body)
			}
			return
		}
		if fail.Kind == nil || len([]rune(fail.Detail)) > 3*saidRunes || strings.ContainsAny(fail.Error(), "\n\x1b") {
			t.Errorf("%q: %v", body, fail)
		}
	})
}

// FuzzEnvironments reads an organisation's file: what is taken is https, and verified.
func FuzzEnvironments(f *testing.F) {
	f.Add(builtin)
	for _, seed := range []string{
		"environments:\n  a: {login: https://h, proxy: environment, digest: sha256}\n", "environments: {a: &b {login: https://h}, c: *b}", "environments: [", "- a\n", "environments:\n  a: {login: 'https://h:99999/'}\n",
		"environments:\n  ? [a]\n  : {login: https://h}\n", "environments: !!binary x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseEnvironments("e.yaml", text)
		if err != nil {
			return
		}
		for name, e := range all {
			if e.Name != name || !strings.HasPrefix(strings.ToLower(e.Login), "https://") || len(e.problems()) > 0 {
				t.Errorf("%q: %+v", name, e)
			}
			e.CAFile = ""
			c, err := New(Options{Environment: e})
			if err != nil {
				t.Errorf("%+v: %v", e, err)
				continue
			}
			if c.transport.TLSClientConfig.InsecureSkipVerify {
				t.Error("unverified")
			}
			c.Close()
		}
	})
}
