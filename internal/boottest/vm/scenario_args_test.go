package vm

import (
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArgumentsOfTheBootTestsMachine(t *testing.T) {
	// What nobody asked for leaves no trace: a boot test's machine is the same whatever scenarios can do.
	args, err := arguments(Config{
		Medium: "/m.iso", Firmware: BIOS, As: USB, Memory: 2048, CPUs: 2, Disk: "/job.iso", Accelerator: Accelerator{Name: TCG},
	}, "10.0.2", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := "-no-user-config -nodefaults -name nhos-test,process=qemu-system-x86 -accel tcg,thread=multi,tb-size=128 -cpu max,-erms,-fsrm,-avx,-avx2 " +
		"-smp 2 -m 2048 -display none -vga std -nic none -no-reboot -no-shutdown -machine q35 " +
		"-blockdev driver=raw,node-name=medium,read-only=on,file.driver=file,file.filename=/m.iso " +
		"-device qemu-xhci -device usb-storage,drive=medium,removable=on,bootindex=0 " +
		"-blockdev driver=raw,node-name=disk,read-only=on,file.driver=file,file.filename=/job.iso -device virtio-blk-pci,drive=disk " +
		"-chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control -chardev socket,id=serial,fd=4 -serial chardev:serial " +
		"-device virtio-serial-pci -chardev socket,id=port,fd=5 -device virtserialport,chardev=port,name=org.nhos.test"
	if diff := cmp.Diff(want, strings.Join(args, " ")); diff != "" {
		t.Error(diff)
	}
}

func TestArgumentsOfAScenariosMachine(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "disks", "a.img")
	cfg := Config{
		Medium: "/m.iso", Firmware: BIOS, As: CD, Accelerator: Accelerator{Name: TCG}, Network: UserNetwork, HotPlug: true,
		Restartable: true, Screen: image.Pt(1920, 1080), VNC: "127.0.0.1:5907",
		Disks: []Disk{{ID: "a", File: file, Size: 1 << 20, Bus: "usb"}, {ID: "b", File: "/m.iso", Bus: "nvme"}},
	}
	_, err := arguments(cfg, "10.0.2", dir)
	if err == nil || !strings.Contains(err.Error(), "disk b: /m.iso doesn't exist") {
		t.Fatalf("error %v", err)
	}
	if stat, err := os.Stat(file); err != nil || stat.Size() != 1<<20 {
		t.Errorf("%v, error %v", stat, err)
	}
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Disks = cfg.Disks[:1]
	args, err := arguments(cfg, "10.0.2", dir)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "kept" {
		t.Errorf("the disk holds %q, error %v", b, err)
	}
	line := strings.Join(args, " ")
	for _, want := range []string{
		"ide-cd,drive=medium,bootindex=0,id=medium", "qemu-xhci,id=nhos-usb", "usb-tablet,id=nhos-tablet", "pcie-root-port,id=nhos-slot-0",
		"usb-storage,id=a,drive=a,serial=a", "restrict=on,ipv6=off", "-vga none -device VGA,edid=on,xres=1920,yres=1080", "-vnc 127.0.0.1:7",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is missing in %s", want, line)
		}
	}
	if strings.Contains(line, "-no-reboot") || !strings.Contains(line, "-no-shutdown") {
		t.Errorf("restarting: %s", line)
	}
}

func TestArgumentsRefuseWhatMustNotBe(t *testing.T) {
	disk := func(d Disk) Config { return Config{Disks: []Disk{d}} }
	file := filepath.Join(t.TempDir(), "x,y.img")
	tests := map[string]struct {
		cfg  Config
		want string
	}{
		"screen for all":         {Config{VNC: "0.0.0.0:5901"}, `serving the screen on "0.0.0.0:5901"`},
		"screen by a name":       {Config{VNC: "localhost:5901"}, "serving the screen"},
		"screen with options":    {Config{VNC: "127.0.0.1:5901,password=on"}, "serving the screen"},
		"screen on a low port":   {Config{VNC: "127.0.0.1:80"}, "serving the screen"},
		"screen on no port":      {Config{VNC: "5901"}, "serving the screen"},
		"a socket that can't be": {Config{VNC: "/" + strings.Repeat("x", 200)}, "too long for a socket"},
		"another network":        {Config{Network: "bridge"}, `unknown network "bridge"`},
		"another bus":            {disk(Disk{ID: "a", File: file, Bus: "floppy"}), `disk a: unknown bus "floppy"`},
		"a name with an option":  {disk(Disk{ID: "a,b", File: file, Bus: "usb"}), "can't name a device"},
		"the medium's name":      {disk(Disk{ID: "medium", File: file, Bus: "usb"}), "belongs to a device of every machine"},
		"half a sector":          {disk(Disk{ID: "a", File: file + "x", Bus: "usb", Size: 700}), "700 bytes can't be the size"},
		"two of a name":          {Config{Disks: []Disk{{"a", file, 512, "usb"}, {"a", file, 512, "usb"}}}, "two disks"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.cfg.Firmware, test.cfg.As = BIOS, CD
			_, err := arguments(test.cfg, "10.0.2", t.TempDir())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestSpell(t *testing.T) {
	tests := []struct {
		keyboard Keyboard
		text     string
		want     string // strokes; ^ is Shift
	}{
		{US, "aZ 9(\n", "a ^z spc 9 ^9 ret"},
		{"", "'\"@#~\\|`", "apostrophe ^apostrophe ^2 ^3 ^grave_accent backslash ^backslash grave_accent"},
		{GB, "'\"@#~\\|`£¬", "apostrophe ^2 ^apostrophe backslash ^backslash less ^less grave_accent ^3 ^grave_accent"},
		{GB, "-_=+[{]};:,<.>/?", "minus ^minus equal ^equal bracket_left ^bracket_left bracket_right ^bracket_right " +
			"semicolon ^semicolon comma ^comma dot ^dot slash ^slash"},
	}
	for _, test := range tests {
		keys, err := spell(test.keyboard, test.text)
		if err != nil {
			t.Error(err)
		}
		var got []string
		for _, k := range keys {
			if k.shift {
				k.key = "^" + k.key
			}
			got = append(got, k.key)
		}
		if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", test.keyboard, diff)
		}
	}
	for _, k := range []Keyboard{US, GB} {
		for c := rune(' '); c <= '~'; c++ {
			if _, err := spell(k, string(c)); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := spell("", "a→b→c\x00"); err == nil || err.Error() != `typing: a US keyboard has no '→', '\x00'` {
		t.Errorf("error %v", err)
	}
}
