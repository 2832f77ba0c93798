package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestInstall installs all that belongs to the agent, and holds it against those who read it.
func TestInstall(t *testing.T) {
	dest := t.TempDir()
	output(t, "make", "-s", "-C", "../..", "install-identity", "IDENTITY="+filepath.Join(dest, "build"), "DESTDIR="+dest, "PREFIX=/opt/agent")
	dir := filepath.Join(dest, "opt/agent")
	var files []string
	for _, pattern := range []string{"bin/*", "lib/systemd/user/*", "share/*/*/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			files = append(files, strings.TrimPrefix(f, dir+"/"))
		}
	}
	for _, want := range []string{
		"bin/nhos-identity", "bin/nhos-identity-card", "bin/nhos-identityd", "bin/spinesim",
		"lib/systemd/user/nhos-identityd.service", "lib/systemd/user/nhos-identityd.socket",
		"share/bash-completion/completions/nhos-identity", "share/zsh/site-functions/_nhos-identity", "share/fish/vendor_completions.d/nhos-identity.fish",
		"share/man/man1/nhos-identity.1", "share/man/man1/nhos-identity-card.1", "share/man/man1/nhos-identity-sign-in.1",
		"share/man/man1/nhos-identityd.1", "share/man/man1/spinesim.1", "share/man/man1/spinesim-card-new.1",
	} {
		if !slices.Contains(files, want) {
			t.Errorf("%s isn't installed", want)
		}
	}
	unit, err := os.ReadFile(filepath.Join(dir, "lib/systemd/user/nhos-identityd.service"))
	if err != nil || !strings.Contains(string(unit), "\nExecStart=/opt/agent/bin/nhos-identityd\n") {
		t.Errorf("%v\n%s", err, unit)
	}

	pages, err := filepath.Glob(filepath.Join(dir, "share/man/man1/*.1"))
	if err != nil || len(pages) < 15 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	if out := output(t, "mandoc", append([]string{"-T", "lint"}, pages...)...); out != "" {
		t.Error(out)
	}
	for page, wants := range map[string][]string{
		"nhos-identityd":        {"sign the person at this computer in", "nhos-identityd [OPTION...]", "/etc/nhos-identity/policy.toml", "nhos-identity-card(1)", "EXIT STATUS"},
		"nhos-identity":         {"XDG_RUNTIME_DIR", "sign-in", "nhos-identityd(1)"},
		"nhos-identity-role":    {"nhos-identity role ID [OPTION...]", "nhos-identity role 555100000102"},
		"nhos-identity-sign-in": {"--passcode-fd DESCRIPTOR"},
		"nhos-identity-card":    {"PKCS#11", "nhos-identityd(1)"},
		"spinesim-serve":        {"--card-ca FILE"},
	} {
		text := plain(t, filepath.Join(dir, "share/man/man1", page+".1"))
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s.1 lacks %q:\n%s", page, want, text)
			}
		}
		if strings.Contains(text, "(default: -1)") {
			t.Errorf("%s.1 has a default that is none", page)
		}
	}
	output(t, "bash", "-n", filepath.Join(dir, "share/bash-completion/completions/nhos-identity"))
	if help := output(t, filepath.Join(dir, "bin/nhos-identityd"), "--help"); strings.Contains(help, "man ") || strings.Contains(help, "completion") {
		t.Errorf("the daemon's help has commands in it:\n%s", help)
	}
}

// plain is a page as it is read.
func plain(t *testing.T, page string) string {
	t.Helper()
	c := exec.Command("col", "-b")
	c.Stdin = strings.NewReader(output(t, "mandoc", "-T", "ascii", "-O", "width=200", page))
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}
