package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nhos.org/nhos/internal/boottest/vm/vmtest"
	"nhos.org/nhos/internal/ui"
)

func TestReadManifest(t *testing.T) {
	m, err := ReadManifest(vmtest.Medium(t, nil, map[string]string{
		".disk/nhos.json": `{"version": 1, "image": "mini", "product": "A Product", "environment": {"A": "b"}, "checks": [{"id": "a/b", "within_ns": 5}]}`,
	}))
	if err != nil || m == nil || m.Image != "mini" || m.Product != "A Product" || m.Environment["A"] != "b" ||
		len(m.Checks) != 1 || m.Checks[0].Within != 5 {
		t.Errorf("%+v, error %v", m, err)
	}
}

func TestReadManifestOfForeignMedia(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(disk, make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, medium := range map[string]string{
		"nothing":            vmtest.Medium(t, nil, nil),
		"a folder like ours": vmtest.Medium(t, nil, map[string]string{".disk/info": "Debian"}),
		"a disk's image":     disk,
	} {
		if m, err := ReadManifest(medium); m != nil || err != nil {
			t.Errorf("%s: %+v, error %v", name, m, err)
		}
	}
}

func TestReadManifestRefuses(t *testing.T) {
	damaged := vmtest.Medium(t, nil, map[string]string{".disk/nhos.json": "{}"})
	b, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	for i := 17 * 2048; i < len(b); i++ { // all that follows the first volume descriptor
		b[i] = 0xa5
	}
	if err := os.WriteFile(damaged, b, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ medium, want, hint string }{
		"a later version": {vmtest.Medium(t, nil, map[string]string{".disk/nhos.json": `{"version": 2, "checks": "else"}`}), "its format is version 2; version 1 is known", "use a newer nhos"},
		"no JSON":         {vmtest.Medium(t, nil, map[string]string{".disk/nhos.json": "{"}), "unexpected end of JSON", ""},
		"too long":        {vmtest.Medium(t, nil, map[string]string{".disk/nhos.json": strings.Repeat(" ", maxManifest+1)}), "more than 16777216 bytes", ""},
		"damaged":         {damaged, "damaged.iso", ""},
		"no file":         {"/nowhere/none.iso", "no such file", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := ReadManifest(test.medium)
			if m != nil || err == nil || ui.HintOf(err) != test.hint {
				t.Fatalf("%+v, error %v", m, err)
			}
			if name != "damaged" && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestCopyKernel(t *testing.T) {
	kernel := strings.Repeat("k", minKernel)
	target := filepath.Join(t.TempDir(), "kernel")
	found, err := copyKernel(vmtest.Medium(t, nil, map[string]string{
		"casper/README": "x", "casper/vmlinuz": "a link's size", "install.amd/vmlinuz-6.12": kernel,
	}), target)
	if b, _ := os.ReadFile(target); !found || err != nil || string(b) != kernel {
		t.Errorf("found: %t, %d bytes, error %v", found, len(b), err)
	}
	if found, err := copyKernel(vmtest.Medium(t, nil, nil), target); found || err != nil {
		t.Errorf("found: %t, error %v", found, err)
	}
}
