package definition

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/ui"
)

func load(t *testing.T, id string) *Image {
	t.Helper()
	img, err := Load("testdata/good", id)
	if err != nil {
		t.Fatalf("loading %s:\n%s", id, printed(err))
	}
	return img
}

// places writes values with their origins, which makes tables short.
func places(values ...any) (list []string) {
	add := func(value, origin string) { list = append(list, value+" "+origin) }
	for _, v := range values {
		switch v := v.(type) {
		case Value[string]:
			add(v.Value, v.Origin.String())
		case Value[time.Duration]:
			add(v.Value.String(), v.Origin.String())
		case Value[bool]:
			add(map[bool]string{true: "true", false: "false"}[v.Value], v.Origin.String())
		case []Value[string]:
			for _, e := range v {
				add(e.Value, e.Origin.String())
			}
		case []Package:
			for _, e := range v {
				add(e.Name, e.Origin.String())
			}
		}
	}
	return list
}

func differ(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

// TestSettings holds every setting against the file, line and column that it must come from: base, then features in
// order, then the image, then the respin.
func TestSettings(t *testing.T) {
	tests := map[string][]string{
		"plain": {
			"en_GB.UTF-8 bases/debian-13/base.yaml:18:11", "us built-in default", "Etc/UTC built-in default",
			"nhos built-in default", "user built-in default", "Live user built-in default", "false built-in default",
			"quiet bases/debian-13/base.yaml:19:22", "5s built-in default", "false built-in default",
		},
		"mini": {
			"cy_GB.UTF-8 features/greeting/feature.yaml:5:11", "gb,us features/printing/feature.yaml:7:13",
			"Etc/UTC built-in default", "mini images/mini.yaml:12:13", "nurse images/mini.yaml:15:11",
			"Live user built-in default", "audio features/greeting/feature.yaml:6:19", "lpadmin images/mini.yaml:16:21",
			"true features/greeting/feature.yaml:6:38", "quiet bases/debian-13/base.yaml:19:22",
			"console=ttyS0 images/mini.yaml:17:22", "3s images/mini.yaml:13:17", "true features/printing/feature.yaml:6:14",
		},
		"trust": {
			"cy_GB.UTF-8 features/greeting/feature.yaml:5:11", "gb,us features/printing/feature.yaml:7:13",
			"Europe/London respins/trust/respin.yaml:12:13", "gwynedd respins/trust/respin.yaml:10:13",
			"nyrs respins/trust/respin.yaml:11:16", "Nyrs O'Neill respins/trust/respin.yaml:11:33",
			"audio features/greeting/feature.yaml:6:19", "lpadmin images/mini.yaml:16:21",
			"true features/greeting/feature.yaml:6:38", "quiet bases/debian-13/base.yaml:19:22",
			"console=ttyS0 images/mini.yaml:17:22", "quiet respins/trust/respin.yaml:13:22", "3s images/mini.yaml:13:17",
			"true features/printing/feature.yaml:6:14",
		},
	}
	for id, want := range tests {
		s := load(t, id).Settings
		got := places(s.Locale, s.Keyboard, s.Timezone, s.Hostname, s.User.Name, s.User.FullName, s.User.Groups,
			s.User.Autologin, s.KernelArguments, s.MenuTimeout, s.Graphical)
		differ(t, id, want, got)
	}
}

func TestHead(t *testing.T) {
	tests := map[string][]string{
		"plain": {"NHoS Plain images/plain.yaml:3:10", "fast built-in default", "auto bases/debian-13/base.yaml:11:9", " built-in default"},
		"mini":  {"NHoS Mini images/mini.yaml:4:10", "small images/mini.yaml:23:14", "auto bases/debian-13/base.yaml:11:9", " built-in default"},
		"trust": {
			"Gŵynedd Desktop respins/trust/respin.yaml:4:10", "fast respins/trust/respin.yaml:14:14",
			"http://mirror.example.org/debian respins/trust/respin.yaml:5:9", "7A1 respins/trust/respin.yaml:3:11",
		},
	}
	for id, want := range tests {
		img := load(t, id)
		differ(t, id, want, places(img.Product, img.Compression, img.Base.Mirror, img.ODSCode))
		if img.ID() != id {
			t.Errorf("%s calls itself %s", id, img.ID())
		}
	}
}

func TestBase(t *testing.T) {
	got := load(t, "plain").Base
	if !strings.HasSuffix(got.Dir, "/testdata/good/bases/debian-13") {
		t.Errorf("the base's folder is %s", got.Dir)
	}
	got.Dir = "" // differs by machine
	at := func(line, column int) Origin {
		return Origin{File: "bases/debian-13/base.yaml", Line: line, Column: column}
	}
	want := Base{
		Name: "debian-13", Distribution: "debian", Suite: "trixie", Architecture: "amd64",
		Components: []string{"main", "non-free-firmware"},
		Pockets:    []Pocket{{"trixie", "main"}, {"trixie-updates", "main"}, {"trixie-security", "security"}},
		Keyring:    "debian-archive-keyring.gpg", Mirror: Value[string]{"auto", at(11, 9)},
		Medium:  []Package{{"shim-signed", at(12, 10)}, {"grub-efi-amd64-signed", at(12, 23)}},
		Exclude: []string{"/usr/share/man/*"}, Include: []string{"/usr/share/man/man1/sudo*"},
		Origins: Origins{
			"name": {File: "images/plain.yaml", Line: 2, Column: 7}, "distribution": at(2, 15), "suite": at(3, 8), "architecture": at(4, 15),
			"components[0]": at(5, 14), "components[1]": at(5, 20), "pockets[0]": at(7, 13), "pockets[1]": at(8, 13),
			"pockets[2]": at(9, 13), "keyring": at(10, 10), "exclude[0]": at(13, 11), "include[0]": at(14, 11),
		},
	}
	differ(t, "base", want, got)
}

func TestParts(t *testing.T) {
	var got []string
	for _, p := range load(t, "trust").Parts {
		got = append(got, string(p.Kind)+" "+p.Name+" "+p.Description+" "+p.Origin.String())
		for _, s := range p.Scripts {
			got = append(got, "script "+s.Name+" "+s.SHA256[:8])
		}
		for _, c := range p.Checks {
			_, id, _ := strings.Cut(c.ID, "/")
			got = append(got, "check "+c.ID+" of "+c.Feature+" "+p.Origins["checks["+id+"]"].String())
		}
	}
	differ(t, "parts", []string{
		"base debian-13 Debian 13 \"trixie\" images/mini.yaml:3:7",
		"check debian-13/kernel of debian-13 bases/debian-13/checks/base.yaml:1:3",
		"feature greeting A greeting at the console images/mini.yaml:6:5",
		"script 10-first 9ab8fabc", "script 20-second 9ab8fabc",
		"check greeting/file of greeting features/greeting/checks/10-files.yaml:1:3",
		"check greeting/program of greeting features/greeting/checks/10-files.yaml:2:3",
		"check greeting/late of greeting features/greeting/checks/20-late.yaml:1:3",
		"feature printing Printing images/mini.yaml:7:5",
		"image mini A console that starts respins/trust/respin.yaml:2:8",
		"check mini/boots of mini images/mini.yaml:19:5",
		"respin trust Ysbyty Gŵynedd's own respins/trust/respin.yaml:1:1",
		"check trust/kerberos of trust respins/trust/respin.yaml:16:5",
		"check trust/name of trust respins/trust/checks/name.yaml:1:3",
	}, got)
	checks := load(t, "mini").Parts[1].Checks
	if c := checks[1]; c.Claim != "The program greets" || c.Run != "set -e\ntest \"$(/usr/local/bin/greet)\" != \"\"" {
		t.Errorf("claim and command in several lines: %q, %q", c.Claim, c.Run)
	}
	if c := checks[2]; c.Process != "getty" || c.Within != 5*time.Second {
		t.Errorf("process and duration: %+v", c)
	}
}

func TestFiles(t *testing.T) {
	var got []string
	for _, f := range load(t, "trust").Parts[1].Files {
		rel, err := filepath.Rel(mustAbs(t, "testdata/good"), f.Source)
		if err != nil || rel != "features/greeting/files"+f.Path {
			t.Errorf("source of %s is %s", f.Path, f.Source)
		}
		sum := ""
		if f.SHA256 != "" {
			sum = " " + f.SHA256[:8]
		}
		got = append(got, fileTypes[f.Type]+" "+strings.ReplaceAll(fileLine(f), "\t", " ")+sum+" "+f.Origin.String())
	}
	differ(t, "files", []string{
		"directory /etc/ 0755 root:root features/greeting/files/etc",
		"directory /etc/greeting.d/ 0755 root:root features/greeting/files/etc/greeting.d",
		"symlink /etc/greeting.d/10-greet -> /usr/local/bin/greet features/greeting/files/etc/greeting.d/10-greet",
		"symlink /etc/greeting.d/20-outside -> ../../../../../../../../etc/passwd features/greeting/files/etc/greeting.d/20-outside",
		"file /etc/greeting.d/secret 0640 root:adm 5891b5b5 features/greeting/feature.yaml:8:12",
		"directory /usr/ 0755 root:root features/greeting/files/usr",
		"directory /usr/local/ 0755 root:root features/greeting/files/usr/local",
		"directory /usr/local/bin/ 0755 root:root features/greeting/files/usr/local/bin",
		"file /usr/local/bin/greet 4755 root:root 9ee4a396 features/greeting/feature.yaml:9:11",
	}, got)
}

// TestUmask sees to it that modes don't depend on the umask of the checkout.
func TestUmask(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/minimal")); err != nil {
		t.Fatal(err)
	}
	files := filepath.Join(dir, "respins/trust/files")
	want := map[string]fs.FileMode{"/d": 0o755, "/d/plain": 0o644, "/d/program": 0o755}
	for name, mode := range map[string]fs.FileMode{"plain": 0o600, "program": 0o700} {
		write(t, filepath.Join(files, "d", name), "")
		if err := os.Chmod(filepath.Join(files, "d", name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(files, "d"), 0o2700); err != nil {
		t.Fatal(err)
	}
	img, err := Load(dir, "trust")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]fs.FileMode{}
	for _, f := range img.Parts[len(img.Parts)-1].Files {
		got[f.Path] = f.Mode
	}
	differ(t, "modes", want, got)
}

func TestListAndFind(t *testing.T) {
	images, respins, err := List("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	differ(t, "images", []string{"mini", "plain"}, images)
	differ(t, "respins", []string{"trust"}, respins)

	want := mustAbs(t, "testdata/good")
	for _, start := range []string{"testdata/good", "testdata/good/features/greeting/files", "testdata/good/images"} {
		if got, err := Find(start); err != nil || got != want {
			t.Errorf("Find(%s) = %s, %v", start, got, err)
		}
	}
	nowhere := t.TempDir()
	if _, err := Find(nowhere); err == nil || !strings.Contains(err.Error(), nowhere) || ui.HintOf(err) == "" {
		t.Errorf("Find(%s): %v", nowhere, err)
	}
	if _, _, err := List(nowhere); err == nil || !strings.HasSuffix(err.Error(), "is not a definitions folder: it has no images/") {
		t.Errorf("List(%s): %v", nowhere, err)
	}
	if _, err := Load(filepath.Join(nowhere, "no"), "mini"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load from a folder that there isn't: %v", err)
	}
}

func TestErrorAt(t *testing.T) {
	img := load(t, "mini")
	err := img.ErrorAt(img.Parts[3].Packages.Add[0].Origin, `no package "htop"`)
	want := "error: images/mini.yaml:9:9: no package \"htop\"\n     9 |   add: [htop, cups]\n       |         ^\n"
	differ(t, "error", want, printed(err))
}

func TestJSON(t *testing.T) {
	for _, id := range []string{"plain", "mini", "trust"} {
		text, err := json.Marshal(load(t, id))
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(load(t, id))
		if err != nil || string(again) != string(text) {
			t.Errorf("%s is not the same twice: %v", id, err)
		}
		for _, bad := range []string{"null", "2147483648", `"value":3000000000`} {
			if strings.Contains(string(text), bad) {
				t.Errorf("%s has %s", id, bad)
			}
		}
		var back Image
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		again, err = json.Marshal(back)
		if err != nil || string(again) != string(text) {
			t.Errorf("%s doesn't come back from JSON: %v", id, err)
		}
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func TestDestinationsAdd(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/good")); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"features/talks/feature.yaml": "description: It talks\nsettings: {destinations: [arp, https a.example.org]}\n",
		"images/talks.yaml": "description: It talks\nbase: debian-13\nproduct: Talks\nfeatures: [talks]\n" +
			"settings: {destinations: [arp, ntp 10.0.0.0/8]}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	img, err := Load(dir, "talks")
	if err != nil {
		t.Fatal(err)
	}
	differ(t, "talks", []string{
		"arp features/talks/feature.yaml:2:27", "https a.example.org features/talks/feature.yaml:2:32", "ntp 10.0.0.0/8 images/talks.yaml:5:32",
	}, places(img.Settings.Destinations))
}
