package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/identity/policy"
	"nhos.org/nhos/internal/identity/session"
)

func write(t *testing.T, text string) string {
	file := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWithoutFiles(t *testing.T) {
	p, err := policy.Load("/nonexistent/policy.toml")
	if err != nil || p.Environment != "live" || p.Settings() != (session.Settings{Mode: session.Normal}) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestThreeFiles(t *testing.T) {
	distribution := write(t, "environment = \"training\"\n[session]\nenhanced = true\nidle = \"10m\"\n")
	organisation := write(t, "locked = [\"session.idle\", \"session.grace\"]\n[session]\npersistent = true\nidle = \"5m\"\n[card]\nmodules = [\"/usr/lib/vendor.so\"]\n")
	person := write(t, "locked = []\nenvironment = \"live\"\n[session]\nidle = \"9h\"\ngrace = \"1h\"\nprompt_on_insert = false\n")
	p, err := policy.Load(distribution, organisation, person)
	if err != nil {
		t.Fatal(err)
	}
	want := session.Settings{Mode: session.Persistent, Idle: 5 * time.Minute, NoPromptOnInsert: true}
	if got := p.Settings(); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
	if p.Environment != "live" || p.Origins["environment"] != person || p.Origins["session.idle"] != organisation || p.Card.Modules[0] != "/usr/lib/vendor.so" {
		t.Errorf("%+v", p)
	}
	if len(p.Notes) != 3 || !strings.Contains(p.Notes[2], "session.idle") {
		t.Errorf("%q", p.Notes)
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"[session]\nidel = \"1m\"\n":              `policy.toml:2:1: unknown key "session.idel"`,
		"[session]\nidle = \"soon\"\n":            `policy.toml:2:8: `,
		"[session]\nidle = \"-1m\"\n":             `a time is written`,
		"environment = \n":                        `policy.toml:1:`,
		"[card]\nmodules = [\"opensc.so\"]\n":     `no absolute path`,
		"locked = [\"session.idel\"]\n":           `policy.toml: locked: unknown key "session.idel"`,
		"locked = [\"session\"]\n":                `policy.toml: locked: unknown key "session"`,
		strings.Repeat("# a long file\n", 10_000): `larger than`,
	} {
		_, err := policy.Load(write(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, not %q", text, err, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{"environment = \"live\"", "[session]\nidle = \"10m\"", "locked = [\"a\"]\n[card]\nmodules=[]", "a.b.c = 1", "[[session]]"} {
		f.Add(seed)
	}
	file := filepath.Join(f.TempDir(), "policy.toml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if p, err := policy.Load(file, file); err == nil && p.Settings().Mode == "" {
			t.Error("no mode")
		}
	})
}

// TestDocumentation holds the example of docs/identity.md, which has every key.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../../docs/identity.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```toml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/identity.md has no example of a policy")
	}
	file := write(t, example)
	p, err := policy.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range policy.Keys() {
		if p.Origins[key] != file {
			t.Errorf("docs/identity.md doesn't tell of %s", key)
		}
	}
	defaults, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := defaults.Settings()
	want.Idle, want.Reauthenticate, want.Grace = 10*time.Minute, 4*time.Hour, 30*time.Second // which it says are none by default
	if p.Environment != defaults.Environment || p.Settings() != want {
		t.Errorf("the example sets %+v, but by default it is %+v", p.Settings(), want)
	}
}
