package plan_test

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/image/media"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/rootfs"
	"nhos.org/nhos/internal/image/store"
	"nhos.org/nhos/internal/ui"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A world is all that a plan is made from, as text.
type world struct {
	definitions string
	lock        string
	tools       plan.Tools
}

func newWorld(t testing.TB) world {
	t.Helper()
	return world{
		read(t, "testdata/desk.txtar"), read(t, "testdata/lock.txt"),
		plan.Tools{Layer: map[string]string{"apt": "2.6"}, Medium: map[string]string{"xorriso": "1.5"}},
	}
}

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// replace replaces a text in the definitions or the lock that stands there once.
func (w world) replace(t *testing.T, pairs ...string) world {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if n := strings.Count(w.definitions, pairs[i]) + strings.Count(w.lock, pairs[i]); n != 1 {
			t.Fatalf("%q stands in the fixture %d times, not once", pairs[i], n)
		}
		w.definitions = strings.Replace(w.definitions, pairs[i], pairs[i+1], 1)
		w.lock = strings.Replace(w.lock, pairs[i], pairs[i+1], 1)
	}
	return w
}

// locked makes a lock of lines "layer name version [wanted] [removed-in-LAYER] [bytes=TEXT] [pool=PATH]".
func locked(t testing.TB, text string) *lock.Lock {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		bytes, pool, ours := f[1]+f[2], "pool", ""
		for _, word := range f[3:] {
			switch name, value, _ := strings.Cut(word, "="); name {
			case "wanted":
				ours += "Nhos-Wanted: yes\n"
			case "bytes":
				bytes = value
			case "pool":
				pool = value
			default:
				ours += "Nhos-Removed-In: " + strings.TrimPrefix(name, "removed-in-") + "\n"
			}
		}
		fmt.Fprintf(&b, "Package: %s\nVersion: %s\nArchitecture: amd64\nFilename: %s/%s.deb\nSize: 100\nSHA256: %x\nNhos-Layer: %s\nNhos-Archive: main\n%s\n",
			f[1], f[2], pool, f[1], sha256.Sum256([]byte(bytes)), f[0], ours)
	}
	l, err := lock.Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// load reads id, and the image without its respin.
func load(t testing.TB, dir, id string) (img, plain *definition.Image) {
	t.Helper()
	img, err := definition.Load(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	plain, err = definition.Load(dir, "desk")
	if err != nil {
		t.Fatal(err)
	}
	return img, plain
}

// plan plans id in a definitions folder of its own. It returns that folder too.
func (w world) plan(t *testing.T, id string, s *store.Store) (*plan.Plan, string, error) {
	t.Helper()
	dir := t.TempDir()
	archivetest.Write(t, dir, w.definitions)
	img, plain := load(t, dir, id)
	l := locked(t, w.lock)
	if img.Respin == "" {
		l.Packages = append(append(l.In(lock.Base), l.In(lock.Packages)...), l.In(lock.Medium)...)
		for i := range l.Packages {
			l.Packages[i].RemovedIn = ""
		}
	}
	p, err := plan.New(img, plain, l, w.tools, s)
	return p, dir, err
}

func (w world) mustPlan(t *testing.T, id string) *plan.Plan {
	t.Helper()
	p, _, err := w.plan(t, id, emptyStore(t))
	if err != nil {
		t.Fatal(printed(err))
	}
	return p
}

func emptyStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func printed(err error) string {
	var b strings.Builder
	ui.PrintError(&b, "nhos", err)
	return b.String()
}

// TestGolden holds plans against those of testdata, keys and all: the same definitions, lock and tools give the same
// keys on every machine.
func TestGolden(t *testing.T) {
	for _, id := range []string{"desk", "ward"} {
		s := emptyStore(t)
		first := newWorld(t).mustPlan(t, id)
		layer, err := s.Put(strings.NewReader(strings.Repeat("a layer", 1000)), "")
		if err != nil {
			t.Fatal(err)
		}
		made := store.Action{Outputs: map[string]store.Blob{plan.LayerOutput: layer}, Made: time.Date(2026, 1, 2, 15, 4, 0, 0, time.UTC)}
		if err := s.Record(first.Layers[0].Key, made); err != nil {
			t.Fatal(err)
		}
		p, dir, err := newWorld(t).plan(t, id, s)
		if err != nil {
			t.Fatal(err)
		}
		var shown strings.Builder
		if err := p.Write(&shown); err != nil {
			t.Fatal(err)
		}
		golden(t, id+".txt", shown.String())
		text, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		check, err := json.Marshal(media.CheckScript)
		if err != nil {
			t.Fatal(err)
		}
		short := strings.NewReplacer(dir, "DEFINITIONS", string(check), `"THE TEXT OF check-medium.sh"`)
		golden(t, id+".json", short.Replace(string(text))+"\n")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, file), got); diff != "" {
		t.Errorf("%s differs; go test -update writes it anew (-want +got)\n%s", name, diff)
	}
}

