package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nhos.org/nhos/internal/ui"
)

func TestNeverRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("run as root: what is refused is root")
	}
	err := serve(t.Context(), &flags{})
	if err == nil || !strings.Contains(err.Error(), "doesn't run as root") || ui.ExitCode(err) != ui.ExitUsage {
		t.Error(err)
	}
}

// TestUnits has systemd read the units, with a program at the place that they name.
func TestUnits(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "nhos-identityd")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var units []string
	for _, name := range []string{"nhos-identityd.service", "nhos-identityd.socket"} {
		text, err := os.ReadFile("../../packaging/identity/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte("/usr/bin/nhos-identityd"), []byte(program))
		unit := filepath.Join(dir, name)
		if err := os.WriteFile(unit, text, 0o644); err != nil {
			t.Fatal(err)
		}
		units = append(units, unit)
	}
	c := exec.Command("systemd-analyze", append([]string{"--user", "--man=no", "verify"}, units...)...)
	c.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
