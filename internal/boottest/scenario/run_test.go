package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/boottest/vm/vmtest"
	"nhos.org/nhos/internal/ui"
)

// program is a statically linked program that does nothing: these guests never run it.
func program(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "nhos"), source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, "nhos")
}

func options(t *testing.T, medium string) Options {
	t.Helper()
	return Options{
		Medium: medium, Firmware: vm.BIOS, As: vm.CD, Memory: 128, CPUs: 1, Accelerator: vm.TCG,
		Dir: filepath.Join(t.TempDir(), "run"), CacheDir: t.TempDir(), NHOS: program(t),
		limits: &limits{
			total: 3 * time.Minute, boot: 3 * time.Minute, hang: 12 * time.Second, still: 6 * time.Second, read: 3 * time.Second,
			settle: time.Second, grace: time.Second, stuck: time.Second,
		},
	}
}

func TestRunJudgesForeignMedia(t *testing.T) {
	tests := map[string]struct {
		code   []byte
		reason string // part of the first; "" passes
		note   string // part of one
		total  time.Duration
	}{
		"a message": {code: vmtest.Print("Welcome to another system.\r\nlogin:", nil), note: "only its screen was judged"},
		"restarts":  {code: vmtest.Reset, reason: "the guest restarted by itself"},
		"a panic on the screen": {
			code: vmtest.Print("Kernel panic - not syncing: VFS: no root", nil), reason: "the kernel panicked",
		},
		"blank": {code: vmtest.Blank, reason: "the guest hangs: no sign of life"},
		"hangs": {code: vmtest.Hang, reason: "nothing came after the firmware"},
		"a menu that waits": {
			code: vmtest.Print("GNU GRUB version 9\r\n\r\nAnother System", vmtest.AfterKey(vmtest.Reset)),
			note: "so Enter was pressed", reason: "the guest restarted by itself",
		},
		"never comes to rest": {code: vmtest.Restless, note: "never came to rest in 20s, so only its screen was judged", total: 20 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(t, vmtest.Medium(t, test.code, nil))
			if test.total > 0 {
				o.limits.total, o.limits.boot = test.total, test.total
			}
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			reasons := strings.Join(r.Reasons, "\n")
			if (r.Verdict == Passed) != (test.reason == "") || (r.Verdict == Passed) != (len(r.Reasons) == 0) ||
				!strings.HasPrefix(reasons, test.reason) {
				t.Errorf("%s: %s", r.Verdict, reasons)
			}
			if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, test.note) {
				t.Errorf("notes: %s", notes)
			}
			if len(r.Pictures) == 0 || r.Pictures[len(r.Pictures)-1].Caption != "the end" {
				t.Errorf("pictures %+v", r.Pictures)
			}
			checkFolder(t, o.Dir, r)
		})
	}
}

// checkFolder asserts that a run's folder holds the result and what it names, and nothing else.
func checkFolder(t *testing.T, dir string, r Result) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, resultFile))
	if err != nil {
		t.Fatal(err)
	}
	var kept Result
	if err := json.Unmarshal(b, &kept); err != nil {
		t.Fatal(err)
	}
	kept.Started, r.Started = time.Time{}, time.Time{} // the running clock isn't kept
	if diff := cmp.Diff(r, kept); diff != "" {
		t.Error(diff)
	}
	want := []string{commandFile, resultFile, serialFile}
	if r.Traffic != "" {
		want = append(want, r.Traffic)
	}
	for _, p := range r.Pictures {
		want = append(want, p.File)
	}
	slices.Sort(want)
	var got []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunOfOwnMediumThatNeverAnswers(t *testing.T) {
	medium := vmtest.Medium(t, vmtest.Print("A Product\r\nlogin:", nil), map[string]string{
		".disk/nhos.json": `{"version": 1, "product": "Other Product", "graphical": true, "checks": [{"id": "a/b", "claim": "all is well", "run": "true"}]}`,
	})
	r, err := Run(t.Context(), options(t, medium))
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	for _, c := range r.Checks {
		if !c.Passed {
			failed = append(failed, c.ID)
		}
	}
	if diff := cmp.Diff([]string{"a/b", "screen/shown", "screen/menu-names-product"}, failed); diff != "" {
		t.Error(diff)
	}
	if r.Verdict != Failed || len(r.Reasons) != 4 || !strings.HasPrefix(r.Reasons[0], "the guest hangs") ||
		r.Reasons[3] != "checks of the medium that were never run: 1" {
		t.Errorf("%s: %q", r.Verdict, r.Reasons)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	o := options(t, vmtest.Medium(t, vmtest.Blank, nil))
	begin := time.Now()
	_, err := Run(ctx, o)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, name := range []string{machineDir, jobDir, jobDisk, resultFile} {
		if _, err := os.Stat(filepath.Join(o.Dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	medium := vmtest.Medium(t, vmtest.Blank, nil)
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.odt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		change func(*Options)
		want   string
		hint   string
	}{
		"a program that isn't static": {func(o *Options) { o.NHOS = "/bin/sh" }, "isn't statically linked", "build with CGO_ENABLED=0"},
		"no program":                  {func(o *Options) { o.NHOS = "" }, "looking at the guest's program", ""},
		"a folder of somebody's":      {func(o *Options) { o.Dir = other }, "holds something else", "name a folder that is empty or doesn't exist"},
		"no folder":                   {func(o *Options) { o.Dir = "" }, "no folder", ""},
		"no medium":                   {func(o *Options) { o.Medium += "x" }, "reading the medium", ""},
		"another firmware":            {func(o *Options) { o.Firmware = "coreboot" }, `unknown firmware "coreboot"`, ""},
		"another accelerator":         {func(o *Options) { o.Accelerator = "xen" }, `unknown accelerator "xen"`, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(t, medium)
			test.change(&o)
			_, err := Run(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), test.want) || ui.HintOf(err) != test.hint {
				t.Errorf("error %v, hint %q", err, ui.HintOf(err))
			}
		})
	}
	if _, err := os.Stat(filepath.Join(other, "thesis.odt")); err != nil {
		t.Error(err)
	}
}
