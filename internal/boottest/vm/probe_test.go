package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeQEMU puts a shell script in QEMU's place.
func fakeQEMU(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestKernelBoots(t *testing.T) {
	tests := map[string]struct {
		script string
		why    string // "" when it boots
	}{
		"it looks for its root":    {"echo 'Linux version 6.12'; echo '[ 1.2] Kernel panic - not syncing: VFS: Unable to mount root'; exec sleep 60", ""},
		"it runs an init":          {"echo 'Run /init as init process'", ""},
		"it says its version only": {"echo 'Linux version 6.12'; exec sleep 60", "it hung for 500ms"},
		"another panic":            {"echo 'Kernel panic - not syncing: Fatal exception'", "the machine stopped before the kernel had started"},
		"internal error":           {"echo 'KVM internal error. Suberror: 1' >&2; exec sleep 60", "QEMU stopped with an internal error"},
		"QEMU refuses":             {"echo '" + program + ": no such CPU' >&2; echo more >&2; exit 1", "QEMU says: no such CPU"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fakeQEMU(t, test.script)
			begin := time.Now()
			why, ok := QEMU{}.bootKernel(t.Context(), "/kernel", 500*time.Millisecond)
			if why != test.why || ok != (test.why == "") {
				t.Errorf("boots: %t, %q; want %q", ok, why, test.why)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestProbeIsRemembered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	fakeQEMU(t, "echo QEMU emulator version 1.0")
	want := Accelerator{KVM, "because"}
	QEMU{}.remember(t.Context(), dir, want)
	if got, ok := (QEMU{}).recall(t.Context(), dir); !ok || got != want {
		t.Errorf("recalled %+v, %t", got, ok)
	}

	fakeQEMU(t, "echo QEMU emulator version 2.0")
	if _, ok := (QEMU{}).recall(t.Context(), dir); ok {
		t.Error("another QEMU's answer is taken")
	}

	fakeQEMU(t, "echo QEMU emulator version 1.0")
	b, err := os.ReadFile(memoryFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	older := strings.Replace(string(b), strings.TrimSpace(string(id)), "another", 1)
	if err := os.WriteFile(memoryFile(dir), []byte(older), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, ok := (QEMU{}).recall(t.Context(), dir); ok {
		t.Error("the answer of before the restart is taken")
	}
}

func TestProbeWithoutKernel(t *testing.T) {
	a := QEMU{}.Probe(t.Context(), "", t.TempDir())
	if a.Name != TCG || !strings.HasPrefix(a.Why, "/dev/kvm ") {
		t.Errorf("%+v", a)
	}
}