// keys are a plan's keys by what they are of.
func keys(p *plan.Plan) map[string]store.Digest {
	k := map[string]store.Digest{"boot": p.Boot.Key, "medium": p.Medium.Key}
	for _, l := range p.Layers {
		k[l.Name] = l.Key
	}
	return k
}

// TestKeys makes one change at a time and says which keys of the respin change by it, and so what is made again. The
// image's own layers are those that the respin stands on, whatever changes.
func TestKeys(t *testing.T) {
	const everything = "base packages configuration respin boot medium"
	before := keys(newWorld(t).mustPlan(t, "ward"))
	for name, c := range map[string]struct {
		edit    []string // of the definitions or the lock: old, new, old, new
		tools   plan.Tools
		changed string
	}{
		"nothing": {},

		"the version of a package of the base":       {edit: []string{"kernel 6.1-1", "kernel 6.1-2"}, changed: everything},
		"the bytes of a dependency in the base":      {edit: []string{"libc 2.36-9\npackages", "libc 2.36-9 bytes=other\npackages"}, changed: everything},
		"the bytes of a package of the image":        {edit: []string{"toolkit 3.4-1", "toolkit 3.4-1 bytes=other"}, changed: "packages configuration respin medium"},
		"a dependency becomes wanted":                {edit: []string{"toolkit 3.4-1", "toolkit 3.4-1 wanted"}, changed: "packages configuration respin medium"},
		"another package in the image":               {edit: []string{"base libc", "packages glue 1-1\nbase libc"}, changed: "packages configuration respin medium"},
		"the version of a package of the respin":     {edit: []string{"pencil 1.0-1", "pencil 1.1-1"}, changed: "respin medium"},
		"a package that the respin leaves in place":  {edit: []string{" removed-in-respin", "", "  remove: [browser]\n", ""}, changed: "respin medium"},
		"the version of a package of the medium":     {edit: []string{"shim 15.8-1", "shim 15.8-2"}, changed: "boot medium"},
		"the place of a package in the archive":      {edit: []string{"toolkit 3.4-1", "toolkit 3.4-1 pool=moved"}},
		"an excluded path":                           {edit: []string{"/usr/share/man/*", "/usr/share/info/*"}, changed: everything},
		"an included path":                           {edit: []string{"/usr/share/man/man1/*", "/usr/share/man/man8/*"}, changed: everything},
		"the suite":                                  {edit: []string{"suite: summer\narch", "suite: winter\narch"}, changed: everything},
		"compression":                                {edit: []string{"product: The Desk", "product: The Desk\ncompression: small"}, changed: everything},
		"what a file holds":                          {edit: []string{"a4\n", "a5\n"}, changed: "configuration respin medium"},
		"the mode of a file":                         {edit: []string{`"0640"`, `"0600"`}, changed: "configuration respin medium"},
		"the group of a file":                        {edit: []string{"group: lp", "group: adm"}, changed: "configuration respin medium"},
		"the owner of a file":                        {edit: []string{"group: lp", "group: lp, owner: daemon"}, changed: "configuration respin medium"},
		"another file":                               {edit: []string{"-- features/ink/feature.yaml --", "-- features/ink/files/etc/pen --\n-- features/ink/feature.yaml --"}, changed: "configuration respin medium"},
		"the text of a script":                       {edit: []string{"\ncut\n", "\ncut --straight\n"}, changed: "configuration respin medium"},
		"the order of scripts":                       {edit: []string{"20-cut", "05-cut"}, changed: "configuration respin medium"},
		"the order of features":                      {edit: []string{"  - paper\n  - ink\n", "  - ink\n  - paper\n"}, changed: "configuration respin medium"},
		"a file of the respin":                       {edit: []string{"to the ward", "to ward 7"}, changed: "respin medium"},
		"the host name":                              {edit: []string{"hostname: desk", "hostname: table"}, changed: "configuration respin medium"},
		"the locale":                                 {edit: []string{"en_GB", "cy_GB"}, changed: "configuration respin medium"},
		"the time zone":                              {edit: []string{"Europe/London", "Europe/Dublin"}, changed: "configuration respin medium"},
		"the user's groups":                          {edit: []string{"[audio]", "[audio, video]"}, changed: "configuration respin medium"},
		"autologin":                                  {edit: []string{"autologin: true", "autologin: false"}, changed: "configuration respin medium"},
		"the product":                                {edit: []string{"product: The Desk", "product: A Desk"}, changed: "configuration respin medium"},
		"the product of the respin":                  {edit: []string{"product: Ward Desk", "product: Ward"}, changed: "respin medium"},
		"a setting of the respin":                    {edit: []string{"ods_code: RX1", "ods_code: RX1\nsettings: {hostname: ward}"}, changed: "respin medium"},
		"the ODS code, which no script names":        {edit: []string{"ods_code: RX1", "ods_code: RX2"}, changed: "medium"},
		"a kernel argument":                          {edit: []string{"[quiet]", "[quiet, splash]"}, changed: "medium"},
		"how long the menu waits":                    {edit: []string{"menu_timeout: 7s", "menu_timeout: 8s"}, changed: "medium"},
		"whether the boot ends in graphics":          {edit: []string{"menu_timeout: 7s", "menu_timeout: 7s\n  graphical: true"}, changed: "medium"},
		"a check":                                    {edit: []string{"test -d /", "test -d /home"}, changed: "medium"},
		"what a check claims":                        {edit: []string{"The desk stands", "The desk stays"}, changed: "medium"},
		"a description":                              {edit: []string{"description: Paper", "description: Much paper"}},
		"a comment":                                  {edit: []string{"description: Paper", "# About paper.\ndescription: Paper"}},
		"the mirror":                                 {edit: []string{"keyring: test.gpg", "keyring: test.gpg\nmirror: http://mirror.example/debian"}},
		"the version of a program that makes layers": {tools: plan.Tools{Layer: map[string]string{"apt": "2.7"}}, changed: everything},
		"the version of a program that writes media": {tools: plan.Tools{Medium: map[string]string{"xorriso": "1.6"}}, changed: "medium"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).replace(t, c.edit...)
			if c.tools.Layer != nil {
				w.tools.Layer = c.tools.Layer
			}
			if c.tools.Medium != nil {
				w.tools.Medium = c.tools.Medium
			}
			after := keys(w.mustPlan(t, "ward"))
			var changed []string
			for _, of := range strings.Fields(everything) {
				if before[of] != after[of] {
					changed = append(changed, of)
				}
			}
			if got := strings.Join(changed, " "); got != c.changed {
				t.Errorf("changed %q, not %q", got, c.changed)
			}
			image := keys(w.mustPlan(t, "desk"))
			for _, of := range []string{"base", "packages", "configuration", "boot"} {
				if of == "packages" && strings.Contains(name, "leaves in place") {
					continue
				}
				if image[of] != after[of] {
					t.Errorf("the image's %s isn't the respin's", of)
				}
			}
			if image["medium"] == after["medium"] {
				t.Error("image and respin have the same medium")
			}
		})
	}
}

