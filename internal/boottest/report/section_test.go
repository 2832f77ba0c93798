package report

import (
	"testing"

	"nhos.org/nhos/internal/boottest/scenario"
)

func TestWay(t *testing.T) {
	for want, r := range map[string]scenario.Result{
		"UEFI, as a USB stick":            {Firmware: "uefi", As: "usb"},
		"Secure Boot, as a CD":            {Firmware: "secureboot", As: "cd"},
		"BIOS, as a CD, menu entry check": {Firmware: "bios", As: "cd", Entry: "check"},
	} {
		if got := way(r); got != want {
			t.Errorf("way = %q, want %q", got, want)
		}
	}
}
