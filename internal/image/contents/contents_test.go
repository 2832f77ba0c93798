package contents

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"nhos.org/nhos/internal/image/secrets"
)

// tree writes a layer's files: the text is a txtar archive; "NAME -> TARGET" is a link.
func tree(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(text)).Files {
		name, target, link := strings.Cut(f.Name, " -> ")
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil && link {
			err = os.Symlink(target, path)
		} else if err == nil {
			err = os.WriteFile(path, f.Data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func scanned(t *testing.T, text string) *Layer {
	t.Helper()
	l, err := Scan(context.Background(), tree(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const base = `
-- bin -> usr/bin --
-- usr/bin/tea --
tea
-- usr/bin/milk --
milk
-- usr/bin/tool.real --
the package's
-- usr/bin/tool --
another's
-- usr/share/doc/tea/copyright --
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: GPL-2+ and Expat

License: GPL-2+
 A text.
-- usr/share/doc/milk/copyright --
License: nobody said what this file's format is
-- var/lib/made --
when the image was
-- var/lib/dpkg/info/tea.list --
/.
/usr
/usr/bin
/usr/bin/tea
/usr/share/doc/tea/copyright
/usr/bin/gone
-- var/lib/dpkg/info/milk:amd64.list --
/bin/milk
/usr/bin/tool
-- var/lib/dpkg/diversions --
/usr/bin/tool
/usr/bin/tool.real
:
-- var/lib/dpkg/status --
Package: tea
Status: install ok installed
Architecture: all
Version: 1:2-3

Package: milk
Status: install ok installed
Architecture: amd64
Version: 4

Package: left
Status: deinstall ok config-files
Architecture: amd64
Version: 5
`

func TestScan(t *testing.T) {
	l := scanned(t, base)
	got := map[string]Entry{}
	for _, e := range l.Entries {
		got[e.Path] = e
	}
	if e := got["/usr/bin/tea"]; e.Size != 4 || e.SHA256 != fmt.Sprintf("%x", sha256.Sum256([]byte("tea\n"))) || !e.Mode.IsRegular() {
		t.Errorf("a file: %+v", e)
	}
	if e := got["/bin"]; e.Target != "usr/bin" || e.Mode&fs.ModeSymlink == 0 {
		t.Errorf("a link: %+v", e)
	}
	if e := got["/usr/share"]; !e.Mode.IsDir() {
		t.Errorf("a directory: %+v", e)
	}
	if d := cmp.Diff([]Installed{{"tea", "1:2-3", "all"}, {"milk", "4", "amd64"}}, l.Installed); d != "" {
		t.Errorf("installed: %s", d)
	}
}

func TestOwners(t *testing.T) {
	r := Merge([]*Layer{scanned(t, base)})
	want := map[string]string{
		"/usr/bin/tea": "tea", "/usr/share/doc/tea/copyright": "tea",
		"/usr/bin/milk":      "milk", // by /bin, which is a link
		"/usr/bin/tool.real": "milk", // diverted
	}
	if d := cmp.Diff(want, r.Owner); d != "" {
		t.Errorf("owners (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string][]string{"tea": {"Expat", "GPL-2+"}}, r.Licences); d != "" {
		t.Errorf("licences (-want +got):\n%s", d)
	}
}

func TestOwnersOfAStack(t *testing.T) {
	lower := scanned(t, base)
	upper := scanned(t, `
-- usr/bin/tea --
changed by a script: still tea's
-- usr/bin/sugar --
new
-- var/lib/dpkg/info/sugar.list --
/usr/bin/sugar
-- var/lib/dpkg/info/tea.list --
/usr/bin/tea
-- var/lib/dpkg/status --
Package: tea
Status: install ok installed
Architecture: all
Version: 1:2-3

Package: sugar
Status: install ok installed
Architecture: all
Version: 1
`)
	// milk is taken away: its list and its files are whited out.
	for _, gone := range []string{"/var/lib/dpkg/info/milk:amd64.list", "/usr/bin/milk"} {
		upper.Entries = append(upper.Entries, Entry{Path: gone, Mode: fs.ModeDevice | fs.ModeCharDevice, Whiteout: true})
	}
	sortEntries(upper)
	r := Merge([]*Layer{lower, upper})
	// The newer tea has no copyright file any more.
	want := map[string]string{"/usr/bin/tea": "tea", "/usr/bin/sugar": "sugar"}
	if d := cmp.Diff(want, r.Owner); d != "" {
		t.Errorf("owners (-want +got):\n%s", d)
	}
	if len(r.Installed) != 2 || r.Installed[1].Name != "sugar" {
		t.Errorf("installed: %v", r.Installed)
	}
}

func TestFileKeepsALayer(t *testing.T) {
	l := scanned(t, base+"-- etc/key --\npassword = Sommer2026\n")
	l.Entries = append(l.Entries, Entry{Path: "/zz", Whiteout: true}, Entry{Path: "/zzz", Mode: fs.ModeDir, Opaque: true})
	var first, second bytes.Buffer
	if err := l.Write(&first); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("the same layer gave other bytes (%v)", err)
	}
	got, err := Read(&first)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(l, got); d != "" || len(got.Findings) != 1 {
		t.Errorf("read back (-written +read):\n%s", d)
	}
	if _, err := Read(bytes.NewReader(second.Bytes()[:second.Len()/2])); err == nil {
		t.Error("half a file was read")
	}
}

// TestShipped tells a package's own files from those that were changed after it was unpacked.
func TestShipped(t *testing.T) {
	token := "gh" + "p_q7Zp2LmXv9Rt4KcWb8Ns5HdYg3Jf6TzQaPlO\n"
	sum := fmt.Sprintf("%x", md5.Sum([]byte(token)))
	l := scanned(t, `
-- usr/share/tea/shipped --
`+token+`-- usr/share/tea/changed --
x`+"\n"+token+`-- usr/share/tea/made --
`+token+`-- etc/tea.conf --
`+token+`-- etc/as-milks --
`+token+`-- var/lib/dpkg/info/tea.list --
/usr/share/tea/shipped
/usr/share/tea/changed
/etc/tea.conf
/etc/as-milks
-- var/lib/dpkg/info/tea.md5sums --
`+sum+`  usr/share/tea/shipped
`+sum+`  usr/share/tea/changed
`+sum+`  usr/share/tea/made
-- var/lib/dpkg/status --
Package: milk
Status: install ok installed
Version: 1
Conffiles:
 /etc/as-milks `+sum+`

Package: tea
Status: install ok installed
Version: 1
Conffiles:
 /etc/tea.conf `+sum+`
`)
	got := map[string]string{}
	for _, f := range l.Findings {
		if f.Kind == secrets.Token {
			got[f.Path] = f.Shipped
		}
	}
	want := map[string]string{"/usr/share/tea/shipped": "tea", "/usr/share/tea/changed": "", "/usr/share/tea/made": "", "/etc/tea.conf": "tea", "/etc/as-milks": ""}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("shipped (-want +got):\n%s", d)
	}
}

// TestConfiguration: settings are judged in what no package owns, and in all of /etc.
func TestConfiguration(t *testing.T) {
	l := scanned(t, `
-- usr/share/tea/example --
password = Sommer2026
-- opt/tool/settings --
password = Sommer2026
-- etc/tea.conf --
password = Sommer2026
-- var/lib/dpkg/info/tea.list --
/usr/share/tea/example
/etc/tea.conf
`)
	var got []string
	for _, f := range l.Findings {
		got = append(got, f.Path)
	}
	if d := cmp.Diff([]string{"/etc/tea.conf", "/opt/tool/settings"}, got); d != "" {
		t.Errorf("found (-want +got):\n%s", d)
	}
}

// TestLinksLeadNowhere: a layer's link can't make us read this machine's files.
func TestLinksLeadNowhere(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("password = Sommer2026\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	l := scanned(t, `
-- etc/link -> `+outside+` --
-- usr/share/doc/tea -> `+filepath.Dir(outside)+` --
-- var/lib/dpkg/info/tea.list --
/etc/link
`)
	if len(l.Findings) > 0 || len(l.Packages) != 1 {
		t.Errorf("found %v in %v", l.Findings, l.Packages)
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	l := &Layer{Entries: []Entry{{Path: "/a", Mode: fs.ModeDir}, {Path: "/a/b", Whiteout: true}}, Packages: []Package{{Name: "a", Files: []string{""}}}}
	if err := l.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(_ *testing.T, text []byte) {
		if l, err := Read(bytes.NewReader(text)); err == nil {
			Merge([]*Layer{l, l})
		}
	})
}