// TestKeysDoNotDependOnTheMachine plans the same with other times, modes and a link where the folder was.
func TestKeysDoNotDependOnTheMachine(t *testing.T) {
	w := newWorld(t)
	before, dir, err := w.plan(t, "ward", emptyStore(t))
	if err != nil {
		t.Fatal(err)
	}
	paper := filepath.Join(dir, "features/paper/files/etc/paper")
	ink := filepath.Join(dir, "features/ink/files/etc/ink")
	for _, err := range []error{os.Chtimes(paper, time.Unix(0, 0), time.Unix(0, 0)), os.Chmod(ink, 0o660), os.Symlink(dir, dir+"-link")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	img, plain := load(t, dir+"-link", "ward")
	after, err := plan.New(img, plain, locked(t, w.lock), w.tools, emptyStore(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keys(before), keys(after)); diff != "" {
		t.Error(diff)
	}
}

// respinOps are the ops of the respin's layer before its clean-up, each in a few words.
func respinOps(t *testing.T, w world) string {
	t.Helper()
	p := w.mustPlan(t, "ward")
	last := p.Layers[len(p.Layers)-1]
	var lines []string
	for _, op := range last.Ops[:len(last.Ops)-len(rootfs.CleanUp())] {
		words := append([]string{string(op.Kind), op.Path, op.Target}, op.Argv...)
		if op.Kind == rootfs.Script {
			words = []string{op.Why}
		}
		if strings.Count(op.Content, "\n") == 1 {
			words = append(words, strings.TrimSpace(op.Content))
		}
		lines = append(lines, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
	return strings.Join(lines, "\n")
}

func TestWhatARespinDoes(t *testing.T) {
	const product = "write /etc/os-release\nwrite /etc/issue\nfeatures/paper/scripts/10-fold"
	const motd = "write /etc/motd\n"
	for name, c := range map[string]struct {
		edit []string
		want string
	}{
		"its product, a file of its own, and the script that names the product": {nil, motd + product},
		"no product of its own": {
			[]string{"product: Ward Desk\n", "", "-- respins/ward/files/etc/motd --\nWelcome to the ward.\n", ""},
			"write /etc/os-release", // which has the respin's name
		},
		"a user of another name": {
			[]string{"ods_code: RX1", "ods_code: RX1\nsettings: {user: {name: nurse}}"},
			motd + "write /etc/os-release\nwrite /etc/issue\ncommand groupmod --new-name nurse clerk\n" +
				"command usermod --comment A clerk --groups audio --login nurse --home /home/nurse --move-home clerk\n" +
				"write /etc/systemd/system/getty@tty1.service.d/autologin.conf\nfeatures/paper/scripts/10-fold",
		},
		"a user of the same name with another full one": {
			[]string{"ods_code: RX1", "ods_code: RX1\nsettings: {user: {full_name: A nurse, groups: [video]}}"},
			motd + "write /etc/os-release\nwrite /etc/issue\ncommand usermod --comment A nurse --groups audio,video clerk\n" +
				"features/paper/scripts/10-fold",
		},
		"no autologin where the image has it": {
			[]string{"ods_code: RX1", "ods_code: RX1\nsettings: {user: {autologin: false}}"},
			motd + "write /etc/os-release\nwrite /etc/issue\nremove /etc/systemd/system/getty@tty1.service.d/autologin.conf\n" +
				"features/paper/scripts/10-fold",
		},
		"another locale": {
			[]string{"ods_code: RX1", "ods_code: RX1\nsettings: {locale: cy_GB.UTF-8}"},
			motd + "write /etc/os-release\nwrite /etc/issue\nwrite /etc/locale.conf LANG=cy_GB.UTF-8\nwrite /etc/locale.gen cy_GB.UTF-8 UTF-8\n" +
				"command locale-gen\nfeatures/paper/scripts/10-fold",
		},
		"a file as it was before a later feature changed it": {
			[]string{
				"-- features/ink/feature.yaml --", "-- features/paper/files/etc/motd --\nPaper is white.\n-- features/ink/feature.yaml --",
				"Welcome to the ward.", "Paper is white.",
			},
			motd + product,
		},
		"a script that a feature has as well": {
			[]string{"-- respins/ward/files/etc/motd --\nWelcome to the ward.\n", "-- respins/ward/scripts/50-cut --\n#!/bin/sh\ncut\n"},
			product + "\nrespins/ward/scripts/50-cut",
		},
		"a script that reaches the initrd": {
			[]string{"-- respins/ward/files/etc/motd --\nWelcome to the ward.\n", "-- respins/ward/scripts/50-draw --\n#!/bin/sh\ntouch /usr/share/plymouth/logo\n"},
			product + "\nrespins/ward/scripts/50-draw" +
				"\ncommand update-initramfs -c -k all\nexport /boot/vmlinuz-* kernel\nexport /boot/initrd.img-* initrd\nremove /boot/initrd.img-*",
		},
		"something that the initrd is made from": {
			[]string{"respins/ward/files/etc/motd", "respins/ward/files/etc/modprobe.d/ward.conf"},
			"dir /etc/modprobe.d\nwrite /etc/modprobe.d/ward.conf\n" + product +
				"\ncommand update-initramfs -c -k all\nexport /boot/vmlinuz-* kernel\nexport /boot/initrd.img-* initrd\nremove /boot/initrd.img-*",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, respinOps(t, newWorld(t).replace(t, c.edit...))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestScriptsSeeWhatTheyName holds the environment of a script against the variables in its text.
func TestScriptsSeeWhatTheyName(t *testing.T) {
	p := newWorld(t).mustPlan(t, "desk")
	var seen []map[string]string
	for _, op := range p.Layers[2].Ops {
		if op.Kind == rootfs.Script {
			seen = append(seen, op.Environment)
		}
	}
	if diff := cmp.Diff([]map[string]string{{"NHOS_PRODUCT": "The Desk"}, {}}, seen); diff != "" {
		t.Error(diff)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		edit []string
		want string
	}{
		"a locale without its package": {
			[]string{"    - locales\n", "", "packages locales 2.36-9 wanted\n", ""},
			`nhos: error: images/desk.yaml:15:11: locale en_GB.UTF-8 needs package "locales", which the image doesn't have
    15 |   locale: en_GB.UTF-8
       |           ^
hint: add locales to packages: add:
`,
		},
		"a time zone without its package": {
			[]string{"    - tzdata\n", "", "packages tzdata 2024a-1 wanted\n", ""},
			`nhos: error: images/desk.yaml:16:13: timezone Europe/London needs package "tzdata", which the image doesn't have
    16 |   timezone: Europe/London
       |             ^
hint: add tzdata to packages: add:
`,
		},
		"a keyboard of the respin without its package": {
			[]string{"ods_code: RX1", "ods_code: RX1\nsettings:\n  keyboard: gb"},
			`nhos: error: respins/ward/respin.yaml:6:13: keyboard gb needs package "keyboard-configuration", which the image doesn't have
     6 |   keyboard: gb
       |             ^
hint: add keyboard-configuration to packages: add:
`,
		},
		"a locale whose package the respin removes": {
			[]string{"remove: [browser]", "remove: [browser, locales]", "locales 2.36-9 wanted", "locales 2.36-9 wanted removed-in-respin"},
			`nhos: error: images/desk.yaml:16:11: locale en_GB.UTF-8 needs package "locales", which the image doesn't have
    16 |   locale: en_GB.UTF-8
       |           ^
hint: add locales to packages: add:
`,
		},
		"a lock that is older than the definition": {
			[]string{"    - browser\n", "    - browser\n    - spelling\n"},
			`nhos: error: images/desk.yaml:10:7: package "spelling" is not in the lock
    10 |     - spelling
       |       ^
hint: the definition has changed since the lock was made: nhos lock ward makes a new one
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := newWorld(t).replace(t, c.edit...).plan(t, "ward", emptyStore(t))
			if diff := cmp.Diff(c.want, printed(err)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestFileName(t *testing.T) {
	for product, want := range map[string]string{
		"Ward Desk":         "ward-desk-amd64.iso",
		"NHoS 2.0 (Ward 7)": "nhos-2-0-ward-7-amd64.iso",
		"  Café  ":          "caf-amd64.iso",
		"桌面":                "ward-amd64.iso",
		"../../etc":         "etc-amd64.iso",
	} {
		t.Run(product, func(t *testing.T) {
			p := newWorld(t).replace(t, "product: Ward Desk", "product: '"+strings.TrimSpace(product)+"'").mustPlan(t, "ward")
			if p.Medium.File != want {
				t.Errorf("file name %q, not %q", p.Medium.File, want)
			}
		})
	}
}
