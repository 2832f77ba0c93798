package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/script"
	"nhos.org/nhos/internal/boottest/vm/vmtest"
	"nhos.org/nhos/internal/manifest"
	"nhos.org/nhos/internal/ui"
)

// scripted is the options for a foreign medium with a script.
func scripted(t *testing.T, medium, steps string) Options {
	t.Helper()
	return scriptedOn(t, medium, "off", steps)
}

func scriptedOn(t *testing.T, medium, network, steps string) Options {
	t.Helper()
	o := options(t, medium)
	o.limits.total, o.limits.boot = 0, time.Minute
	path := filepath.Join(t.TempDir(), "a-script.yaml")
	if err := os.WriteFile(path, []byte("about: a test\nmachine: {disk: 1M, network: "+network+"}\nsteps:\n"+steps), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := script.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	o.Script = s
	return o
}

func TestScriptOnAForeignMedium(t *testing.T) {
	greet := vmtest.Print("Welcome to another system.\r\nPress a key.", vmtest.AfterKey(vmtest.Blank))
	o := scripted(t, vmtest.Medium(t, greet, nil), `  - wait for text: Welcome to another
  - screenshot: greeting
  - wait for unit: graphical.target
  - power cut
  - power on
  - wait for text: Press a key
  - keys: spc
  - run: ls
  - plug: usb stick
    size: 1M
  - unplug: usb-stick
  - eject
  - network: slow
  - reset
  - wait for still screen: 500ms
`)
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != Passed || r.Scenario != "a-script" || r.Name != "bios-cd-128+a-script" {
		t.Errorf("%s %s is %s: %q", r.Name, r.Scenario, r.Verdict, r.Reasons)
	}
	var lines, left []int
	for _, s := range r.Steps {
		lines = append(lines, s.Line)
		if s.Skipped != "" {
			left = append(left, s.Line)
		}
		if s.Passed == (s.Skipped != "") {
			t.Errorf("%+v", s)
		}
	}
	if diff := cmp.Diff([]int{4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18}, lines); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{6, 11}, left); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(r.Pictures, func(p Picture) bool { return p.File == "shot-greeting.png" }) || r.Steps[1].Picture != "shot-greeting.png" {
		t.Errorf("pictures %+v", r.Pictures)
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "never answered") {
		t.Errorf("notes %q", r.Notes)
	}
	var events []string
	for _, e := range r.Timeline {
		events = append(events, e.What)
	}
	if diff := cmp.Diff([]string{"power on", "power cut", "power on", "machine starts anew"}, events); diff != "" {
		t.Error(diff)
	}
	checkFolder(t, o.Dir, r)
}

func TestScriptThatFails(t *testing.T) {
	tests := map[string]struct {
		code   []byte
		steps  string
		line   int
		reason string
	}{
		"a text that never comes": {
			vmtest.Print("Welcome", nil), "  - wait for text: Welcome\n  - wait for text: Goodbye\n    within: 1s\n  - reset\n", 5,
			`a-script.yaml:5: wait for text "Goodbye": not so after`,
		},
		"a guest that restarts by itself": {
			vmtest.Print("Welcome", vmtest.AfterKey(vmtest.Reset)), "  - wait for text: Welcome\n  - keys: a\n  - wait for text: Goodbye\n", 6,
			`a-script.yaml:6: wait for text "Goodbye": the guest restarted by itself`,
		},
		"a panic": {
			vmtest.Print("Kernel panic - not syncing: VFS", nil), "  - wait for text: Welcome\n", 4,
			`a-script.yaml:4: wait for text "Welcome": the kernel panicked`,
		},
		"a drive that isn't there": {
			vmtest.Print("Welcome", nil), "  - wait for text: Welcome\n  - unplug: medium\n", 5, "a-script.yaml:5: unplug medium: ",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := scripted(t, vmtest.Medium(t, test.code, nil), test.steps)
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Verdict != Failed || len(r.Reasons) != 1 || !strings.HasPrefix(r.Reasons[0], test.reason) {
				t.Errorf("%s: %q", r.Verdict, r.Reasons)
			}
			last := r.Steps[len(r.Steps)-1]
			if last.Line != test.line || last.Passed || last.Picture == "" {
				t.Errorf("the last step is %+v", last)
			}
			checkFolder(t, o.Dir, r)
		})
	}
}

