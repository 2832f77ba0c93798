package plan_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/image/archivetest"
	"nhos.org/nhos/internal/image/plan"
	"nhos.org/nhos/internal/image/store"
)

// remembered is a store that remembers a build of the unchanged world's respin.
func remembered(t *testing.T, id string) *store.Store {
	t.Helper()
	s := emptyStore(t)
	remember(t, newWorld(t).mustPlan(t, id), s)
	return s
}

func remember(t testing.TB, p *plan.Plan, s *store.Store) {
	t.Helper()
	made := []interface{ Remember(*store.Store) error }{p.Boot, p.Medium}
	for _, l := range p.Layers {
		made = append(made, l)
	}
	for _, m := range made {
		if err := m.Remember(s); err != nil {
			t.Fatal(err)
		}
	}
}

// reasons are a plan's reasons, "LAYER: REASON" a line. Those that are the same in every layer are left out: that it
// was made before and is lost, that the layer below changed.
func reasons(p *plan.Plan) string {
	var lines []string
	add := func(name string, rs []plan.Reason) {
		for _, r := range rs {
			if r.Kind != plan.Lost && r.Kind != plan.Below {
				lines = append(lines, name+": "+r.String())
			}
		}
	}
	for _, l := range p.Layers {
		add(l.Name, l.Reasons)
	}
	add("boot", p.Boot.Reasons)
	add("medium", p.Medium.Reasons)
	return strings.Join(lines, "\n")
}

