package boottest

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/boottest/scenario"
	"nhos.org/nhos/internal/boottest/script"
	"nhos.org/nhos/internal/boottest/vm"
	"nhos.org/nhos/internal/ui"
)

func names(t *testing.T, r Request) []string {
	t.Helper()
	all, err := r.runs()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range all {
		if o.Dir != filepath.Join(r.Folder, "boots", o.Name()) {
			t.Errorf("%s is in %s", o.Name(), o.Dir)
		}
		names = append(names, o.Name())
	}
	return names
}

func TestMatrix(t *testing.T) {
	a := &script.Script{Name: "a"}
	b := &script.Script{Name: "b", Machine: script.Machine{Firmware: "bios", Medium: "cd", Memory: 4096}}
	tests := map[string]struct {
		r    Request
		want []string
	}{
		"nothing":          {Request{}, []string{"secureboot-usb"}},
		"a script":         {Request{Scripts: []*script.Script{a}}, []string{"secureboot-usb+a"}},
		"its own wish":     {Request{Scripts: []*script.Script{a, b}}, []string{"secureboot-usb+a", "bios-cd-4096+b"}},
		"flags before it":  {Request{Scripts: []*script.Script{b}, Firmwares: []vm.Firmware{"uefi"}, Memories: []int{2048}}, []string{"uefi-cd+b"}},
		"an entry as well": {Request{Options: scenario.Options{Entry: "check"}, Scripts: []*script.Script{a}}, []string{"secureboot-usb-check+a"}},
		"everything": {
			Request{
				Scripts: []*script.Script{a, b}, Firmwares: []vm.Firmware{"bios", "uefi"}, Attachments: []vm.Attachment{"cd", "usb"},
				Memories: []int{2048, 4096},
			},
			[]string{
				"bios-cd+a", "bios-cd-4096+a", "bios-usb+a", "bios-usb-4096+a", "uefi-cd+a", "uefi-cd-4096+a", "uefi-usb+a", "uefi-usb-4096+a",
				"bios-cd+b", "bios-cd-4096+b", "bios-usb+b", "bios-usb-4096+b", "uefi-cd+b", "uefi-cd-4096+b", "uefi-usb+b", "uefi-usb-4096+b",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, names(t, test.r)); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := Request{Scripts: []*script.Script{a, {Name: "a"}}}.runs()
	if ui.ExitCode(err) != ui.ExitUsage {
		t.Errorf("two scenarios of one name: %v", err)
	}
}