func TestVerdictsAreReused(t *testing.T) {
	medium := vmtest.Medium(t, vmtest.Print("Welcome", nil), nil)
	o := scripted(t, medium, "  - wait for text: Welcome\n")
	run := func(o Options) Result {
		t.Helper()
		r, err := Run(t.Context(), o)
		if err != nil || r.Verdict != Passed {
			t.Fatal(r.Reasons, err)
		}
		return r
	}
	first := run(o)
	again := run(o)
	if first.Reused || !again.Reused || !again.Started.Equal(first.Started) || !strings.HasPrefix(again.Notes[len(again.Notes)-1], "reused: it passed on ") {
		t.Errorf("%t, %t, %q", first.Reused, again.Reused, again.Notes)
	}
	elsewhere := o
	elsewhere.Dir = filepath.Join(t.TempDir(), "elsewhere")
	if r := run(elsewhere); !r.Reused || !r.whole(elsewhere.Dir) {
		t.Errorf("reused in another folder: %t", r.Reused)
	}

	for what, change := range map[string]func(*Options){
		"the memory":        func(o *Options) { o.Memory++ },
		"the processors":    func(o *Options) { o.CPUs++ },
		"the attachment":    func(o *Options) { o.As = "usb" },
		"the firmware":      func(o *Options) { o.Firmware = "uefi" },
		"the script":        func(o *Options) { s := *o.Script; s.Digest += "x"; o.Script = &s },
		"the medium":        func(o *Options) { o.Medium = vmtest.Medium(t, vmtest.Print("Welcome back", nil), nil) },
		"the program":       func(o *Options) { o.NHOS = appended(t, o.NHOS) },
		"being asked to":    func(o *Options) { o.Fresh = true },
		"keeping the files": func(o *Options) { o.Keep = true },
	} {
		o := o
		change(&o)
		r := Result{Name: o.Name(), Firmware: string(o.Firmware), As: string(o.As), Memory: o.Memory, CPUs: o.CPUs, QEMU: first.QEMU, Scenario: first.Scenario}
		r.SHA256, _ = script.FileDigest(o.Medium)
		r.Accelerator = first.Accelerator
		key, err := o.key(r)
		if err != nil {
			t.Fatal(err)
		}
		o.Progress = silence{}
		if _, known := o.recall(key); known {
			t.Errorf("%s doesn't matter", what)
		}
	}

	// What isn't there any more is made again.
	if err := os.Remove(filepath.Join(o.Dir, first.Pictures[0].File)); err != nil {
		t.Fatal(err)
	}
	if r := run(o); r.Reused {
		t.Error("reused without its picture")
	}
}

// appended is a copy of a program with a byte more.
func appended(t *testing.T, program string) string {
	t.Helper()
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "nhos")
	if err := os.WriteFile(path, append(b, 0), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFailuresAreNotReused(t *testing.T) {
	o := scripted(t, vmtest.Medium(t, vmtest.Print("Welcome", nil), nil), "  - wait for text: Goodbye\n    within: 100ms\n")
	for range 2 {
		if r, err := Run(t.Context(), o); err != nil || r.Reused || r.Verdict != Failed {
			t.Errorf("%+v, %v", r.Reused, err)
		}
	}
}

func TestPrompt(t *testing.T) {
	o := scripted(t, vmtest.Medium(t, vmtest.Print("Welcome", nil), nil),
		"  - wait for text: Goodbye\n    within: 100ms\n")
	var out bytes.Buffer
	o.Prompt = &Console{In: strings.NewReader("help\nkeys: a\nwait for text: Welcome\nkeyz: a\n{wait for serial line: x, within: 10ms}\nshell\nls\nexit\nscreenshot: there\nquit\nkeys: b\n"), Out: &out}
	shown := &hushes{}
	o.Progress = shown
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"booting " + r.Name + " (tcg)"}, shown.hushed); diff != "" {
		t.Errorf("phases that are silent at the prompt: %s", diff)
	}
	if r.Verdict != Failed || len(r.Steps) != 1 {
		t.Errorf("what was typed counts: %s, %+v", r.Verdict, r.Steps)
	}
	said := out.String()
	for _, words := range []string{
		"a step failed; the machine stays up, with its screen at 127.0.0.1:", "Each line is a step", `unknown verb "keyz"`, `did you mean "keys"?`,
		"failed after", "not so after", "guest# this guest doesn't answer", "shot-there.png",
	} {
		if !strings.Contains(said, words) {
			t.Errorf("it doesn't say %q:\n%s", words, said)
		}
	}
	if n := strings.Count(said, "passed in"); n != 3 {
		t.Errorf("%d steps passed, not 3:\n%s", n, said)
	}
}

// hushes keeps the names of the phases that were hushed.
type hushes struct {
	silence
	hushed []string
}

func (h *hushes) Begin(name string, _ int64) ui.Phase { return &hushing{all: h, name: name} }

type hushing struct {
	silence
	all  *hushes
	name string
}

func (h *hushing) Hush() { h.all.hushed = append(h.all.hushed, h.name) }

// TestWhatAGuestCantBeAskedIsSkipped has a guest without a user of a desktop.
func TestWhatAGuestCantBeAskedIsSkipped(t *testing.T) {
	host, port := net.Pipe()
	defer func() { _ = host.Close(); _ = port.Close() }()
	go func() {
		in := json.NewDecoder(port)
		_, _ = io.WriteString(port, `{"kind":"hello","session":"s","hello":{}}`+"\n")
		for {
			var r guest.Request
			if in.Decode(&r) != nil {
				return
			}
			a := guest.Answer{ID: r.ID, Unable: "nobody's desktop"}
			if r.Kind != guest.AskOpen || !slices.Equal(r.Open, []string{"nemo", "/a b"}) {
				a = guest.Answer{ID: r.ID, Output: fmt.Sprint(r, r.AsUser)}
			}
			if json.NewEncoder(port).Encode(guest.Message{Kind: guest.KindAnswer, Answer: &a}) != nil {
				return
			}
		}
	}()
	s := stage{&observer{guest: guest.NewConversation(host, time.Minute, nil)}}
	_, err := s.Ask(t.Context(), script.Question{Kind: "open", Program: []string{"nemo", "/a b"}})
	var skip *script.Skip
	if !errors.As(err, &skip) || skip.Why != "nobody's desktop" {
		t.Error(err)
	}
	if a, err := s.Ask(t.Context(), script.Question{Kind: "run", What: "ls", AsUser: true}); err != nil || a.Output != "run ls true" {
		t.Error(a, err)
	}
}

