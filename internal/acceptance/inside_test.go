//go:build boot

package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nhos.org/nhos/internal/inventory"
)

// TestSecret wants a build to fail for a password that a respin lays, to succeed when the respin says why it may be
// there, and to fail again when it no longer does, although the layer is in the store then.
func TestSecret(t *testing.T) {
	n := provoked(t)
	respin := filepath.Join(n.definitions, "respins/leaky/respin.yaml")
	text, err := os.ReadFile(respin)
	if err != nil {
		t.Fatal(err)
	}
	fails := func(when string) {
		t.Helper()
		_, all, code := n.call("build", "leaky")
		for _, want := range []string{
			"a secret in the image: /etc/NetworkManager/system-connections/ward.nmconnection line 6: the value of psk (password)",
			"it comes from respins/leaky/files/etc/NetworkManager/system-connections/ward.nmconnection:6",
			"hint: ", "allow_secrets",
		} {
			if code != 1 || !strings.Contains(all, want) {
				t.Errorf("%s: exit code %d, %q is not in:\n%s", when, code, want, all)
			}
		}
		if strings.Contains(all, "kettle") {
			t.Errorf("%s: the password is in what was printed:\n%s", when, all)
		}
		if media, _ := filepath.Glob(filepath.Join(n.out, "leaky", "*.iso")); len(media) > 0 && when == "without a word" {
			t.Errorf("there is a medium: %v", media)
		}
	}
	write := func(more string) {
		t.Helper()
		if err := os.WriteFile(respin, append(text[:len(text):len(text)], more...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fails("without a word")
	write("allow_secrets:\n  - {path: /etc/NetworkManager/system-connections/ward.nmconnection, reason: It opens nothing}\n")
	n.build("leaky")
	write("")
	fails("the exception withdrawn")
}

// TestInside holds what lies beside a medium against each other and against the programs that others verify with.
func TestInside(t *testing.T) {
	n := shipped(t)
	iso, _ := n.build("mini")
	dir := filepath.Dir(iso)
	for _, file := range []string{"mini.lock", "mini.inventory.json.gz", "mini.sbom.cdx.json", "mini.provenance.json"} {
		sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil || size(t, filepath.Join(dir, file)) == 0 || !strings.Contains(string(sums), "  "+file+"\n") {
			t.Errorf("%s isn't in SHA256SUMS: %v\n%s", file, err, sums)
		}
	}
	v, err := inventory.Read(filepath.Join(dir, "mini.inventory.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range v.Packages {
		if p.Part == "" || p.Layer == "" {
			t.Errorf("nothing brings package %s %s", p.Name, p.Version)
		}
	}
	owner := map[string]string{}
	for _, f := range v.Files {
		owner[f.Path] = f.Package
	}
	for path, want := range map[string]string{"/usr/bin/bash": "bash", "/etc/hostname": "", "/etc/papersize": "", "/usr/share/doc/apt/copyright": "apt"} {
		if got, there := owner[path]; !there || got != want {
			t.Errorf("%s belongs to %q (there: %v), not to %q", path, got, there, want)
		}
	}
	key := filepath.Join(t.TempDir(), "key")
	for _, args := range [][]string{{"sign", "--new-key", key}, {"sign", "mini", "--key", key}, {"verify", "mini", "--key", key + ".pub"}, {"verify", iso, "--key", key + ".pub"}, {"sizes", "mini"}} {
		if _, all, code := n.call(args...); code != 0 {
			t.Errorf("nhos %s gave exit code %d:\n%s", strings.Join(args, " "), code, all)
		}
	}
}
