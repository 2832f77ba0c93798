package cardtest

import (
	_ "embed" // pad.c
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed testdata/pad.c
var padSource []byte

// Pad is a token of SoftHSM at a reader that says it has keys of its own: a module of its own, in C.
type Pad struct {
	Module string // its path
	token  *Token
	folder string
}

// NewPad builds the module for a token. Answer comes before the first login.
func NewPad(t testing.TB, token *Token) *Pad {
	t.Helper()
	p := &Pad{token: token, folder: t.TempDir()}
	source := filepath.Join(p.folder, "pad.c")
	p.Module = filepath.Join(p.folder, "pad.so")
	if err := os.WriteFile(source, padSource, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-Wall", "-Werror", "-shared", "-fPIC", "-o", p.Module, source, "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("building a module: %v (install gcc)\n%s", err, out)
	}
	return p
}

// Environ is what a program needs in its environment to use the module.
func (p *Pad) Environ() []string {
	return append(p.token.Environ(), "PAD_MODULE="+SoftHSM, "PAD_FOLDER="+p.folder)
}

// Answer says what comes of a login without a passcode from now on: "accept CODE" is what somebody types at the reader,
// "arguments" and "unsupported" are readers that only claim to have keys, "canceled" is nobody.
func (p *Pad) Answer(t testing.TB, answer string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.folder, "answer"), []byte(answer+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Logins are those since the last call: a line each, "pad" for one that was left to the reader, "typed" for one with a
// passcode.
func (p *Pad) Logins(t testing.TB) string {
	t.Helper()
	path := filepath.Join(p.folder, "logins")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}