func TestKeepLeavesTheMachinesFiles(t *testing.T) {
	o := scripted(t, vmtest.Medium(t, vmtest.Print("Welcome", nil), nil), "  - wait for text: Welcome\n")
	o.Keep = true
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{jobDisk, commandFile, "disks/disk1.img", "machine/oem-1"} {
		if _, err := os.Stat(filepath.Join(o.Dir, file)); err != nil {
			t.Error(err)
		}
	}
	o.Keep, o.Fresh = false, true
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{jobDisk, disksDir, machineDir} {
		if _, err := os.Stat(filepath.Join(o.Dir, file)); err == nil {
			t.Errorf("%s is left", file)
		}
	}
}

func TestEmulatedGuestsQueue(t *testing.T) {
	o := Options{CacheDir: t.TempDir()}
	said := &notes{}
	o.Progress = said
	first, err := o.queue(t.Context(), "tcg")
	if err != nil {
		t.Fatal(err)
	}
	if kvm, err := o.queue(t.Context(), "kvm"); err != nil {
		t.Error(err)
	} else {
		kvm()
	}
	entered := make(chan struct{})
	go func() {
		defer close(entered)
		unlock, err := o.queue(t.Context(), "tcg")
		if err == nil {
			unlock()
		}
	}()
	select {
	case <-entered:
		t.Fatal("two guests at once")
	case <-time.After(700 * time.Millisecond):
	}
	first()
	<-entered
	if len(said.said) != 1 || !strings.Contains(said.said[0], "this one waits") {
		t.Errorf("said %q", said.said)
	}
}

type notes struct {
	silence
	said []string
}

func (n *notes) Note(s string) { n.said = append(n.said, s) }

// TestRecordedNetwork listens to a guest that says nothing, on a machine whose firmware says nothing either.
func TestRecordedNetwork(t *testing.T) {
	o := scriptedOn(t, vmtest.Medium(t, vmtest.Print("Welcome", nil), nil), "recorded", `  - wait for text: Welcome
  - network: off
  - network: on
  - listen: 1s
  - expect only named destinations
`)
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != Passed || len(r.Steps) != 5 || len(r.Destinations) != 0 || r.Steps[3].Duration < time.Second {
		t.Errorf("%s: %q, %+v, %+v", r.Verdict, r.Reasons, r.Steps, r.Destinations)
	}
	const header = 24 // of a capture file
	if info, err := os.Stat(filepath.Join(o.Dir, r.Traffic)); err != nil || info.Size() != header {
		t.Errorf("%v, %v", info, err)
	}
	args, err := os.ReadFile(filepath.Join(o.Dir, commandFile))
	if err != nil || bytes.Contains(args, []byte("user,id=")) || !bytes.Contains(args, []byte("virtio-net-pci,id=nhos-card")) {
		t.Errorf("%v: %s", err, args)
	}
	checkFolder(t, o.Dir, r)
}

func TestRecordingJudgesByTheManifest(t *testing.T) {
	dir := t.TempDir()
	arp := append(make([]byte, 12), append([]byte{8, 6}, make([]byte, 28)...)...)
	for _, test := range []struct {
		m     *manifest.Manifest
		named bool
	}{{nil, false}, {&manifest.Manifest{}, false}, {&manifest.Manifest{Destinations: []string{"arp"}}, true}} {
		r, err := record(dir, test.m)
		if err != nil {
			t.Fatal(err)
		}
		r.add(true, arp)
		r.add(false, arp)
		all, err := stage{&observer{recording: r}}.Destinations(t.Context())
		if err != nil || len(all) != 1 || all[0].Named != test.named || all[0].What != "arp 0.0.0.0" {
			t.Errorf("%+v, error %v", all, err)
		}
		if err := r.close(); err != nil {
			t.Error(err)
		}
		const header, frame = 24, 16 + 42
		if info, err := os.Stat(filepath.Join(dir, trafficFile)); err != nil || info.Size() != header+2*frame {
			t.Errorf("%v, %v", info, err)
		}
	}
	if _, err := (stage{&observer{}}).Destinations(t.Context()); err == nil {
		t.Error("nothing is recorded, and there are destinations")
	}
	if _, err := record(dir, &manifest.Manifest{Destinations: []string{"gopher"}}); err == nil {
		t.Error("a manifest that can't be read is taken")
	}
}
