//go:build boot

package acceptance

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"nhos.org/nhos/internal/boottest/guest"
	"nhos.org/nhos/internal/boottest/vm"
)

// patience is for what a guest does in seconds, on an idle computer.
const patience = 3 * time.Minute

// A playground is a booted guest that does what it is told, in a machine that can do everything.
type playground struct {
	*testing.T
	vm    *vm.VM
	guest *guest.Conversation
}

// play boots a medium with a guest that serves.
func play(t *testing.T, iso string) playground {
	t.Helper()
	dir := t.TempDir()
	program, err := os.Open(os.Getenv("NHOS"))
	must(t, err)
	defer func() { _ = program.Close() }()
	job := filepath.Join(dir, "job")
	must(t, os.Mkdir(job, 0o755))
	must(t, guest.WriteJob(job, guest.Job{BootLimit: 15 * time.Minute, StuckLimit: 5 * time.Minute, Serve: true}, program))
	disk := filepath.Join(dir, "job.iso")
	if out, err := exec.Command("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", guest.DiskLabel, "-o", disk, job).CombinedOutput(); err != nil {
		t.Fatalf("xorriso: %v: %s", err, out)
	}
	v, err := vm.Start(t.Context(), vm.Config{
		Medium: iso, Firmware: vm.BIOS, As: vm.CD, Accelerator: vm.Accelerator{Name: vm.TCG}, Disk: disk,
		OEMStrings: guest.Credentials(), Dir: filepath.Join(dir, "machine"),
		Disks:   []vm.Disk{{ID: "state", File: filepath.Join(dir, "state.img"), Size: 1 << 20, Bus: "virtio"}},
		Network: vm.UserNetwork, Keyboard: vm.GB, HotPlug: true, Restartable: true,
	})
	must(t, err)
	t.Cleanup(func() { v.Kill(); _ = v.Wait() })
	return playground{t, v, guest.NewConversation(v.Port(), 15*time.Minute, nil)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ask wants the guest to pass.
func (p playground) ask(r guest.Request) guest.Answer {
	p.Helper()
	a, err := p.guest.Ask(p.Context(), r)
	if err != nil || !a.Passed {
		p.Fatalf("%s: %+v, error %v", r, a, err)
	}
	return a
}

func (p playground) run(command string) string {
	p.Helper()
	return p.ask(guest.Request{Kind: guest.AskRun, Run: command, Within: patience}).Output
}

// TestGuestServes boots images/mini once, and shows what can be done to the machine and asked of the guest.
func TestGuestServes(t *testing.T) {
	n := shipped(t)
	iso, _ := n.build("mini")
	p := play(t, iso)
	facts, err := p.guest.Hello(t.Context())
	if err != nil || !strings.Contains(facts.OS, "NHoS Mini") {
		t.Fatalf("%+v, error %v", facts, err)
	}
	if a := p.ask(guest.Request{Kind: guest.AskBoot, Within: 15 * time.Minute}); a.Boot.State != "running" {
		t.Errorf("%+v", a.Boot)
	}
	p.ask(guest.Request{Kind: guest.AskUnit, Unit: "systemd-logind.service"})
	for name, show := range map[string]func(playground){
		"network": playground.network, "devices": playground.devices, "pointer": playground.pointer, "keys": playground.keys,
	} {
		t.Run(name, func(t *testing.T) { show(playground{t, p.vm, p.guest}) })
	}

	p.run("echo kept > /dev/disk/by-id/virtio-state; sync")
	before := p.run("cat /proc/sys/kernel/random/boot_id")
	p.ask(guest.Request{Kind: guest.AskRestart})
	if after := p.run("cat /proc/sys/kernel/random/boot_id"); after == before {
		t.Errorf("it is the same boot: %s", after)
	}
	if kept := p.run("head -n 1 /dev/disk/by-id/virtio-state"); kept != "kept" {
		t.Errorf("the disk holds %q", kept)
	}

	p.ask(guest.Request{
		Kind: guest.AskRun, Run: "journalctl -b -u systemd-logind | grep 'Watching system buttons.*Power Button'",
		Until: true, Within: 10 * time.Minute,
	})
	must(t, p.vm.PowerButton(t.Context()))
	limit := time.After(5 * time.Minute)
	for {
		select {
		case e := <-p.vm.Events():
			if e.Name != "SHUTDOWN" {
				continue
			}
			if e.Reason != "guest-shutdown" {
				t.Errorf("event %+v", e)
			}
		case <-limit:
			t.Error("the guest doesn't heed its power button")
		}
		return
	}
}

// network shows that the card has a network from which nothing leaves, a cable, and a speed.
func (p playground) network() {
	p.Helper()
	card := p.run("ls -d /sys/class/net/*/device | cut -d / -f 5")
	if lease := p.run("ip link set " + card + " up; busybox udhcpc -f -n -q -t 10 -s /bin/true -i " + card + " 2>&1"); !strings.Contains(lease, "10.0.2.15") {
		p.Errorf("DHCP gave %s", lease)
	}
	p.run(fmt.Sprintf("ip address add 10.0.2.15/24 dev %s; ip route add default via 10.0.2.2", card))
	const get = "busybox wget -q -O - http://10.0.2.100/"
	if greeting := p.run(get); greeting+"\n" != vm.WebGreeting {
		p.Errorf("the server says %q", greeting)
	}

	local, err := net.Listen("tcp4", "127.0.0.1:0")
	must(p.T, err)
	defer func() { _ = local.Close() }()
	port := strconv.Itoa(local.Addr().(*net.TCPAddr).Port)
	for _, where := range []string{"10.0.2.2/" + port, "10.0.2.2/22", "1.1.1.1/53", "10.0.2.3/53"} {
		reach := guest.Request{Kind: guest.AskRun, Run: "timeout 10 bash -c '</dev/tcp/" + where + "'", Absent: true}
		p.ask(reach)
	}

	carrier := "/sys/class/net/" + card + "/carrier"
	for _, up := range []bool{false, true} {
		must(p.T, p.vm.SetLink(p.Context(), up))
		want := map[bool]string{false: "0", true: "1"}[up]
		p.ask(guest.Request{Kind: guest.AskRun, Run: "[ $(cat " + carrier + ") = " + want + " ]", Until: true, Within: patience})
	}

	const delay = 400 * time.Millisecond // ARP gives up after a second
	must(p.T, p.vm.SetNetworkSpeed(p.Context(), 0, delay))
	slow := p.ask(guest.Request{Kind: guest.AskRun, Run: get, Within: patience})
	must(p.T, p.vm.SetNetworkSpeed(p.Context(), 0, 0))
	if least := 4 * delay; slow.Duration < least { // to connect and to ask, there and back
		p.Errorf("with a delay of %v it took %v", delay, slow.Duration)
	}
	p.run(get)
}

// devices shows that the guest finds what is plugged in, and that it goes.
func (p playground) devices() {
	p.Helper()
	file := filepath.Join(p.TempDir(), "stick.img")
	must(p.T, os.WriteFile(file, make([]byte, 1<<20), 0o644))
	for _, test := range []struct {
		device vm.Device
		path   string
	}{
		{vm.Device{ID: "stick", Kind: vm.USBStick, File: file}, "/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_stick-0:0"},
		{vm.Device{ID: "second", Kind: vm.VirtioDisk, File: file, Writable: true}, "/dev/disk/by-id/virtio-second"},
		{vm.Device{ID: "keys", Kind: vm.USBKeyboard}, ""},
		{vm.Device{ID: "card", Kind: vm.NetworkCard}, ""},
	} {
		there := guest.Request{Kind: guest.AskFile, File: test.path, Within: patience}
		switch test.device.Kind {
		case vm.NetworkCard:
			there = guest.Request{Kind: guest.AskRun, Run: "[ $(ls -d /sys/class/net/*/device | wc -l) = 2 ]", Until: true, Within: patience}
		case vm.USBKeyboard:
			there = guest.Request{Kind: guest.AskRun, Run: "ls /dev/input/by-id/*Keyboard*-event-kbd", Until: true, Within: patience}
		}
		must(p.T, p.vm.Plug(p.Context(), test.device))
		p.ask(there)
		must(p.T, p.vm.Unplug(p.Context(), test.device.ID))
		there.Absent = true
		p.ask(there)
	}
}

// pointer shows that the guest's pointer goes where it is to go.
func (p playground) pointer() {
	p.Helper()
	ctx, cancel := context.WithCancel(p.Context())
	defer cancel()
	go func() { // the guest may not read from the first
		for i := 0; ctx.Err() == nil; i++ {
			_ = p.vm.Move(ctx, []float64{0.25, 0.5}[i%2], []float64{0.75, 0.5}[i%2])
			time.Sleep(200 * time.Millisecond)
		}
	}()
	// Each event has 24 bytes: two times, type and code, value; each move has three.
	events := p.run("head -c 144 /dev/input/by-id/*Tablet*-event-mouse | od -An -v -w24 -td4")
	for _, want := range []string{" 8192\n", " 24575\n"} {
		if !strings.Contains(events+"\n", want) {
			p.Errorf("%q is missing in\n%s", want, events)
		}
	}
}

// keys shows that a text arrives in a shell, by the layout of the guest.
func (p playground) keys() {
	p.Helper()
	p.ask(guest.Request{Kind: guest.AskProcess, Process: "bash", Within: patience})
	const text = `a|b\c#d~e@f"g`
	must(p.T, p.vm.Type(p.Context(), "echo '"+text+"' > /tmp/typed\n"))
	p.ask(guest.Request{Kind: guest.AskFile, File: "/tmp/typed", Within: patience})
	if got := p.run("cat /tmp/typed"); got != text {
		p.Errorf("%q was typed, %q arrived", text, got)
	}
}
