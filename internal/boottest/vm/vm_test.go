package vm_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nhos.org/nhos/internal/boottest/screen"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/boottest/vm/vmtest"
	"nhos.org/nhos/internal/ui"
)

// startEnv makes this test binary start a machine with the medium that it names, say its process id and wait.
const startEnv = "NHOS_TEST_START_MACHINE"

func TestMain(m *testing.M) {
	medium := os.Getenv(startEnv)
	if medium == "" {
		os.Exit(m.Run())
	}
	_, err := vm.Start(context.Background(), config(medium, filepath.Dir(medium)))
	if err != nil {
		os.Exit(1)
	}
	children, _ := exec.Command("pgrep", "-P", strconv.Itoa(os.Getpid()), "qemu").Output()
	_, _ = os.Stdout.Write(children)
	select {}
}

func config(medium, dir string) vm.Config {
	return vm.Config{
		Medium: medium, Firmware: vm.BIOS, As: vm.CD, Memory: 128, CPUs: 1,
		Accelerator: vm.Accelerator{Name: vm.TCG}, Dir: filepath.Join(dir, "machine"),
	}
}

// startMachine powers a machine on and makes sure that it leaves nothing.
func startMachine(t *testing.T, cfg vm.Config) *vm.VM {
	t.Helper()
	v, err := vm.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.Kill()
		if err := v.Wait(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(cfg.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the machine's folder is still there: %v", err)
		}
	})
	return v
}

// waitForText looks at the screen until words are on it.
func waitForText(t *testing.T, v *vm.VM, words string) {
	t.Helper()
	var text string
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(200 * time.Millisecond) {
		b, err := v.Screenshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if text, err = screen.Text(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if screen.Shows(text, words) {
			return
		}
	}
	t.Fatalf("%q isn't on the screen, which reads %q", words, text)
}

func TestMachineBoots(t *testing.T) {
	code := vmtest.Print("Hello from the medium.\r\nPress a key.", vmtest.AfterKey(vmtest.Reset))
	cfg := config(vmtest.Medium(t, code, nil), t.TempDir())
	cfg.SerialLog = filepath.Join(t.TempDir(), "serial.log")
	v := startMachine(t, cfg)
	waitForText(t, v, "hello from the medium")
	if read, err := v.ReadBytes(t.Context()); err != nil || read < 2048 {
		t.Errorf("%d bytes were read from the medium, error %v", read, err)
	}
	if err := v.SendKey(t.Context(), "ret"); err != nil {
		t.Fatal(err)
	}
	for e := range v.Events() {
		if e.Name == "SHUTDOWN" {
			if e.Reason != "guest-reset" || !e.Guest {
				t.Errorf("event %+v", e)
			}
			break
		}
	}
	// The screen is still there to be looked at.
	waitForText(t, v, "hello from the medium")
	if status, err := v.Status(t.Context()); err != nil || status != "shutdown" {
		t.Errorf("status %q, error %v", status, err)
	}
}

func TestMachineBootsFromUSB(t *testing.T) {
	// A USB stick starts by its first sector: the same code, where a CD has its unused system area.
	medium := vmtest.Medium(t, vmtest.Hang, nil)
	b, err := os.ReadFile(medium)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, make([]byte, 8<<20)...) // a BIOS reads no stick of less than a cylinder
	copy(b, vmtest.Print("Hello from the stick.", nil))
	copy(b[510:], []byte{0x55, 0xaa})
	if err := os.WriteFile(medium, b, 0o444); err != nil {
		t.Fatal(err)
	}
	cfg := config(medium, t.TempDir())
	cfg.As = vm.USB
	waitForText(t, startMachine(t, cfg), "hello from the stick")
}

func TestMachineEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cfg := config(vmtest.Medium(t, vmtest.Blank, nil), t.TempDir())
	v, err := vm.Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := v.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(cfg.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the machine's folder is still there: %v", err)
	}
}

func TestMachineDiesWithItsProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), startEnv+"="+vmtest.Medium(t, vmtest.Blank, nil))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil {
		t.Fatalf("no machine was started: %q", line)
	}
	for begin := time.Now(); alive(pid); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > 10*time.Second {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("QEMU lives on")
		}
	}
}

// alive reports whether a process runs; one that has ended and that nobody has waited for doesn't.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func TestMachineThatCanNotStart(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "none.iso"), t.TempDir())
	_, err := vm.Start(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "none.iso': No such file") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(cfg.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the machine's folder is still there: %v", err)
	}
}

func TestMachineNamesThePackageThatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := vm.Start(t.Context(), config("x.iso", t.TempDir()))
	if err == nil {
		t.Fatal("no error")
	}
	if hint := ui.HintOf(err); hint != "install the package qemu-system-x86" {
		t.Errorf("hint %q", hint)
	}
}

// TestMachineOfAnUnpackedQEMU starts a QEMU that no PATH leads to, by the loader beside it.
func TestMachineOfAnUnpackedQEMU(t *testing.T) {
	root := t.TempDir()
	if err := os.Symlink("/usr", filepath.Join(root, "usr")); err != nil {
		t.Fatal(err)
	}
	installed, err := vm.QEMU{}.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	medium := vmtest.Medium(t, vmtest.Print("Hello from the medium.", nil), nil)
	path := os.Getenv("PATH")
	t.Setenv("PATH", t.TempDir())
	cfg := config(medium, t.TempDir())
	cfg.QEMU = vm.QEMU{Root: root}
	if version, err := cfg.QEMU.Version(t.Context()); version != installed || err != nil {
		t.Errorf("version %q, error %v; want %q", version, err, installed)
	}
	cfg.Firmware = vm.UEFI
	v := startMachine(t, cfg)
	t.Setenv("PATH", path)
	if line := strings.Join(v.Args(), " "); !strings.Contains(line, "file="+root+"/usr/share/OVMF/OVMF_CODE_4M.fd") {
		t.Errorf("it isn't started with its own firmware: %s", line)
	}
	if names, err := exec.Command("ps", "-o", "comm=", "--ppid", strconv.Itoa(os.Getpid())).Output(); err != nil || !strings.Contains(string(names), "qemu-system-x86\n") {
		t.Errorf("processes %q, error %v", names, err)
	}

	cfg = config(medium, t.TempDir())
	cfg.QEMU = vm.QEMU{Root: root}
	waitForText(t, startMachine(t, cfg), "hello from the medium")
}
