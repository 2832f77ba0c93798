package vm_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/boottest/vm/vmtest"
)

// serial collects the lines of a machine's serial port.
type serial chan string

func listenTo(cfg *vm.Config) serial {
	s := make(serial, 1000)
	cfg.Line = func(line string) { s <- line }
	return s
}

// until returns the lines up to and with the one that is wanted.
func (s serial) until(t *testing.T, want string) []string {
	t.Helper()
	var got []string
	limit := time.After(time.Minute)
	for {
		select {
		case line := <-s:
			if got = append(got, line); line == want {
				return got
			}
		case <-limit:
			t.Fatalf("%q didn't come after %q", want, got)
		}
	}
}

// scenarioConfig is of a machine that can do everything but the network.
func scenarioConfig(t *testing.T, program string) (vm.Config, serial) {
	t.Helper()
	cfg := config(vmtest.Medium(t, vmtest.Assemble(t, program), nil), t.TempDir())
	cfg.HotPlug, cfg.Restartable = true, true
	return cfg, listenTo(&cfg)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTypedTextArrives(t *testing.T) {
	for keyboard, text := range map[string]string{
		"ps2": "Hello World 0123456789 -=[];'`\\,./ !@#$%^&*()_+{}:\"~|<>?",
		"usb": "hello stick", // a BIOS takes a few of its strokes a second
	} {
		t.Run(keyboard, func(t *testing.T) {
			cfg, lines := scenarioConfig(t, vmtest.Echo)
			v := startMachine(t, cfg)
			lines.until(t, "ready")
			if keyboard == "usb" {
				must(t, v.Plug(t.Context(), vm.Device{ID: "keys", Kind: vm.USBKeyboard}))
				must(t, v.Reset(t.Context())) // a BIOS looks for keyboards when it starts
				lines.until(t, "ready")
			}
			must(t, v.Type(t.Context(), text+"\n"))
			lines.until(t, text)
			if err := v.Type(t.Context(), "æ"); err == nil || !strings.Contains(err.Error(), "'æ'") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestDisksKeepWhatIsWrittenWhenThePowerIsCut(t *testing.T) {
	for _, bus := range []string{"virtio", "usb", "sata", "nvme"} {
		t.Run(bus, func(t *testing.T) {
			cfg, lines := scenarioConfig(t, vmtest.Disks)
			cfg.Disks = []vm.Disk{{ID: "state", File: filepath.Join(t.TempDir(), "disks", "state.img"), Size: 64 << 20, Bus: bus}}
			v := startMachine(t, cfg)
			first := lines.until(t, "over")
			v.Kill()
			must(t, v.Wait())
			startMachine(t, cfg)
			second := lines.until(t, "over")
			got := slices.DeleteFunc(slices.Concat(first, second), func(line string) bool {
				return !strings.Contains(" disks: found: written refused unreadable ", " "+strings.Fields(line)[0]+" ")
			})
			want := []string{"disks: 1", "found:", "written", "disks: 1", "found: left by a guest", "written"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSticksArePluggedAndUnplugged(t *testing.T) {
	cfg, lines := scenarioConfig(t, vmtest.Disks)
	v := startMachine(t, cfg)
	lines.until(t, "disks: 0")
	lines.until(t, "over")
	ctx := t.Context()

	stick := vm.Device{ID: "stick", Kind: vm.USBStick, File: filepath.Join(t.TempDir(), "stick.img")}
	content := append([]byte("a stick"), make([]byte, 16<<20)...)
	must(t, os.WriteFile(stick.File, content, 0o644))
	restarted := func(want ...string) {
		t.Helper()
		must(t, v.Reset(ctx))
		for _, w := range want {
			lines.until(t, w)
		}
		lines.until(t, "over")
	}
	must(t, v.Plug(ctx, stick))
	restarted("disks: 1", "found: a stick", "refused")
	if err := v.Plug(ctx, stick); err == nil || err.Error() != "plugging in stick: it is plugged in already" {
		t.Errorf("error %v", err)
	}
	must(t, v.Unplug(ctx, "stick"))
	restarted("disks: 0")

	stick.Writable = true
	must(t, v.Plug(ctx, stick))
	restarted("disks: 1", "found: a stick", "written")
	must(t, v.Unplug(ctx, "stick"))
	if b, err := os.ReadFile(stick.File); err != nil || !strings.HasPrefix(string(b), "left by a guest\x00") {
		t.Errorf("the stick holds %.20q, error %v", b, err)
	}

	disk := vm.Device{ID: "second", Kind: vm.VirtioDisk, File: filepath.Join(t.TempDir(), "new.img"), Size: 16 << 20, Writable: true}
	must(t, v.Plug(ctx, disk))
	restarted("disks: 1", "found:", "written")
	// A guest that doesn't know how to let go keeps a device in a slot, until it restarts.
	limited, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := v.Unplug(limited, "second"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	restarted("disks: 0")
	must(t, v.Unplug(ctx, "second"))
	must(t, v.Plug(ctx, disk))
	restarted("disks: 1", "found: left by a guest")
}

func TestPlugRefuses(t *testing.T) {
	cfg, _ := scenarioConfig(t, vmtest.Echo)
	v := startMachine(t, cfg)
	ctx := t.Context()
	tests := map[string]struct {
		device vm.Device
		want   string
	}{
		"no file":         {vm.Device{ID: "a", Kind: vm.USBStick}, "it has no file"},
		"a missing file":  {vm.Device{ID: "a", Kind: vm.USBStick, File: "/nowhere.img"}, "blockdev-add: QEMU says: Could not open '/nowhere.img': No such file"},
		"no size":         {vm.Device{ID: "a", Kind: vm.VirtioDisk, File: "/nowhere.img", Writable: true}, "0 bytes can't be the size"},
		"another kind":    {vm.Device{ID: "a", Kind: "floppy"}, `unknown kind "floppy"`},
		"the medium's id": {vm.Device{ID: "medium", Kind: vm.USBTablet}, "belongs to a device of every machine"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := v.Plug(ctx, test.device); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v", err)
			}
		})
	}
	for i := range 4 {
		must(t, v.Plug(ctx, vm.Device{ID: fmt.Sprintf("card%d", i), Kind: vm.NetworkCard}))
	}
	if err := v.Plug(ctx, vm.Device{ID: "card4", Kind: vm.NetworkCard}); err == nil || !strings.Contains(err.Error(), "all 4 slots are taken") {
		t.Errorf("error %v", err)
	}
	must(t, v.SetLink(ctx, false))
	if err := v.Unplug(ctx, "nothing"); err == nil || !strings.Contains(err.Error(), "QEMU says: Device 'nothing' not found") {
		t.Errorf("error %v", err)
	}
}

func TestMachineWithoutSockets(t *testing.T) {
	v := startMachine(t, config(vmtest.Medium(t, vmtest.Blank, nil), t.TempDir()))
	ctx := t.Context()
	for what, test := range map[string]struct {
		err  error
		want string
	}{
		"plug":   {v.Plug(ctx, vm.Device{ID: "a", Kind: vm.USBTablet}), "without anything to plug devices into"},
		"unplug": {v.Unplug(ctx, "medium"), "without anything to plug devices into"},
		"medium": {v.ChangeMedium(ctx, "medium", ""), "drives that stay closed"},
		"link":   {v.SetLink(ctx, true), "no network card"},
		"speed":  {v.SetNetworkSpeed(ctx, 1000, 0), "no network"},
		"reset":  {v.Reset(ctx), "stops when it restarts"},
		"move":   {v.Move(ctx, 0.5, 0.5), "QEMU says: Input handler not found"},
		"out":    {v.Move(ctx, 0.5, 1.5), "isn't on the screen"},
		"click":  {v.Click(ctx, "fourth", 1), "QEMU says: "},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: error %v", what, test.err)
		}
	}
}

func TestMediumIsChanged(t *testing.T) {
	cfg, lines := scenarioConfig(t, vmtest.Echo)
	v := startMachine(t, cfg)
	lines.until(t, "ready")
	ctx := t.Context()
	other := vmtest.Medium(t, vmtest.Print("Hello from the other medium.", nil), nil)
	must(t, v.ChangeMedium(ctx, "medium", other))
	must(t, v.Reset(ctx))
	waitForText(t, v, "hello from the other medium")
	must(t, v.ChangeMedium(ctx, "medium", ""))
	must(t, v.Reset(ctx))
	waitForText(t, v, "no bootable device")
	must(t, v.ChangeMedium(ctx, "medium", cfg.Medium))
	must(t, v.Reset(ctx))
	lines.until(t, "ready")
	if err := v.ChangeMedium(ctx, "medium", "/nowhere.iso"); err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("error %v", err)
	}
	if err := v.ChangeMedium(ctx, "second", ""); err == nil || !strings.Contains(err.Error(), "no such drive") {
		t.Errorf("error %v", err)
	}
}

func TestMediumStickIsPulledOut(t *testing.T) {
	cfg, _ := scenarioConfig(t, vmtest.Echo)
	cfg.As = vm.USB
	v := startMachine(t, cfg)
	must(t, v.Unplug(t.Context(), "medium"))
	must(t, v.Reset(t.Context()))
	waitForText(t, v, "no bootable device")
}

func TestPowerButton(t *testing.T) {
	cfg, lines := scenarioConfig(t, vmtest.Button)
	v := startMachine(t, cfg)
	lines.until(t, "ready")
	must(t, v.PowerButton(t.Context()))
	for e := range v.Events() {
		if e.Name == "SHUTDOWN" {
			if e.Reason != "guest-shutdown" || !e.Guest {
				t.Errorf("event %+v", e)
			}
			break
		}
	}
	if status, err := v.Status(t.Context()); err != nil || status != "shutdown" {
		t.Errorf("status %q, error %v", status, err)
	}
}

func TestGuestThatRestartsGoesOn(t *testing.T) {
	cfg := config(vmtest.Medium(t, vmtest.Print("x", vmtest.AfterKey(vmtest.Reset)), nil), t.TempDir())
	cfg.Restartable = true
	v := startMachine(t, cfg)
	waitForText(t, v, "x")
	must(t, v.SendKey(t.Context(), "ret"))
	for e := range v.Events() {
		if e.Name == "RESET" {
			break
		}
		if e.Name == "SHUTDOWN" {
			t.Fatalf("event %+v", e)
		}
	}
	if status, err := v.Status(t.Context()); err != nil || status != "running" {
		t.Errorf("status %q, error %v", status, err)
	}
}

func TestScreenIsServedWhereItWasAskedForOnly(t *testing.T) {
	port := freePort(t)
	for name, address := range map[string]string{
		"socket": filepath.Join(t.TempDir(), "screen"), "port": "127.0.0.1:" + strconv.Itoa(port), "nowhere": "",
	} {
		t.Run(name, func(t *testing.T) {
			cfg, _ := scenarioConfig(t, vmtest.Echo)
			cfg.VNC, cfg.Network = address, vm.UserNetwork
			v := startMachine(t, cfg)
			want := []string(nil)
			network := "unix"
			if name == "port" {
				network, want = "tcp", []string{fmt.Sprintf("tcp 0100007F:%04X", port)}
			}
			if diff := cmp.Diff(want, listeners(t, v)); diff != "" {
				t.Errorf("it listens: %s", diff)
			}
			if address == "" {
				return
			}
			conn, err := net.Dial(network, address)
			must(t, err)
			defer func() { _ = conn.Close() }()
			greeting, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil || !strings.HasPrefix(greeting, "RFB 003.") {
				t.Errorf("it greets by %q, error %v", greeting, err)
			}
			v.Kill()
			must(t, v.Wait())
			if _, err := os.Stat(address); err == nil {
				t.Error("the socket is left")
			}
		})
	}
}

// freePort is a port that nobody uses, among those that a screen may be served on.
func freePort(t *testing.T) int {
	t.Helper()
	for port := 5999; port > 5900; port-- {
		if l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("every port is taken")
	return 0
}

// listeners are the sockets of IP by which a machine's QEMU can be reached.
func listeners(t *testing.T, v *vm.VM) (list []string) {
	t.Helper()
	inodes := map[string]bool{}
	for _, pid := range children(t) {
		line, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		if strings.TrimRight(string(line), "\x00") != strings.Join(v.Args(), "\x00") {
			continue
		}
		files, err := filepath.Glob("/proc/" + pid + "/fd/*")
		must(t, err)
		for _, f := range files {
			target, _ := os.Readlink(f)
			if inode, is := strings.CutPrefix(target, "socket:["); is {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	if len(inodes) < 4 {
		t.Fatalf("QEMU has %d sockets; it is another process that was looked at", len(inodes))
	}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6", "raw", "raw6"} {
		b, err := os.ReadFile("/proc/net/" + table)
		if err != nil && strings.HasSuffix(table, "6") {
			continue // no IPv6 here
		}
		must(t, err)
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 9 && inodes[f[9]] {
				list = append(list, table+" "+f[1])
			}
		}
	}
	return list
}

// children are the processes that this one has started.
func children(t *testing.T) (pids []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	must(t, err)
	for _, f := range files {
		b, _ := os.ReadFile(f)
		pids = append(pids, strings.Fields(string(b))...)
	}
	return pids
}
