package evidence

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/image/signature"
	"nhos.org/nhos/internal/inventory"
)

var today = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// A folder with definitions and what a build of them, and a boot of it, left.
type folder struct {
	*testing.T
	dir, out string
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const controls = `- {id: LOCK-1, statement: Packages are named, built: [lock]}
- {id: LIC-1, statement: Packages are free, built: [areas]}
- {id: PKG-1, statement: Packages are wanted, built: [packages]}
- {id: SBOM-1, statement: There is a bill, built: [sbom]}
- {id: PROV-1, statement: It is known where from, built: [provenance, checksums]}
- {id: SIG-1, statement: It is signed, built: [signature]}
- {id: SEC-1, statement: There is no secret, built: [secret-scan]}
- {id: BOOT-1, statement: It starts, boots: [secureboot], frames: {ncsc: [Secure boot]}}
- {id: CUT-1, statement: It survives, scenarios: [power-cut]}
- id: TEA-1
  statement: There is tea
  frames: {cyber_essentials: [Secure configuration], dspt_caf: [B4.b], cis_debian_13: [1.3.1.2]}
  checks: [tea/hot, tea/safe]
- {id: MAN-1, statement: People drink, attested: They do}
`

func newFolder(t *testing.T) *folder {
	f := &folder{t, t.TempDir(), ""}
	f.out = filepath.Join(f.dir, "out/desk")
	f.write("bases/b/base.yaml", "description: A base\ndistribution: example\nsuite: summer\narchitecture: amd64\ncomponents: [main]\npockets: [{suite: summer, archive: main}]\nkeyring: k\n")
	f.write("features/tea/feature.yaml", "description: Tea\npackages: {add: [tea]}\n")
	f.write("features/tea/files/etc/tea", "hot\n")
	f.write("features/tea/checks/tea.yaml", "- {id: hot, claim: Tea is hot, run: 'test \"$NHOS_AUTOLOGIN\" = no'}\n- {id: safe, claim: Tea is safe, run: \"true\"}\n")
	f.write("images/desk.yaml", "description: A desk\nbase: b\nproduct: The Desk\nfeatures: [tea]\npackages: {remove: [gin]}\n")
	f.write("controls/all.yaml", controls)
	f.write("out/desk/desk.iso", "the medium")
	f.build("desk")
	f.write("out/desk/desk.lock", "Package: tea\nVersion: 1\nArchitecture: amd64\nFilename: pool/main/t/tea.deb\nSize: 1\nSHA256: "+strings.Repeat("a", 64)+"\nNhos-Layer: packages\nNhos-Archive: main\n")
	f.write("out/desk/desk.sbom.cdx.json", `{"components": [{"type": "library", "name": "tea", "version": "1"}, {"type": "file", "name": "/etc/tea"}]}`)
	f.write("out/desk/desk.provenance.json", `{"subject": [{"digest": {"sha256": "`+f.sha("desk.iso")+`"}}]}`)
	f.inventory("feature tea", "tea")
	f.sums()
	f.boot("secureboot-usb", `"firmware": "secureboot", "guest": {"secure_boot": true}, "checks": [`+check("tea/hot", true)+","+check("tea/safe", true)+"]")
	f.boot("uefi-usb-power-cut", `"firmware": "uefi", "scenario": "power-cut", "guest": {}`)
	return f
}

func check(id string, passed bool) string {
	return fmt.Sprintf(`{"id": %q, "claim": "Tea is as it should", "tries": 1, "passed": %v}`, id, passed)
}

func (f *folder) write(name, text string) {
	f.Helper()
	write(f.T, filepath.Join(f.dir, name), text)
}

func (f *folder) build(id string) {
	f.write("out/desk/build.json", fmt.Sprintf(`{"id": %q, "iso": "desk.iso", "lock": "desk.lock", "sha256": %q, "size": 10}`, id, f.sha("desk.iso")))
}

func (f *folder) sha(name string) string {
	f.Helper()
	text, err := os.ReadFile(filepath.Join(f.out, name))
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

func (f *folder) inventory(part, name string) {
	v := &inventory.Inventory{Image: "desk", Packages: []inventory.Package{{Name: name, Version: "1", Part: part}}}
	if err := v.Write(filepath.Join(f.out, "desk.inventory.json.gz")); err != nil {
		f.Fatal(err)
	}
}

// sums writes SHA256SUMS of what is there.
func (f *folder) sums() {
	text := ""
	for _, name := range []string{"desk.iso", "desk.lock", "desk.sbom.cdx.json", "desk.provenance.json", "desk.inventory.json.gz"} {
		text += f.sha(name) + "  " + name + "\n"
	}
	f.write("out/desk/SHA256SUMS", text)
}

func (f *folder) boot(name, more string) {
	f.write("out/desk/boots/"+name+"/result.json", fmt.Sprintf(
		`{"name": %q, "medium": "desk.iso", "sha256": %q, "as": "usb", "verdict": "passed", "qemu": "7.2.19", "accelerator": {"name": "tcg"}, "started": "2026-11-22T10:00:00Z", %s}`,
		name, f.sha("desk.iso"), more))
}

func (f *folder) read(key *signature.PublicKey) *Pack {
	f.Helper()
	p, err := Read(Request{Definitions: f.dir, ID: "desk", Dir: f.out, Key: key, Now: today})
	if err != nil {
		f.Fatal(err)
	}
	return p
}

// result is what a control came to, and why.
func (p *Pack) result(id string) (Result, string) {
	for _, c := range p.Controls {
		if c.ID == id {
			return c.Result, strings.Join(c.Why, "; ")
		}
	}
	return "", ""
}

// TestEveryProofCanFail damages one thing after the other. Each must be seen by the control that rests on it.
func TestEveryProofCanFail(t *testing.T) {
	resum := func(name, text string) func(*folder) {
		return func(f *folder) { f.write("out/desk/"+name, text); f.sums() }
	}
	remove := func(name string) func(*folder) {
		return func(f *folder) {
			if err := os.RemoveAll(filepath.Join(f.out, name)); err != nil {
				f.Fatal(err)
			}
		}
	}
	tests := []struct {
		name, control string
		do            func(f *folder)
		want          Result
		why           string
	}{
		{"nothing", "LOCK-1", func(*folder) {}, Holds, ""},
		{"nothing", "LIC-1", func(*folder) {}, Holds, ""},
		{"a package of another area", "LIC-1", func(f *folder) {
			text, _ := os.ReadFile(filepath.Join(f.dir, "bases/b/base.yaml"))
			f.write("bases/b/base.yaml", strings.Replace(string(text), "[main]", "[contrib]", 1))
		}, Fails, "package tea is from pool/main/t/tea.deb, and the base names contrib"},
		{"nothing", "PKG-1", func(*folder) {}, Holds, ""},
		{"nothing", "SBOM-1", func(*folder) {}, Holds, ""},
		{"nothing", "PROV-1", func(*folder) {}, Holds, ""},
		{"nothing", "SEC-1", func(*folder) {}, Holds, ""},
		{"nothing", "BOOT-1", func(*folder) {}, Holds, ""},
		{"nothing", "CUT-1", func(*folder) {}, Holds, ""},
		{"nothing", "TEA-1", func(*folder) {}, Holds, ""},
		{"nothing", "MAN-1", func(*folder) {}, Attest, ""},
		{"no signature", "SIG-1", func(*folder) {}, NotShown, "nobody has signed"},
		{"a signature without a key", "SIG-1", func(f *folder) { f.write("out/desk/SHA256SUMS.sig", "x") }, NotShown, "no key was given"},
		{"the lock is altered", "LOCK-1", func(f *folder) { f.write("out/desk/desk.lock", "") }, Fails, "isn't as SHA256SUMS has it"},
		{"the lock is gone", "LOCK-1", remove("desk.lock"), NotShown, "left no such file"},
		{"no checksums", "SBOM-1", remove("SHA256SUMS"), NotShown, "left no such file"},
		{"a package that nobody asked for", "PKG-1", func(f *folder) { f.inventory("", "tea"); f.sums() }, Fails, "no part of the definition asks for package tea"},
		{"a package that is kept out", "PKG-1", func(f *folder) { f.inventory("feature tea", "gin"); f.sums() }, Fails, "package gin is installed"},
		{"a package that the bill lacks", "SBOM-1", resum("desk.sbom.cdx.json", `{"components": []}`), Fails, "lacks package tea 1"},
		{"a bill that is none", "SBOM-1", resum("desk.sbom.cdx.json", "["), Fails, "reading desk.sbom.cdx.json"},
		{"provenance of another medium", "PROV-1", resum("desk.provenance.json", `{"subject": [{"digest": {"sha256": "ab"}}]}`), Fails, "about another medium"},
		{"the medium is altered", "SEC-1", func(f *folder) { f.write("out/desk/desk.iso", "another") }, Fails, "desk.iso isn't as"},
		{"sums of another medium", "PROV-1", func(f *folder) { f.write("out/desk/desk.iso", "another"); f.sums() }, Fails, "of the digest that was tested"},
		{"Secure Boot is off", "BOOT-1", func(f *folder) { f.boot("secureboot-usb", `"firmware": "secureboot", "guest": {}`) }, Fails, "Secure Boot is off"},
		{"a guest that never answered", "BOOT-1", func(f *folder) { f.boot("secureboot-usb", `"firmware": "secureboot"`) }, Fails, "never answered"},
		{"no such boot", "BOOT-1", remove("boots/secureboot-usb"), NotShown, "no boot under UEFI with Secure Boot"},
		{"no boot", "TEA-1", remove("boots"), NotShown, "no boot of this medium is kept"},
		{"a boot of another medium", "TEA-1", func(f *folder) {
			f.build("desk")
			f.write("out/desk/boots/secureboot-usb/result.json", `{"name": "secureboot-usb", "sha256": "ab", "checks": [`+check("tea/hot", true)+`]}`)
		}, NotShown, "check tea/hot is newer than this medium"},
		{"a scenario that failed", "CUT-1", func(f *folder) {
			f.write("out/desk/boots/uefi-usb-power-cut/result.json", `{"name": "p", "sha256": "`+f.sha("desk.iso")+`", "scenario": "power-cut", "verdict": "failed"}`)
		}, Fails, "scenario power-cut failed"},
		{"a check that failed in one of two boots", "TEA-1", func(f *folder) {
			f.boot("bios-cd", `"firmware": "bios", "checks": [`+check("tea/hot", false)+"]")
		}, Fails, "check tea/hot failed in bios-cd"},
		{"a check that no boot ran", "TEA-1", func(f *folder) {
			f.boot("secureboot-usb", `"firmware": "secureboot", "manifest": {"checks": [{"id": "tea/safe"}]}, "checks": [`+check("tea/hot", true)+`, {"id": "tea/safe"}]`)
		}, NotShown, "no boot ran check tea/safe"},
	}
	for _, test := range tests {
		t.Run(test.name+" "+test.control, func(t *testing.T) {
			f := newFolder(t)
			test.do(f)
			got, why := f.read(nil).result(test.control)
			if got != test.want || !strings.Contains(why, test.why) || test.why == "" && why != "" {
				t.Errorf("%s %s: %s", test.control, got, why)
			}
		})
	}
}

// A boot that failed is named, also where no control rests on what failed in it; a check says in which boots it wasn't so.
func TestAFailedBootIsNamed(t *testing.T) {
	f := newFolder(t)
	f.boot("bios-cd", `"firmware": "bios", "verdict": "failed", "reasons": ["check tea/sweet failed"], "checks": [`+check("tea/hot", false)+`]`)
	p := f.read(nil)
	if want := []string{"Boot bios-cd failed: check tea/sweet failed."}; !slices.Equal(p.Notes, want) {
		t.Errorf("notes %q", p.Notes)
	}
	i := slices.IndexFunc(p.Controls, func(c Control) bool { return c.ID == "TEA-1" })
	if hot := p.Controls[i].Proofs[0]; !slices.Equal(hot.FailedIn, []string{"bios-cd"}) || len(hot.Boots) != 2 {
		t.Errorf("looked at in %q, failed in %q", hot.Boots, hot.FailedIn)
	}
}

func TestWhenItWasTested(t *testing.T) {
	at := func(days ...int) (p Pack) {
		for _, d := range days {
			p.Boots = append(p.Boots, Boot{Started: today.AddDate(0, 0, d)})
		}
		return p
	}
	for want, p := range map[string]Pack{
		"not yet: no boot of this medium is kept":       at(),
		"1 boot, 22 November 2026":                      at(0),
		"2 boots, 22 November 2026":                     at(0, 0),
		"3 boots, 20 November 2026 to 23 November 2026": at(0, 1, -2),
	} {
		if got := p.Tested(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// A medium that nobody booted isn't said to be in order.
func TestAMediumThatWasntBootedSaysSo(t *testing.T) {
	f := newFolder(t)
	if err := os.RemoveAll(filepath.Join(f.out, "boots")); err != nil {
		t.Fatal(err)
	}
	p := f.read(nil)
	if text, colour := p.headline(); text != "Not tested: 4 not shown" || colour != "notrun" {
		t.Errorf("%s: %s", colour, text)
	}
	var said strings.Builder
	if err := p.Summary(&said); err != nil || !strings.Contains(said.String(), "\nno boot of this medium is kept: nhos test desk boots it\n") {
		t.Errorf("%v\n%s", err, said.String())
	}
}

// A scenario is told by what it shows, where its file says so.
func TestAboutAScenario(t *testing.T) {
	f := newFolder(t)
	said := func() string {
		p := f.read(nil)
		i := slices.IndexFunc(p.Controls, func(c Control) bool { return c.ID == "CUT-1" })
		return p.Controls[i].Proofs[0].Said
	}
	if got := said(); got != "Scenario power-cut plays to its end" {
		t.Errorf("without a file: %q", got)
	}
	f.write("scenarios/power-cut.yaml", "about: It starts again after a power cut\nsteps: [power cut]\n")
	if got := said(); got != "It starts again after a power cut" {
		t.Errorf("with a file: %q", got)
	}
}

// TestWhatARespinTouches lays a file over one of the feature, and states a setting that its check looks at.
func TestWhatARespinTouches(t *testing.T) {
	f := newFolder(t)
	f.write("respins/ward/respin.yaml", "description: A ward\nimage: desk\npackages: {remove: [tea]}\nsettings: {user: {autologin: true}}\n")
	f.write("respins/ward/files/etc/tea", "cold\n")
	f.write("respins/ward/scripts/10-pour", "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(f.dir, "respins/ward/scripts/10-pour"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.build("ward")
	p, err := Read(Request{Definitions: f.dir, ID: "ward", Dir: f.out, Now: today})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Controls, func(c Control) bool { return c.ID == "TEA-1" })
	want := []string{
		"the respin removes package tea of tea (respins/ward/respin.yaml:3:21)",
		"the respin lays a file of its own over /etc/tea of tea (respins/ward/files/etc/tea)",
		"the respin changes the setting that the check knows as NHOS_AUTOLOGIN (respins/ward/respin.yaml:4:30)",
	}
	if d := cmp.Diff(want, p.Controls[i].Touched); d != "" || p.Controls[i].Result != Holds {
		t.Errorf("TEA-1 %s, touched (-want +got):\n%s", p.Controls[i].Result, d)
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "10-pour") {
		t.Errorf("notes %q", p.Notes)
	}
}

func TestDefinitionsThatChangedSince(t *testing.T) {
	f := newFolder(t)
	f.write("out/desk/desk.provenance.json", `{"subject": [{"digest": {"sha256": "`+f.sha("desk.iso")+`"}}],
		"predicate": {"buildDefinition": {"externalParameters": {"definitions": {"images/gone.yaml": "ab"}}}}}`)
	f.sums()
	if notes := f.read(nil).Notes; len(notes) != 1 || !strings.Contains(notes[0], "images/desk.yaml, images/gone.yaml.") {
		t.Errorf("notes %q", notes)
	}
}

// A result that can't be read could be one that failed.
func TestDamagedResultIsAnError(t *testing.T) {
	f := newFolder(t)
	f.write("out/desk/boots/bios-cd/result.json", "{")
	if _, err := Read(Request{Definitions: f.dir, ID: "desk", Dir: f.out, Now: today}); err == nil || !strings.Contains(err.Error(), "bios-cd/result.json") {
		t.Errorf("%v", err)
	}
}

func TestSignature(t *testing.T) {
	f := newFolder(t)
	keys := t.TempDir()
	for _, name := range []string{"ours", "other"} {
		if err := signature.NewKey(filepath.Join(keys, name), name); err != nil {
			t.Fatal(err)
		}
	}
	private, err := signature.LoadPrivate(filepath.Join(keys, "ours"), nil)
	if err == nil {
		_, err = signature.Sign(f.out, private)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Result{"ours": Holds, "other": Fails} {
		key, err := signature.LoadPublic(filepath.Join(keys, name+".pub"))
		if err != nil {
			t.Fatal(err)
		}
		if got, why := f.read(key).result("SIG-1"); got != want {
			t.Errorf("by the key of %s: %s: %s", name, got, why)
		}
	}
}

func TestAnotherBuildIsRefused(t *testing.T) {
	f := newFolder(t)
	f.build("table")
	if _, err := Read(Request{Definitions: f.dir, ID: "desk", Dir: f.out, Now: today}); err == nil || !strings.Contains(err.Error(), "is table, not desk") {
		t.Errorf("%v", err)
	}
}
