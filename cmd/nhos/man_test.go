package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nhos.org/nhos/cmd/internal/manual"
	"nhos.org/nhos/internal/rescue/device"
)

// TestHelp sees to it that every command and every flag says what it is for, and that every command has an example.
func TestHelp(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: its one line is %q", c.CommandPath(), c.Short)
		}
		if c.Example == "" && !c.HasAvailableSubCommands() {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Long + "\n" + c.Example) {
			if len(line) > 125 {
				t.Errorf("%s: a line of %d characters: %s", c.CommandPath(), len(line), line)
			}
		}
		c.LocalFlags().VisitAll(func(x *pflag.Flag) {
			if x.Usage == "" {
				t.Errorf("%s: --%s says nothing", c.CommandPath(), x.Name)
			}
		})
		for _, sub := range c.Commands() {
			if manual.HasPage(sub) {
				visit(sub)
			}
		}
	}
	visit(newRoot(device.This()))
}

// TestInstall installs everything, and holds the manual pages and completions against those who read them.
func TestInstall(t *testing.T) {
	install := func(epoch string) string {
		dest := t.TempDir()
		output(t, "SOURCE_DATE_EPOCH="+epoch, "make", "-s", "-C", "../..", "install", "NHOS="+filepath.Join(dest, "build/nhos"), "DESTDIR="+dest, "PREFIX=/usr")
		return filepath.Join(dest, "usr")
	}
	dir := install("1000000000")
	pages, err := filepath.Glob(filepath.Join(dir, "share/man/man1/*.1"))
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	if out := output(t, "", "mandoc", slices.Concat([]string{"-T", "lint"}, pages)...); out != "" {
		t.Error(out)
	}
	text := output(t, "", "mandoc", "-T", "ascii", filepath.Join(dir, "share/man/man1/nhos-set.1"))
	plain := exec.Command("col", "-b")
	plain.Stdin = strings.NewReader(text)
	out, err := plain.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nhos-set - give a key of a definition its value", "nhos set IMAGE KEY VALUE... [OPTION...]", "2001-09-09", `nhos set hscni product "HSCNI Desktop"`} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("nhos-set.1 lacks %q:\n%s", want, out)
		}
	}
	output(t, "", "bash", "-n", filepath.Join(dir, "share/bash-completion/completions/nhos"))
	for file, want := range map[string]string{"zsh/site-functions/_nhos": "#compdef nhos", "fish/vendor_completions.d/nhos.fish": "complete -c nhos"} {
		if s, err := os.ReadFile(filepath.Join(dir, "share", file)); err != nil || !bytes.Contains(s, []byte(want)) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if got := output(t, "", filepath.Join(dir, "bin/nhos"), "--version"); !strings.HasPrefix(got, "nhos version ") {
		t.Error(got)
	}
	// The same program gives the same pages, whatever the machine is set up for.
	t.Setenv("NHOS_STORE", "/elsewhere")
	t.Setenv("NHOS_MIRROR", "https://mirror.example/debian")
	again := t.TempDir()
	output(t, "SOURCE_DATE_EPOCH=1000000000", filepath.Join(dir, "bin/nhos"), "man", "--dir", again)
	for _, page := range pages {
		a, _ := os.ReadFile(page)
		b, _ := os.ReadFile(filepath.Join(again, filepath.Base(page)))
		if diff := cmp.Diff(string(a), string(b)); diff != "" {
			t.Errorf("%s differs:\n%s", filepath.Base(page), diff)
		}
	}
}

func output(t *testing.T, env, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), env)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}
