package build

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/image/contents"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/signature"
)

// leaking is an image whose feature lays a file with a password. allow is what the feature says of it.
func leaking(allow string) string {
	return `
-- images/desk.yaml --
description: A desk
base: test
product: The Desk
features: [wifi]
packages:
  add: [tea, milk]
-- features/wifi/feature.yaml --
description: The ward's Wi-Fi
` + allow + `
-- features/wifi/files/etc/wifi.conf --
ssid = ward
password = Sommer2026
`
}

// lay writes files of a layer and returns its folder.
func lay(t *testing.T, files map[string]string) string {
	t.Helper()
	upper := t.TempDir()
	for name, text := range files {
		path := filepath.Join(upper, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return upper
}

func TestASecretFailsTheLayer(t *testing.T) {
	const exception = "allow_secrets:\n  - {path: /etc/wifi.*, kind: %s, reason: It hangs on the wall}"
	laid := map[string]string{"etc/wifi.conf": "ssid = ward\npassword = Sommer2026\n"}
	for name, c := range map[string]struct {
		allow string
		files map[string]string
		want  string // of what is said; "" when the layer is good
	}{
		"a file of the definition": {
			"", laid,
			"nhos: error: a secret in the image: /etc/wifi.conf line 2: the value of password (password); it comes from features/wifi/files/etc/wifi.conf:2\nhint: everyone who has the medium can read it",
		},
		"a file that a script changed": {
			"",
			map[string]string{"etc/wifi.conf": "ssid = ward\n\npassword = Sommer2027\n"},
			"line 3: the value of password (password); the file comes from features/wifi/files/etc/wifi.conf and was changed since, by a script or a package\n",
		},
		"a file that a script made":          {"", map[string]string{"root/.netrc": "machine x login y password z\n"}, "/root/.netrc line 1: a password of .netrc (password)\nhint"},
		"an exception":                       {fmt.Sprintf(exception, "password"), laid, ""},
		"an exception of another kind":       {fmt.Sprintf(exception, "token"), laid, "a secret in the image"},
		"an exception of another path":       {"allow_secrets:\n  - {path: /etc/*/wifi.conf, reason: It hangs on the wall}", laid, "a secret in the image"},
		"an exception covers no second file": {fmt.Sprintf(exception, "password"), map[string]string{"etc/wifi.conf": "", "etc/lan.conf": laid["etc/wifi.conf"]}, "/etc/lan.conf"},
		"nothing":                            {"", map[string]string{"etc/wifi.conf": "ssid = ward\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, _, _ := newBuilding(t, packages, leaking(c.allow))
			var log bytes.Buffer
			out := t.TempDir()
			err := b.inspect(t.Context(), lay(t, c.files), out, &log)
			_, there := os.Stat(filepath.Join(out, plan.ContentsOutput))
			if c.want == "" {
				if err != nil || there != nil {
					t.Fatalf("refused: %v, %v", err, there)
				}
				if c.allow != "" && !strings.Contains(log.String(), "let pass: It hangs on the wall (features/wifi/feature.yaml:3:12)") {
					t.Errorf("the log doesn't say so: %s", log.String())
				}
				return
			}
			if said := printed(err); !strings.Contains(said, c.want) || strings.Contains(said, "Sommer20") {
				t.Errorf("said:\n%s\nnot:\n%s", said, c.want)
			}
			if there == nil {
				t.Error("what is in the layer was kept all the same")
			}
		})
	}
}

// TestALayerOfTheStoreIsJudgedAgain: an exception that is withdrawn counts no more, although the layer is there.
func TestALayerOfTheStoreIsJudgedAgain(t *testing.T) {
	upper := lay(t, map[string]string{"etc/wifi.conf": "password = Sommer2026\n"})
	l, err := contents.Scan(t.Context(), upper)
	if err != nil {
		t.Fatal(err)
	}
	b, _, _ := newBuilding(t, packages, leaking(""))
	if err := b.judge(l, new(bytes.Buffer)); err == nil {
		t.Error("it was let pass")
	}
}

// TestTheMediumsKeyCoversExceptions: else a medium that is there already would be good after one was withdrawn.
func TestTheMediumsKeyCoversExceptions(t *testing.T) {
	with, _, _ := newBuilding(t, packages, leaking("allow_secrets:\n  - {path: /etc/wifi.conf, reason: It hangs on the wall}"))
	without, _, _ := newBuilding(t, packages, leaking(""))
	if with.plan.Medium.Key == without.plan.Medium.Key {
		t.Error("the key is the same")
	}
	for i, l := range with.plan.Layers {
		if l.Key != without.plan.Layers[i].Key {
			t.Errorf("layer %s is made anew for an exception", l.Name)
		}
	}
}

// TestWhatADistributionShips is public, unless the base brings the key of an archive of its own.
func TestWhatADistributionShips(t *testing.T) {
	token := "gh" + "p_q7Zp2LmXv9Rt4KcWb8Ns5HdYg3Jf6TzQaPlO\n"
	upper := lay(t, map[string]string{
		"usr/share/tea/example":           token,
		"var/lib/dpkg/info/tea.list":      "/usr/share/tea/example\n",
		"var/lib/dpkg/info/tea.md5sums":   fmt.Sprintf("%x  usr/share/tea/example\n", md5.Sum([]byte(token))),
		"var/lib/dpkg/info/tea.templates": "",
	})
	b, _, _ := newBuilding(t, packages, desk)
	if err := b.inspect(t.Context(), upper, t.TempDir(), new(bytes.Buffer)); err == nil {
		t.Error("an archive of one's own was taken for public")
	}
	if err := os.Remove(filepath.Join(b.plan.Image.Base.Dir, b.plan.Image.Base.Keyring)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := b.inspect(t.Context(), upper, t.TempDir(), &log); err != nil || !strings.Contains(log.String(), "package tea ships just this file") {
		t.Errorf("%v\n%s", err, log.String())
	}
}

func TestSetAside(t *testing.T) {
	b, _, _ := newBuilding(t, packages, desk)
	files := func(dir string) map[string]string {
		got := map[string]string{}
		entries, _ := os.ReadDir(filepath.Join(b.Out, dir))
		for _, e := range entries {
			if text, err := os.ReadFile(filepath.Join(b.Out, dir, e.Name())); err == nil {
				got[e.Name()] = string(text)
			}
		}
		return got
	}
	build := func(key string) {
		t.Helper()
		for name, text := range map[string]string{
			resultFile: fmt.Sprintf(`{"key": %q, "iso": "d.iso", "lock": "d.lock", "inventory": "d.inv", "sbom": "d.sbom", "provenance": "../d.prov"}`, key),
			"d.iso":    "iso " + key, "d.lock": "lock " + key, "d.inv": "inv " + key, signature.SumsFile: "sums",
		} {
			if err := os.WriteFile(filepath.Join(b.Out, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.setAside(&Result{Key: "1"}, t.TempDir()); err != nil {
		t.Fatalf("nothing there: %v", err)
	}
	build("1")
	if err := b.setAside(&Result{Key: "1"}, t.TempDir()); err != nil || len(files(previousDir)) > 0 || files("")[resultFile] != "" {
		t.Errorf("the same medium again: %v, kept %v", err, files(previousDir))
	}
	for _, key := range []string{"1", "2"} {
		build(key)
		if err := b.setAside(&Result{Key: "3"}, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		kept := files(previousDir)
		if kept["d.lock"] != "lock "+key || kept["d.inv"] != "inv "+key || !strings.Contains(kept[resultFile], key) || len(kept) != 3 {
			t.Errorf("kept %v", kept)
		}
		if d := cmp.Diff(map[string]string{"d.iso": "iso " + key, signature.SumsFile: "sums"}, files("")); d != "" {
			t.Errorf("left (-want +got):\n%s", d)
		}
	}
}
