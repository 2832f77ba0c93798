package edit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/ui"
)

// folder is a copy of the definitions of testdata/good.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../testdata/good")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func target(t *testing.T, dir, name string) definition.Target {
	t.Helper()
	x, err := definition.FindTarget(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func content(t *testing.T, dir string, x definition.Target) string {
	t.Helper()
	s, err := os.ReadFile(filepath.Join(dir, x.File()))
	if err != nil {
		t.Fatal(err)
	}
	return string(s)
}

// told is what changed, for a table.
func told(r Result) (s []string) {
	text := func(p *string) string {
		if p == nil {
			return "-"
		}
		return *p
	}
	for _, c := range r.Changes {
		s = append(s, fmt.Sprintf("%s:%d %s %s>%s", r.File, c.Line, c.Key, text(c.Old), text(c.New)))
	}
	return s
}

// TestChanges makes one change after another in the definitions of testdata/good, each twice: the second time nothing is
// left to do.
func TestChanges(t *testing.T) {
	dir := folder(t)
	type call = func(dir string, t definition.Target) (Result, error)
	set := func(path string, values ...string) call {
		return func(dir string, t definition.Target) (Result, error) { return Set(dir, t, path, values) }
	}
	add := func(names ...string) call {
		return func(dir string, t definition.Target) (Result, error) { return AddPackages(dir, t, names) }
	}
	remove := func(names ...string) call {
		return func(dir string, t definition.Target) (Result, error) { return RemovePackages(dir, t, names, false) }
	}
	keepOut := func(names ...string) call {
		return func(dir string, t definition.Target) (Result, error) { return RemovePackages(dir, t, names, true) }
	}
	for i, step := range []struct {
		of   string
		call call
		want []string
	}{
		{"mini", set("settings.hostname", "ward-7"), []string{"images/mini.yaml:12 settings.hostname mini>ward-7"}},
		{"mini", set("settings.user.groups", "audio", "video"), []string{"images/mini.yaml:16 settings.user.groups lpadmin>-", "images/mini.yaml:16 settings.user.groups ->video"}},
		{"trust", set("compression", "small"), []string{"respins/trust/respin.yaml:14 compression fast>small"}},
		{"feature/printing", set("settings.graphical", "false"), []string{"features/printing/feature.yaml:6 settings.graphical true>false"}},
		{"base/debian-13", set("mirror", "auto"), nil},
		// What another file adds is there already; an image's own list has what none adds.
		{"mini", add("cups", "vim", "figlet"), []string{"images/mini.yaml:9 packages.add ->vim", "images/mini.yaml:9 packages.add ->figlet"}},
		// A package that the image removes comes back from the base.
		{"mini", add("nano"), []string{"images/mini.yaml:10 packages.remove nano>-"}},
		// What this file alone adds is taken out; what a feature adds too is also removed; what no file adds isn't there.
		{"mini", remove("htop", "cups", "unheard-of"), []string{
			"images/mini.yaml:9 packages.add htop>-", "images/mini.yaml:9 packages.add cups>-", "images/mini.yaml:10 packages.remove ->cups",
		}},
		{"mini", keepOut("exim4"), []string{"images/mini.yaml:10 packages.remove ->exim4"}},
		{"trust", remove("vim"), []string{"respins/trust/respin.yaml:8 packages.remove ->vim"}},
		{"trust", add("vim"), []string{"respins/trust/respin.yaml:8 packages.remove vim>-"}},
		// A feature brings what it needs, whatever others bring.
		{"feature/printing", add("nano"), []string{"features/printing/feature.yaml:3 packages.add ->nano"}},
		{"feature/printing", remove("nano"), []string{"features/printing/feature.yaml:3 packages.add nano>-", "features/printing/feature.yaml:4 packages.remove ->nano"}},
		// What only a later file adds is that file's.
		{"feature/printing", remove("vim"), nil},
		{"base/debian-13", remove("nano"), []string{"bases/debian-13/base.yaml:16 packages.add nano>-"}},
		{"plain", func(dir string, t definition.Target) (Result, error) {
			return AddFeatures(dir, t, []string{"printing"})
		}, []string{"images/plain.yaml:5 features ->printing"}},
		{"plain", func(dir string, t definition.Target) (Result, error) {
			return RemoveFeatures(dir, t, []string{"printing"})
		}, []string{"images/plain.yaml:5 features printing>-"}},
		{"mini", func(dir string, t definition.Target) (Result, error) { return Unset(dir, t, "settings.user.name") }, []string{"images/mini.yaml:15 settings.user.name nurse>-"}},
	} {
		x := target(t, dir, step.of)
		r, err := step.call(dir, x)
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if diff := cmp.Diff(step.want, told(r)); diff != "" {
			t.Errorf("step %d (-want +got):\n%s\n%s", i, diff, content(t, dir, x))
		}
		if r, err = step.call(dir, x); err != nil || len(r.Changes) > 0 {
			t.Errorf("step %d again: %v, %q", i, err, told(r))
		}
	}
}

// TestRefused sees to it that what doesn't load afterwards isn't written, and that the error shows the line that would
// have been.
func TestRefused(t *testing.T) {
	for _, test := range []struct{ of, key, value, want, hint string }{
		{"mini", "settings.hostname", "ward 7", `nothing is written: images/mini.yaml:12:13: "ward 7" is not a host name`, "letters, digits and dashes, with a letter or digit first and last"},
		{"mini", "base", "debian-14", `nothing is written: images/mini.yaml:3:7: unknown base "debian-14"`, `did you mean "debian-13"?`},
		{"mini", "settings.user.autologin", "yes", `nothing is written: images/mini.yaml:17:16: "autologin" must be true or false, not text`, "did you mean true?"},
		{"mini", "setings.hostname", "x", `an image has no key "setings.hostname"`, "did you mean settings.hostname?"},
		{"mini", "hostname", "x", `an image has no key "hostname"`, "did you mean settings.hostname?"},
		{"mini", "settings.user", "x", `"settings.user" holds other keys`, "name one of them: settings.user.name, settings.user.full_name, settings.user.groups, settings.user.autologin"},
		{"trust", "ods_code", "rx1", `nothing is written: respins/trust/respin.yaml:3:11: "rx1" is not an ODS code`, "three to ten capital letters and digits, for example RX1"},
		// A feature is held against the images that take it up.
		{"feature/printing", "packages.add", "figlet", `nothing is written: features/printing/feature.yaml:4:12: package "figlet" is added on line 3 and removed here`, "leave one of them out"},
		{"mini", "checks", "x", `"checks" is a list of keys and values`, "change images/mini.yaml with an editor"},
	} {
		dir := folder(t)
		x := target(t, dir, test.of)
		before := content(t, dir, x)
		_, err := Set(dir, x, test.key, []string{test.value})
		if err == nil {
			t.Errorf("%s=%s: no error", test.key, test.value)
			continue
		}
		if diff := cmp.Diff(test.want+"\nhint: "+test.hint, err.Error()+"\nhint: "+ui.HintOf(err)); diff != "" {
			t.Errorf("%s=%s (-want +got):\n%s", test.key, test.value, diff)
		}
		if content(t, dir, x) != before {
			t.Errorf("%s=%s: it was written", test.key, test.value)
		}
	}
	dir := folder(t)
	x := target(t, dir, "mini")
	if _, err := Unset(dir, x, "product"); err == nil || !strings.Contains(err.Error(), `key "product" is missing`) {
		t.Errorf("taking away a key that must be there: %v", err)
	}
}

// TestFile sees to it that the file keeps its mode, its owner and, where it is a symbolic link, its place.
func TestFile(t *testing.T) {
	dir := folder(t)
	x := target(t, dir, "mini")
	real := filepath.Join(dir, "images/mini.text")
	link := filepath.Join(dir, x.File())
	for _, err := range []error{os.Rename(link, real), os.Symlink("mini.text", link), os.Chmod(real, 0o640), os.Chown(real, 12345, 54321)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Set(dir, x, "product", []string{"Ward"}); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != "mini.text" {
		t.Errorf("the link: %q, %v", to, err)
	}
	info, err := os.Stat(real)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().String() + " " + owner(info); got != "-rw-r----- 12345:54321" {
		t.Error(got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "images", ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestAtOnce makes many changes of one file at the same time: none is lost.
func TestAtOnce(t *testing.T) {
	dir := folder(t)
	x := target(t, dir, "plain")
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			if _, err := AddPackages(dir, x, []string{fmt.Sprintf("package-%d", i)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	img, err := definition.Load(dir, "plain")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(img.ImagePackages()); n != 12 {
		t.Errorf("%d packages, not 12", n)
	}
}

func owner(info os.FileInfo) string {
	s := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", s.Uid, s.Gid)
}
