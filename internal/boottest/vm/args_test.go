package vm

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("x", 200_000) // longer than one argument of a program may be
	args, err := arguments(Config{
		Medium: "/a, b.iso", Firmware: SecureBoot, As: USB, Memory: 1024, CPUs: 3, Disk: "/job.iso",
		Accelerator: Accelerator{Name: TCG}, OEMStrings: []string{long, "last,one"},
	}, "10.0.2", dir)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Join(args, " ")
	for _, want := range []string{
		"-machine q35,smm=on", "property=secure,value=on", "OVMF_CODE_4M.ms.fd",
		"file.filename=/a,, b.iso", "usb-storage,drive=medium,removable=on,bootindex=0",
		"-nic none", "-accel tcg,thread=multi,tb-size=128 -cpu max,-erms,-fsrm,-avx,-avx2", "-smp 3 -m 1024",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is missing in %s", want, line)
		}
	}
	for _, a := range args {
		if len(a) > 4096 {
			t.Errorf("an argument of %d bytes", len(a))
		}
	}
	for i, a := range args {
		if a == "-blockdev" && !strings.Contains(args[i+1], "read-only=on") {
			t.Errorf("not read-only: %s", args[i+1])
		}
	}
	last := args[slices.Index(args, "type=11,path="+dir+"/oem-2")]
	b, err := os.ReadFile(strings.TrimPrefix(last, "type=11,path="))
	if err != nil || string(b) != "last,one" {
		t.Errorf("the last OEM string is %q, error %v", b, err)
	}
}

func TestArgumentsRefuseWhatTheyDoNotKnow(t *testing.T) {
	for _, cfg := range []Config{{Firmware: "coreboot", As: CD}, {Firmware: BIOS, As: "floppy"}} {
		if _, err := arguments(cfg, "10.0.2", t.TempDir()); err == nil || !strings.HasPrefix(err.Error(), "unknown ") {
			t.Errorf("%+v: error %v", cfg, err)
		}
	}
}

func TestProcessorsTakeTurnsWhereTranslatorsRace(t *testing.T) {
	tests := map[string]struct {
		accelerator, version string
		cpus                 int // 0 is the default
		want                 string
	}{
		"old":             {TCG, "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)", 0, "tcg,thread=multi,tb-size=128 1"},
		"old, two wanted": {TCG, "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)", 2, "tcg,thread=single,tb-size=128 2"},
		"just before":     {TCG, "8.0.5", 2, "tcg,thread=single,tb-size=128 2"},
		"just after":      {TCG, "8.1.0", 0, "tcg,thread=multi,tb-size=128 2"},
		"new":             {TCG, "10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)", 0, "tcg,thread=multi,tb-size=128 2"},
		"unknown":         {TCG, "next", 0, "tcg,thread=multi,tb-size=128 1"},
		"not translated":  {KVM, "7.2.22", 0, "kvm 2"},
	}
	for name, test := range tests {
		a := Accelerator{Name: test.accelerator}
		cpus := test.cpus
		if cpus == 0 {
			cpus = a.CPUs(test.version)
		}
		if got := fmt.Sprint(a.arguments(cpus, test.version)[1], " ", cpus); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