// TestReasons makes one change at a time and says what the plan gives as the reasons.
func TestReasons(t *testing.T) {
	s := remembered(t, "ward")
	for name, c := range map[string]struct {
		edit  []string // of the definitions or the lock: old, new, old, new
		tools plan.Tools
		want  string
	}{
		"nothing": {},

		"the version of a package of the base": {
			edit: []string{"kernel 6.1-1", "kernel 6.1-2"},
			want: "base: package kernel 6.1-1 → 6.1-2",
		},
		"the bytes of a dependency in the base": {
			edit: []string{"libc 2.36-9\npackages", "libc 2.36-9 bytes=other\npackages"},
			want: "base: package libc 2.36-9: other bytes under the same version",
		},
		"the bytes of a package of the image": {
			edit: []string{"toolkit 3.4-1", "toolkit 3.4-1 bytes=other"},
			want: "packages: package toolkit 3.4-1: other bytes under the same version",
		},
		"a dependency becomes wanted": {
			edit: []string{"toolkit 3.4-1", "toolkit 3.4-1 wanted"},
			want: "packages: package toolkit 3.4-1: now named by a definition",
		},
		"another package in the image": {
			edit: []string{"base libc", "packages glue 1-1\nbase libc"},
			want: "packages: package glue 1-1 added",
		},
		"the version of a package of the respin": {
			edit: []string{"pencil 1.0-1", "pencil 1.1-1"},
			want: "respin: package pencil 1.0-1 → 1.1-1",
		},
		"a package that the respin leaves in place": {
			edit: []string{" removed-in-respin", "", "  remove: [browser]\n", ""},
			want: "respin: package browser is no longer removed",
		},
		"the version of a package of the medium": {
			edit: []string{"shim 15.8-1", "shim 15.8-2"},
			want: "boot: package shim 15.8-1 → 15.8-2",
		},
		"the place of a package in the archive": {edit: []string{"toolkit 3.4-1", "toolkit 3.4-1 pool=moved"}},
		"an excluded path": {
			edit: []string{"/usr/share/man/*", "/usr/share/info/*"},
			want: "base: setting exclude: /usr/share/man/* → /usr/share/info/* (bases/test/base.yaml:10:11)",
		},
		"an included path": {
			edit: []string{"/usr/share/man/man1/*", "/usr/share/man/man8/*"},
			want: "base: setting include: /usr/share/man/man1/* → /usr/share/man/man8/* (bases/test/base.yaml:11:11)",
		},
		"the suite": {
			edit: []string{"suite: summer\narch", "suite: winter\narch"},
			want: "base: setting suite: summer → winter (bases/test/base.yaml:3:8)\n" +
				"configuration: setting suite: summer → winter (bases/test/base.yaml:3:8)\n" +
				"respin: setting suite: summer → winter (bases/test/base.yaml:3:8)\n" +
				"medium: setting suite: summer → winter (bases/test/base.yaml:3:8)",
		},
		"compression": {
			edit: []string{"product: The Desk", "product: The Desk\ncompression: small"},
			want: "base: setting compression: fast → small (images/desk.yaml:4:14)\n" +
				"packages: setting compression: fast → small (images/desk.yaml:4:14)\n" +
				"configuration: setting compression: fast → small (images/desk.yaml:4:14)\n" +
				"respin: setting compression: fast → small (images/desk.yaml:4:14)",
		},
		"a waiver": {
			edit: []string{
				"-- features/ink/feature.yaml --", "-- controls/a.yaml --\n[{id: SIT-1, statement: It stands, checks: [desk/sits]}]\n-- features/ink/feature.yaml --",
				"  remove: [browser]\n", "  remove: [browser]\nwaivers:\n  - {control: SIT-1, reason: It leans, by: The ward, until: 2027-11-30}\n",
			},
			want: "medium: check desk/sits: its waivers changed (respins/ward/respin.yaml:9:61)",
		},
		"what a file holds": {
			edit: []string{"a4\n", "a5\n"},
			want: "configuration: file /etc/paper changed (features/paper/files/etc/paper)",
		},
		"the mode of a file": {
			edit: []string{`"0640"`, `"0600"`},
			want: "configuration: file /etc/paper: mode 0640 → 0600 (features/paper/feature.yaml:3:12)",
		},
		"the group of a file": {
			edit: []string{"group: lp", "group: adm"},
			want: "configuration: file /etc/paper: owner root:lp → root:adm (features/paper/feature.yaml:3:12)",
		},
		"the owner of a file": {
			edit: []string{"group: lp", "group: lp, owner: daemon"},
			want: "configuration: file /etc/paper: owner root:lp → daemon:lp (features/paper/feature.yaml:3:12)",
		},
		"another file": {
			edit: []string{"-- features/ink/feature.yaml --", "-- features/ink/files/etc/pen --\n-- features/ink/feature.yaml --"},
			want: "configuration: file /etc/pen added (features/ink/files/etc/pen)",
		},
		"the text of a script": {
			edit: []string{"\ncut\n", "\ncut --straight\n"},
			want: "configuration: script features/paper/scripts/20-cut changed",
		},
		"the order of scripts": {
			edit: []string{"20-cut", "05-cut"},
			want: "configuration: features/paper/scripts/10-fold comes at another place in the order",
		},
		"the order of features": {
			edit: []string{"  - paper\n  - ink\n", "  - ink\n  - paper\n"},
			want: "configuration: file /etc/paper comes at another place in the order",
		},
		"a file of the respin": {
			edit: []string{"to the ward", "to ward 7"},
			want: "respin: file /etc/motd changed (respins/ward/files/etc/motd)",
		},
		"the host name": {
			edit: []string{"hostname: desk", "hostname: table"},
			want: "configuration: setting hostname: desk → table (images/desk.yaml:15:13)\n" +
				"medium: setting hostname: desk → table (images/desk.yaml:15:13)",
		},
		"the locale": {
			edit: []string{"en_GB", "cy_GB"},
			want: "configuration: setting locale: en_GB.UTF-8 → cy_GB.UTF-8 (images/desk.yaml:16:11)\n" +
				"medium: setting locale: en_GB.UTF-8 → cy_GB.UTF-8 (images/desk.yaml:16:11)",
		},
		"the time zone": {
			edit: []string{"Europe/London", "Europe/Dublin"},
			want: "configuration: setting timezone: Europe/London → Europe/Dublin (images/desk.yaml:17:13)\n" +
				"medium: setting timezone: Europe/London → Europe/Dublin (images/desk.yaml:17:13)",
		},
		"the user's groups": {
			edit: []string{"[audio]", "[audio, video]"},
			want: "configuration: setting user.groups: audio → audio,video (images/desk.yaml:22:21)\n" +
				"medium: setting user.groups: audio → audio,video (images/desk.yaml:22:21)",
		},
		"autologin": {
			edit: []string{"autologin: true", "autologin: false"},
			want: "configuration: setting user.autologin: yes → no (images/desk.yaml:23:16)\n" +
				"medium: setting user.autologin: yes → no (images/desk.yaml:23:16)",
		},
		"the product": {
			edit: []string{"product: The Desk", "product: A Desk"},
			want: "configuration: setting product: The Desk → A Desk (images/desk.yaml:3:10)",
		},
		"the product of the respin": {
			edit: []string{"product: Ward Desk", "product: Ward"},
			want: "respin: setting product: Ward Desk → Ward (respins/ward/respin.yaml:3:10)\n" +
				"medium: setting product: Ward Desk → Ward (respins/ward/respin.yaml:3:10)",
		},
		"a setting of the respin": {
			edit: []string{"ods_code: RX1", "ods_code: RX1\nsettings: {hostname: ward}"},
			want: "respin: setting hostname: ward added (respins/ward/respin.yaml:5:22)\n" +
				"medium: setting hostname: desk → ward (respins/ward/respin.yaml:5:22)",
		},
		"the ODS code, which no script names": {
			edit: []string{"ods_code: RX1", "ods_code: RX2"},
			want: "medium: setting ods_code: RX1 → RX2 (respins/ward/respin.yaml:4:11)",
		},
		"a kernel argument": {
			edit: []string{"[quiet]", "[quiet, splash]"},
			want: "medium: setting kernel_arguments: splash added (bases/test/base.yaml:15:29)",
		},
		"how long the menu waits": {
			edit: []string{"menu_timeout: 7s", "menu_timeout: 8s"},
			want: "medium: setting menu_timeout: 7s → 8s (images/desk.yaml:18:17)",
		},
		"whether the boot ends in graphics": {
			edit: []string{"menu_timeout: 7s", "menu_timeout: 7s\n  graphical: true"},
			want: "medium: setting graphical: false → true (images/desk.yaml:19:14)",
		},
		"a check": {
			edit: []string{"test -d /", "test -d /home"},
			want: "medium: check desk/sits changed (images/desk.yaml:25:5)",
		},
		"what a check claims": {
			edit: []string{"The desk stands", "The desk stays"},
			want: "medium: check desk/sits changed (images/desk.yaml:25:5)",
		},
		"a description": {edit: []string{"description: Paper", "description: Much paper"}},
		"a comment":     {edit: []string{"description: Paper", "# About paper.\ndescription: Paper"}},
		"the mirror":    {edit: []string{"keyring: test.gpg", "keyring: test.gpg\nmirror: http://mirror.example/debian"}},
		"a feature less": {
			edit: []string{"  - ink\n", ""},
			want: "configuration: file /etc/ink gone (features/ink/files/etc/ink)\n" +
				"configuration: file /etc/motd gone (features/ink/files/etc/motd)",
		},
		"a package less": {
			edit: []string{"    - tzdata\n", "", "  timezone: Europe/London\n", "", "packages tzdata 2024a-1 wanted\n", ""},
			want: "packages: package tzdata 2024a-1 gone\n" +
				"configuration: setting timezone: Europe/London → Etc/UTC (built-in default)\n" +
				"medium: setting timezone: Europe/London → Etc/UTC (built-in default)",
		},
		"a folder where a file was": {
			edit: []string{"-- features/ink/files/etc/ink --\nblack\n", "-- features/ink/files/etc/ink/black --\n"},
			want: "configuration: file /etc/ink changed (features/ink/files/etc/ink)\n" +
				"configuration: file /etc/ink: type write → dir (features/ink/files/etc/ink)\n" +
				"configuration: file /etc/ink: mode 0644 → 0755 (features/ink/files/etc/ink)\n" +
				"configuration: file /etc/ink/black added (features/ink/files/etc/ink/black)",
		},
		"a check less": {
			edit: []string{"checks:\n  - id: sits\n    claim: The desk stands\n    run: test -d /\n", ""},
			want: "medium: check desk/sits gone",
		},
		"another user in the respin": {
			edit: []string{"ods_code: RX1", "ods_code: RX1\nsettings: {user: {name: nurse}}"},
			want: "respin: setting user.name: nurse added (respins/ward/respin.yaml:5:25)\n" +
				"medium: setting user.name: clerk → nurse (respins/ward/respin.yaml:5:25)",
		},
		"the version of a program that makes layers": {
			tools: plan.Tools{Layer: map[string]string{"apt": "2.7"}},
			want: "base: tool apt: 2.6 → 2.7\n" +
				"packages: tool apt: 2.6 → 2.7\n" +
				"configuration: tool apt: 2.6 → 2.7\n" +
				"respin: tool apt: 2.6 → 2.7\n" +
				"boot: tool apt: 2.6 → 2.7",
		},
		"the version of a program that writes media": {
			tools: plan.Tools{Medium: map[string]string{"xorriso": "1.6"}},
			want:  "medium: tool xorriso: 1.5 → 1.6",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).replace(t, c.edit...)
			if c.tools.Layer != nil {
				w.tools.Layer = c.tools.Layer
			}
			if c.tools.Medium != nil {
				w.tools.Medium = c.tools.Medium
			}
			p, _, err := w.plan(t, "ward", s)
			if err != nil {
				t.Fatal(printed(err))
			}
			if diff := cmp.Diff(c.want, reasons(p)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestReasonsNameTheLayerBelow wants the chain of layers told where nothing else changed.
func TestReasonsNameTheLayerBelow(t *testing.T) {
	p, _, err := newWorld(t).replace(t, "kernel 6.1-1", "kernel 6.1-2").plan(t, "ward", remembered(t, "ward"))
	if err != nil {
		t.Fatal(printed(err))
	}
	got := []string{p.Boot.Why}
	for _, l := range p.Layers {
		got = append(got, l.Why)
	}
	for _, r := range p.Medium.Reasons {
		got = append(got, r.String())
	}
	want := []string{
		"layer base changed", "package kernel 6.1-1 → 6.1-2", "layer base changed", "layer packages changed", "layer configuration changed",
		"layer base changed", "layer packages changed", "layer configuration changed", "layer respin changed", "layer boot files changed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestAMissWithoutADifference is what was never built, and what was built and is gone from the store.
func TestAMissWithoutADifference(t *testing.T) {
	for _, l := range newWorld(t).mustPlan(t, "ward").Layers {
		if want := []plan.Reason{{Kind: plan.First}}; cmp.Diff(want, l.Reasons, cmp.AllowUnexported(plan.Reason{})) != "" {
			t.Errorf("%s, never built: %v", l.Name, l.Reasons)
		}
	}
	p, _, err := newWorld(t).plan(t, "ward", remembered(t, "ward"))
	if err != nil {
		t.Fatal(printed(err))
	}
	for _, l := range p.Layers {
		if l.Why != "the same was made before, but the store doesn't have it any more" {
			t.Errorf("%s, gone from the store: %s", l.Name, l.Why)
		}
	}
	if len(p.Medium.Reasons) > 0 {
		t.Errorf("the medium is the same: %v", p.Medium.Reasons)
	}
}

// TestARespinComparesWithItsImage plans a respin of which only the image was built.
func TestARespinComparesWithItsImage(t *testing.T) {
	p, _, err := newWorld(t).replace(t, "hostname: desk", "hostname: table").plan(t, "ward", remembered(t, "desk"))
	if err != nil {
		t.Fatal(printed(err))
	}
	if why := p.Layers[2].Why; why != "setting hostname: desk → table (images/desk.yaml:15:13)" {
		t.Errorf("the image's layer: %s", why)
	}
	if why := p.Layers[3].Why; why != "no earlier build is known to compare it with" {
		t.Errorf("the respin's layer: %s", why)
	}
}

// TestReasonsFillAScreenAtMost changes more than fits, and wants each thing that changed named nonetheless.
func TestReasonsFillAScreenAtMost(t *testing.T) {
	w := newWorld(t)
	s := remembered(t, "ward")
	var more, files strings.Builder
	for i := range 100 {
		fmt.Fprintf(&more, "packages new%d 1-1\n", i)
		fmt.Fprintf(&files, "-- features/ink/files/srv/%d --\n", i)
	}
	w = w.replace(t, "base libc", more.String()+"base libc", "-- features/ink/feature.yaml --", files.String()+"-- features/ink/feature.yaml --",
		"hostname: desk", "hostname: table")
	p, _, err := w.plan(t, "ward", s)
	if err != nil {
		t.Fatal(printed(err))
	}
	var shown strings.Builder
	if err := p.Write(&shown); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(shown.String(), "\n"); n > 40 {
		t.Errorf("%d lines:\n%s", n, shown.String())
	}
	golden(t, "screenful.txt", shown.String())
	if n := len(p.Layers[1].Reasons); n != 100 {
		t.Errorf("the plan itself has %d reasons", n)
	}
}

// FuzzNote gives plans notes that nobody wrote: whatever lies in the store, a plan is made and every miss has a reason.
func FuzzNote(f *testing.F) {
	w := newWorld(f)
	s, err := store.Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	archivetest.Write(f, dir, w.definitions)
	img, plain := load(f, dir, "ward")
	l := locked(f, w.lock)
	first, err := plan.New(img, plain, l, w.tools, s)
	if err != nil {
		f.Fatal(err)
	}
	remember(f, first, s)
	for _, name := range []string{"ward.base", "ward.configuration", "ward.respin", "ward.boot-files", "ward.medium"} {
		text, err := s.Recall(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add([]byte(strings.ReplaceAll(string(text), "a", "b")))
	}
	f.Add([]byte(`{"key":"` + strings.Repeat("a", 64) + `","recipe":{"Ops":[{}]},"layers":["base","base"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, name := range []string{"base", "packages", "configuration", "respin", "boot-files", "medium"} {
			// Not by Remember, which waits for the disk.
			if err := os.WriteFile(filepath.Join(s.Dir(), "notes", "ward."+name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p, err := plan.New(img, plain, l, w.tools, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range p.Layers {
			if len(l.Reasons) == 0 || l.Why == "" {
				t.Errorf("%s has no reason", l.Name)
			}
		}
	})
}
