package lock

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sum = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// entry is a stanza of a lock, with some of its fields replaced ("Size: 0") or taken out ("Size:").
func entry(changes ...string) string {
	text := `Package: tea
Version: 1:2.0-3
Architecture: amd64
Depends: libc6 (>= 2.38),
 milk | lemon
Filename: pool/main/t/tea/tea_2.0-3_amd64.deb
Size: 1234
SHA256: ` + sum + `
Nhos-Layer: packages
Nhos-Archive: main
Nhos-Wanted: yes
`
	for _, change := range changes {
		name, value, _ := strings.Cut(change, ":")
		var kept []string
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, name+":") {
				if value == "" {
					continue
				}
				line = change + "\n"
			}
			kept = append(kept, line)
		}
		text = strings.Join(kept, "")
	}
	return text
}

func TestALockReadsBackAsItWasWritten(t *testing.T) {
	text := entry() + "\n" + entry("Package: milk", "Nhos-Layer: base", "Nhos-Wanted:")
	l, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := []string{l.Packages[0].ID(), l.Packages[1].ID()}; !cmp.Equal(got, []string{"milk:amd64=1:2.0-3", "tea:amd64=1:2.0-3"}) {
		t.Errorf("the base doesn't come first: %v", got)
	}
	again, err := Parse(strings.NewReader(l.String()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(l.String(), again.String()); d != "" {
		t.Error(d)
	}
	if tea := l.Packages[1]; !tea.Wanted || tea.Size != 1234 || tea.SHA256 != sum || tea.Layer != Packages {
		t.Errorf("read %+v", tea)
	}
	if !strings.Contains(l.String(), "Depends: libc6 (>= 2.38),\n milk | lemon\n") {
		t.Errorf("the continuation line was lost:\n%s", l)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":             {"", "no package in it"},
		"no field":            {"Package tea\n", `line 1: "Package tea" is no field`},
		"a loose continued":   {" tea\n", "line 1: a continuation line without a field"},
		"a path upwards":      {entry("Filename: ../../etc/passwd"), `line 1: package tea: "../../etc/passwd" is no file name of an archive`},
		"a host":              {entry("Filename: //host/tea.deb"), `line 1: package tea: "//host/tea.deb" is no file name of an archive`},
		"an option as name":   {entry("Package: -o"), `line 1: "-o" is no package name`},
		"an odd version":      {entry("Version: 1 2"), `line 1: package tea: "1 2" is no version`},
		"a size of words":     {entry("Size: big"), `line 1: package tea: "big" is no size`},
		"a short digest":      {entry("SHA256: abc"), `line 1: package tea: "abc" is no SHA-256`},
		"an unknown layer":    {entry("Nhos-Layer: cellar"), `line 1: package tea: Nhos-Layer "cellar" is none of base, packages, respin, medium`},
		"an unknown archive":  {entry("Nhos-Archive: attic"), `line 1: package tea: Nhos-Archive "attic" is neither main nor security`},
		"the same name twice": {entry() + "\n" + entry(), "line 13: package tea stands at line 1 already"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(c.text))
			if err == nil || err.Error() != c.want {
				t.Errorf("Parse = %v, want %s", err, c.want)
			}
		})
	}
}

func TestProvides(t *testing.T) {
	l, err := Parse(strings.NewReader(
		entry("Package: kettle", "Depends: heat", "Nhos-Layer: base") + "Provides: boiler (= 2), heater\n\n" +
			entry("Nhos-Wanted: yes") + "Nhos-Removed-In: respin\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		in   []Layer
		want bool
	}{
		{"kettle", []Layer{Base}, true},
		{"boiler", []Layer{Base}, true},
		{"heater", []Layer{Base}, true},
		{"boiler", []Layer{Packages}, false},
		{"tea", []Layer{Base, Packages}, true},
		{"tea", []Layer{Base, Packages, Respin}, false},
	} {
		if got := l.Provides(c.name, c.in...); got != c.want {
			t.Errorf("Provides(%s, %v) = %v", c.name, c.in, got)
		}
	}
}

func TestReadTargets(t *testing.T) {
	got := readTargets(`Packages|Debian|Debian|http://archive.example/debian/
Packages|Debian|Debian|http://second.example/debian/
Packages|Debian|Debian-Security|http://security.example/debian-security
Packages|Debian Backports|Debian Backports|http://backports.example/debian/
Packages|Example|Debian|http://other.example/
Translations|Debian|Debian|http://archive.example/translations/
broken line
`, "debian")
	want := Mirrors{"main": "http://archive.example/debian/", "security": "http://security.example/debian-security/"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	got = readTargets(`Packages|$(ORIGIN)|$(LABEL)|http://archive.example/debian/
Packages|$(ORIGIN)|$(LABEL)|http://archive.example/debian-security/
Packages|$(ORIGIN)|$(LABEL)|http://other.example/apt/
`, "debian")
	want = Mirrors{"main": "http://archive.example/debian/", "security": "http://archive.example/debian-security/"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("before apt's first update: %s", d)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(entry())
	f.Add(entry() + "\n\n\n" + entry("Package: milk"))
	f.Add(": \n \n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := Parse(strings.NewReader(l.String()))
		if err != nil {
			t.Fatalf("what was written can't be read: %v\n%s", err, l)
		}
		if again.String() != l.String() {
			t.Fatalf("changed on the way:\n%s\n%s", l, again)
		}
	})
}
