package script

import (
	"errors"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"nhos.org/nhos/internal/ui"
	"nhos.org/nhos/internal/yamlfile"
)

// told is an error as a person reads it, without excerpts.
func told(err error) string {
	var b strings.Builder
	all := []error{err}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		all = many.Unwrap()
	}
	for _, e := range all {
		b.WriteString(e.Error() + "\n")
		if hint := ui.HintOf(e); hint != "" {
			b.WriteString("  hint: " + hint + "\n")
		}
	}
	return b.String()
}

// everyVerb is one step of each verb; with it a machine is switched off and on so that each can be done.
const everyVerb = `about: Every verb
machine: {firmware: bios, medium: cd, memory: 512, cpus: 1, disk: [1G, 64M], network: recorded, screen: 1920x1080}
steps:
  - wait for boot
  - wait for unit: ssh.service
    within: 3m
  - wait for port: 22
  - wait for file: /run/ready
  - wait for process: cinnamon
  - wait for command: test -e /x
  - wait for no unit: ssh.service
  - wait for no port: 80
  - wait for no file: /run/nologin
  - wait for no process: apt
  - wait for text: Log in
    region: [0, 0.5, 1, 0.5]
  - wait for still screen: 1m30s
  - wait for serial line: "login:"
  - type: "hello\tworld\n"
  - keys: ctrl-alt-F2
  - keys: [down, enter]
  - move to: [0.5, 1]
  - click: {text: Menu}
  - double click: [0, 0]
  - right click: [0.25, 0.75]
  - plug: usb stick
    size: 64M
  - unplug: usb-stick
  - plug: {disk: second}
`

