package spine

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nhos.org/nhos/internal/ui"
)

func TestEnvironments(t *testing.T) {
	all := Environments()
	for _, name := range []string{"live", "deployment", "training", "development", "integration"} {
		e, ok := all[name]
		if !ok || e.Title == "" || !strings.HasPrefix(e.Login, "https://gas.") || e.Hash() != crypto.SHA1 || e.Proxy != "" || e.Training != (name == "training") {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if len(all) != 5 {
		t.Errorf("there are %d", len(all))
	}
	if _, err := FindEnvironment(all, "trainin"); err == nil || !strings.Contains(ui.HintOf(err), `"training"`) {
		t.Errorf("%v, hint %q", err, ui.HintOf(err))
	}
}

func TestOwnEnvironments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "environments.yaml")
	load := func(text string) (map[string]Environment, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return LoadEnvironments(file)
	}
	all, err := load(`
environments:
  trust:
    title: Our trust's
    login: https://gas.example.test:8443/
    assertions: https://saml.example.test
    training: true
    ca_file: ca.pem
    proxy: http://proxy.example.test:3128
    digest: sha256
  live:
    login: https://gas.example.test
    proxy: environment
`)
	if err != nil {
		t.Fatal(err)
	}
	want := Environment{
		Name: "trust", Title: "Our trust's", Login: "https://gas.example.test:8443/", Assertions: "https://saml.example.test", Training: true,
		CAFile: filepath.Join(filepath.Dir(file), "ca.pem"), Proxy: "http://proxy.example.test:3128", Digest: "sha256",
	}
	if all["trust"] != want || all["trust"].Hash() != crypto.SHA256 {
		t.Errorf("trust: %+v", all["trust"])
	}
	if all["live"].Login != "https://gas.example.test" || all["training"].Title != "Training" || len(all) != 6 {
		t.Errorf("all: %+v", all)
	}
	for text, says := range map[string]string{
		"":                 "empty",
		"environments: {}": "names no environment",
		"environment: {}":  `unknown key "environment"`,
		"environments:\n  a: {login: https://h, verify: no}":                `unknown key "verify"`,
		"environments:\n  a: {login: https://h, insecure: true}":            `unknown key "insecure"`,
		"environments:\n  a: {login: https://h}\n  a: {login: https://i}":   `"a" stands twice`,
		"environments:\n  a: {login: https://h, login: https://i}":          `"login" stands twice`,
		"environments:\n  a: {login: http://h}":                             "isn't https",
		"environments:\n  a: {login: https://h/path}":                       "more or less than a host",
		"environments:\n  a: {login: https://u:p@h}":                        "more or less than a host",
		"environments:\n  a: {title: x}":                                    "it has no login",
		"environments:\n  a: {login: https://h, assertions: ftp://h}":       "assertions",
		"environments:\n  a: {login: https://h, digest: md5}":               `unknown digest "md5"`,
		"environments:\n  a: {login: https://h, proxy: proxy}":              "no scheme, host or port",
		"environments:\n  a: {login: https://h, proxy: \"http://u:p@h:1\"}": "isn't taken from a file",
		"environments:\n  a: {login: https://h, training: maybe}":           "training",
		"environments:\n  \"A b\": {login: https://h}":                      "no name",
		"environments:\n  a: {login: https://h}\n---\nenvironments: {}":     "second document",
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), says) {
			if says != "training" || err == nil {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
	if _, err := LoadEnvironments(file + "x"); err == nil {
		t.Error("no file, and no error")
	}
}

// The CAs of a file are trusted, and no others.
func TestCAsOfAFile(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	want := x509.NewCertPool()
	want.AddCert(server.Certificate())
	if got, err := loadCAs(file); err != nil || !got.Equal(want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestSameServer(t *testing.T) {
	base, err := url.Parse("https://gas.example.test")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, text := range []string{
		"https://gas.example.test/login/authlogout", "https://GAS.example.test:443/x?y=1#z", "https://gas.example.test.:443/",
		"http://gas.example.test/", "https://gas.example.test:8443/", "https://gas.example.test.evil/", "https://u@gas.example.test/", "//gas.example.test/", "/x", "", ":",
		"https://gas.example.test@evil/", "javascript:x",
	} {
		got = append(got, sameServer(base, text))
	}
	want := []string{"https://gas.example.test/login/authlogout", "https://GAS.example.test:443/x?y=1", "https://gas.example.test.:443/", "", "", "", "", "", "", "", "", "", ""}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestStatus(t *testing.T) {
	for text, want := range map[string]error{
		"<HTML><STATUS>OK</STATUS></HTML>": nil, "OK": nil, "<html><body>OK</body></html>": nil, "<status> OK </status>": nil,
		"TOKEN": ErrRefused, "<HTML><STATUS>NOK</STATUS>OK</HTML>": ErrRefused, "": ErrSyntax, "<html>Invalid TOKEN. Click OK": ErrSyntax,
		"<STATUS>INVALID SESSION</STATUS>": ErrExpired, "session expired": ErrExpired, "unknown token": ErrExpired, "<STATUS></STATUS>": ErrSyntax,
	} {
		got := readStatus([]byte(text))
		if (got == nil) != (want == nil) || got != nil && !errors.Is(got, want) {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestSaid(t *testing.T) {
	long := strings.Repeat("word ", 100)
	for in, want := range map[string]string{
		"no\n\x1b[2Jsuch \u202eperson":                   "no [2Jsuch person",
		"token AQIC5wM2LY4Sfc+1/2=@AAJTSQACMDE=# is bad": "token … is bad",
		"go to gas.national.ncrs.nhs.uk":                 "go to gas.national.ncrs.nhs.uk",
	} {
		if got := said(in); got != want {
			t.Errorf("%q is %q", in, got)
		}
	}
	if got := []rune(said(long)); len(got) != saidRunes {
		t.Errorf("%d runes", len(got))
	}
}

// TestDocumentation reads the example of docs/identity-spine.md, which has every key.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../../docs/identity-spine.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "\n    environments:\n")
	example, _, ok := strings.Cut(rest, "\n\n")
	if !ok {
		t.Fatal("docs/identity-spine.md has no example of an environment")
	}
	all, err := parseEnvironments("docs/identity-spine.md", []byte("    environments:\n"+example+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	trust := all["trust"]
	if trust.Title == "" || trust.Login == "" || trust.Assertions == "" || trust.CAFile != "docs/ca.pem" || trust.Proxy == "" || trust.Digest == "" {
		t.Errorf("%+v", trust)
	}
	for _, key := range environmentKeys {
		if !strings.Contains(example+"environments", key) || key != "environments" && !strings.Contains(string(page), "| `"+key+"` |") {
			t.Errorf("docs/identity-spine.md doesn't tell of %s", key)
		}
	}
}