func TestReadTakesEveryVerb(t *testing.T) {
	text := strings.ReplaceAll(everyVerb, "  - plug: {disk: second}\n", `  - plug: disk
    name: second
    size: 1K
  - insert: read.go
  - eject
  - network: slow
    rate: 64K
    delay: 200ms
  - listen: 20s
  - expect only named destinations
  - run: |
      echo one
      exit 1
    status: 1
    expect: one
    as: user
  - open: firefox-esr file:///a?b=c
  - run checks
  - restart
  - reset
  - screenshot: desktop
  - compare: read.go
    region: [0, 0, 0.5, 0.5]
    tolerance: 2.5%
  - power button
  - power on
  - power off
  - power on
  - power cut
`)
	s, err := parse("every.yaml", []byte(text))
	if err != nil {
		t.Fatal(told(err))
	}
	want := Machine{"bios", "cd", 512, 1, []int64{1 << 30, 64 << 20}, image.Pt(1920, 1080), NetworkRecorded}
	if diff := cmp.Diff(want, s.Machine); diff != "" {
		t.Error(diff)
	}
	var sentences []string
	used := map[string]bool{}
	for _, step := range s.Steps {
		used[step.Verb] = true
		sentences = append(sentences, step.String())
	}
	for _, v := range verbs {
		if !used[v.name] {
			t.Errorf("no step says %q", v.name)
		}
	}
	for _, words := range []string{
		"wait for boot", "wait for unit ssh.service", "wait for port 22", `wait for text "Log in"`, "wait for still screen for 1m30s",
		`type "hello\tworld\n"`, "keys ctrl-alt-f2", "keys down ret", "move to 0.5, 1", `click "Menu"`, "plug usb stick",
		`run as user "echo one\nexit 1"`, "open firefox-esr file:///a?b=c", "screenshot desktop", "power cut",
	} {
		if !strings.Contains("\n"+strings.Join(sentences, "\n")+"\n", "\n"+words+"\n") {
			t.Errorf("no step reads %s", words)
		}
	}
	byVerb := map[string]Step{}
	for _, step := range s.Steps {
		step.Line = 0
		byVerb[step.Verb] = step
	}
	for _, want := range []Step{
		{Verb: "wait for unit", Value: "ssh.service", Within: 3 * time.Minute},
		{Verb: "wait for text", Value: "Log in", Region: Region{0, 0.5, 1, 0.5}},
		{Verb: "network", Value: "slow", Rate: 64 << 10, Delay: 200 * time.Millisecond},
		{Verb: "run", Value: "echo one\nexit 1", Status: 1, Expect: "one", As: "user"},
		{Verb: "open", Program: []string{"firefox-esr", "file:///a?b=c"}},
		{Verb: "compare", Value: "read.go", Region: Region{0, 0, 0.5, 0.5}, Tolerance: 0.025},
		{Verb: "plug", Value: "disk", Name: "second", Size: 1 << 10},
	} {
		if diff := cmp.Diff(want, byVerb[want.Verb], cmpopts.IgnoreUnexported(Step{})); diff != "" {
			t.Error(diff)
		}
	}
	if s.Steps[1].Line != 5 || s.Steps[2].Line != 7 {
		t.Errorf("lines %d, %d", s.Steps[1].Line, s.Steps[2].Line)
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	const head = "about: x\nsteps:\n"
	tests := []struct{ name, text, want string }{
		{"unknown verb", head + "  - wait for txt: a", "x.yaml:3:5: unknown verb \"wait for txt\"\n  hint: did you mean \"wait for text\"?\n"},
		{"fixed wait", head + "  - sleep: 5s", "x.yaml:3:5: unknown verb \"sleep\"\n  hint: nothing waits for a fixed time: wait for what should come, or: wait for still screen: 5s\n"},
		{"bare", head + "  - run", "x.yaml:3:5: \"run\" needs a command after a colon\n  hint: for example: run: systemctl is-active ssh\n"},
		{"not bare", head + "  - eject: now", "x.yaml:3:12: \"eject\" takes nothing after the colon\n  hint: leave it out, and what comes after it on lines of its own\n"},
		{"no value", head + "  - run:", "x.yaml:3:5: key \"run\" has no value\n  hint: give it a value or leave the key out\n"},
		{"beside", head + "  - run: ls\n    withn: 3m", "x.yaml:4:5: unknown key \"withn\"\n  hint: did you mean \"within\"?\n"},
		{"beside another", head + "  - keys: a\n    within: 3m", "x.yaml:4:5: unknown key \"within\"\n  hint: the keys here are keys\n"},
		{"twice", head + "  - run: ls\n    within: 3m\n    within: 4m", "x.yaml:5:5: key \"within\" is there twice\n  hint: put both into one\n"},
		{"unit", head + "  - wait for unit: ssh", "x.yaml:3:20: \"ssh\" is not a systemd unit\n  hint: for example graphical.target\n"},
		{"port", head + "  - wait for port: 70000", "x.yaml:3:20: \"70000\" is not a TCP port\n  hint: a number from 1 to 65535\n"},
		{"account", head + "  - run: ls\n    as: usr", "x.yaml:4:9: \"usr\" is not an account\n  hint: did you mean \"user\"?\n"},
		{"shell", head + "  - open: nemo \"/a b\"", "x.yaml:3:11: \"nemo \\\"/a b\\\"\" is not a program\n  hint: " + programKind.rule + "\n"},
		{"blank program", head + "  - open: ' '", "x.yaml:3:11: \" \" is not a program\n  hint: " + programKind.rule + "\n"},
		{"no program", head + "  - open: []", "x.yaml:3:11: this isn't a program\n  hint: " + programKind.rule + "\n"},
		{"path", head + "  - wait for file: run/ready", "x.yaml:3:20: \"run/ready\" is not an absolute path\n  hint: for example /run/ready\n"},
		{"duration", head + "  - run: ls\n    within: 3 minutes", "x.yaml:4:13: \"3 minutes\" is not a duration\n  hint: a number with h, m or s after it, for example 1m30s\n"},
		{"no duration", head + "  - run: ls\n    within: 0s", "x.yaml:4:13: \"0s\" is not a duration of a test\n  hint: a number with h, m or s after it, for example 1m30s\n"},
		{"key", head + "  - keys: ctrl-alt-f13", "x.yaml:3:11: \"f13\" is no key\n  hint: keys that are pressed together with dashes between them; several combinations as a list\n"},
		{"place", head + "  - click: [1.5, 0]", "x.yaml:3:12: this isn't a place on the screen\n  hint: " + placeKind.rule + "\n"},
		{"region", head + "  - wait for text: a\n    region: [0, 0.5, 1, 0.6]", "x.yaml:4:13: this isn't a region of the screen\n  hint: its left, top, width and height as shares of the screen\n"},
		{"share", head + "  - compare: read.go\n    tolerance: 2", "x.yaml:4:16: \"2\" is not a percentage\n  hint: a number with % after it, at most 100%\n"},
		{"file", head + "  - insert: gone.iso", "x.yaml:3:13: there is no file \"gone.iso\"\n  hint: a path, from the scenario's folder\n"},
		{"device", head + "  - plug: usb stik\n    size: 1M", "x.yaml:3:11: \"usb stik\" is not a device\n  hint: did you mean \"usb stick\"?\n"},
		{"no content", head + "  - plug: usb stick", "x.yaml:3:5: the usb stick has no content\n  hint: file names what it holds, size makes an empty one, for example size: 64M\n"},
		{"content of nothing", head + "  - plug: usb tablet\n    size: 1M", "x.yaml:3:5: a usb tablet holds nothing\n  hint: leave file and size out\n"},
		{"not plugged", head + "  - unplug: stik", "x.yaml:3:1: nothing is plugged in as \"stik\"\n  hint: the devices are medium\n"},
		{"plugged twice", head + "  - {plug: usb tablet, name: a}\n  - {plug: usb tablet, name: a}", "x.yaml:4:1: something is plugged in as \"a\" already\n  hint: name it otherwise, for example name: a-2\n"},
		{"off", head + "  - power cut\n  - restart", "x.yaml:4:1: the machine is off since line 3\n  hint: power on comes first\n"},
		{"on", head + "  - power on", "x.yaml:3:1: the machine is on\n  hint: power off, power cut or power button comes first\n"},
		{"network", head + "  - network: slow", "x.yaml:3:1: the machine has no network card\n  hint: machine: {network: off} gives it one, with its cable pulled\n"},
		{"listening to nothing", "machine: {network: on}\n" + head + "  - listen: 5m", "x.yaml:4:1: the machine has no network that is recorded\n  hint: machine: {network: recorded} gives it one that is\n"},
		{"recorded later", "machine: {network: on}\n" + head + "  - network: recorded", "x.yaml:4:14: \"recorded\" is not a state of the network\n  hint: the values are off, on, slow\n"},
		{"slow what", "machine: {network: on}\n" + head + "  - network: off\n    rate: 1K", "x.yaml:4:1: rate and delay are for a slow network\n  hint: network: slow takes them\n"},
		{"machine", "machine: {memory: 4G, disc: 8G, firmware: uefy}\n" + head + "  - reset", "x.yaml:1:19: \"4G\" is not an amount of memory\n  hint: MiB, a number from 64 to 1048576\nx.yaml:1:23: unknown key \"disc\"\n  hint: did you mean \"disk\"?\nx.yaml:1:43: \"uefy\" is not a firmware\n  hint: did you mean \"uefi\"?\n"},
		{"a small screen", "machine: {screen: 320x200}\n" + head + "  - reset", "x.yaml:1:19: \"320x200\" is not a size of screen\n  hint: width x height in pixels, from 640x480 to 2560x1600\n"},
		{"a screen in words", "machine: {screen: large}\n" + head + "  - reset", "x.yaml:1:19: \"large\" is not a size of screen\n  hint: width x height in pixels, from 640x480 to 2560x1600\n"},
		{"no steps", "about: x", "x.yaml:1:1: key \"steps\" is missing\n  hint: docs/scenarios.md has an example\n"},
		{"empty steps", "about: x\nsteps: []", "x.yaml:2:8: the steps must be a list\n  hint: write every step on a line of its own, after a dash\n"},
		{"a list in a list", head + "  - - run: ls", "x.yaml:3:5: this is no step\n  hint: for example: wait for text: login\n"},
		{"escape", head + "  - type: \"\\e[0m\"", "x.yaml:3:11: \"\\x1b[0m\" holds a character that can't be seen\n  hint: for example \"hello\\n\"\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse("x.yaml", []byte(test.text))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, told(err)); diff != "" {
				t.Error(diff)
			}
			var place *yamlfile.Error
			if !errors.As(err, &place) || place.Excerpt() == "" {
				t.Errorf("it doesn't show the place: %v", err)
			}
		})
	}
}

func TestDigestCoversTheFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	digest := func() string {
		s, err := Read(filepath.Join(dir, "a-script.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return s.Digest
	}
	write("a.img", "a")
	write("b.png", "b")
	write("a-script.yaml", "about: x\nsteps:\n  - plug: usb stick\n    file: a.img\n  - compare: b.png\n")
	seen := map[string]string{digest(): "the first"}
	for what, change := range map[string]func(){
		"the script": func() {
			write("a-script.yaml", "about: y\nsteps:\n  - plug: usb stick\n    file: a.img\n  - compare: b.png\n")
		},
		"the stick's content": func() { write("a.img", "c") },
		"the picture":         func() { write("b.png", "c") },
	} {
		change()
		d := digest()
		if before, known := seen[d]; known {
			t.Errorf("%s has the digest of %s", what, before)
		}
		seen[d] = what
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"restart": "restart", "run: ls": `run "ls"`, "{run: ls, within: 5s}": `run "ls"`, `type: "a\n"`: `type "a\n"`,
	} {
		if s, err := Line(text, "."); err != nil || s.String() != want {
			t.Errorf("%s: %s, %v", text, s.String(), err)
		}
	}
	for _, text := range []string{"", "run", "- run: ls", "rn: ls", "run: ls\nrestart", "a: {b", "# nothing"} {
		if _, err := Line(text, "."); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"scenarios/one.yaml", "features/a/scenarios/two.yaml", "features/b/scenarios/both.yaml", "respins/c/scenarios/both.yaml"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"one": filepath.Join(dir, "scenarios/one.yaml"), "two": filepath.Join(dir, "features/a/scenarios/two.yaml"),
		"./x": "./x", "x.yaml": "x.yaml",
	} {
		if got, err := Find(dir, name); got != want || err != nil {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	for name, hint := range map[string]string{"onee": `did you mean "one"?`, "none-such": "the scenarios are both, one, two", "both": "name one of them by its path"} {
		if _, err := Find(dir, name); err == nil || ui.HintOf(err) != hint {
			t.Errorf("%s: %v, %q", name, err, ui.HintOf(err))
		}
	}
}

func TestSchemaIsFresh(t *testing.T) {
	want, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/schema/scenario.json")
	if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
		t.Errorf("docs/schema/scenario.json is stale; run go generate ./internal/boottest/script (%v)\n%s", err, diff)
	}
}
