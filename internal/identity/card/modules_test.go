package card

import (
	"strings"
	"testing"
	"testing/fstest"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestModulesAreThoseOfP11Kit(t *testing.T) {
	const folder = "usr/lib/x86_64-linux-gnu/pkcs11/"
	base := fstest.MapFS{
		folder + "opensc-pkcs11.so":                      file(""),
		"usr/lib/vendor.so":                              file(""),
		"usr/share/p11-kit/modules/opensc-pkcs11.module": file("# OpenSC\nmodule: opensc-pkcs11.so\n"),
	}
	tests := map[string]struct {
		files fstest.MapFS
		want  string // paths, parted by blanks; or "" for an error
	}{
		"the distribution's":      {nil, folder + "opensc-pkcs11.so"},
		"a vendor's by path":      {fstest.MapFS{"etc/pkcs11/modules/vendor.module": file("module:/usr/lib/vendor.so")}, folder + "opensc-pkcs11.so usr/lib/vendor.so"},
		"by priority":             {fstest.MapFS{"etc/pkcs11/modules/vendor.module": file("module: /usr/lib/vendor.so\npriority: 5")}, "usr/lib/vendor.so " + folder + "opensc-pkcs11.so"},
		"the user's":              {fstest.MapFS{"home/u/.config/pkcs11/modules/vendor.module": file("module: /usr/lib/vendor.so")}, folder + "opensc-pkcs11.so usr/lib/vendor.so"},
		"an administrator's file": {fstest.MapFS{"etc/pkcs11/modules/opensc-pkcs11.module": file("module: /usr/lib/vendor.so")}, "usr/lib/vendor.so"},
		"disabled for us":         {fstest.MapFS{"etc/pkcs11/modules/opensc-pkcs11.module": file("module: opensc-pkcs11.so\ndisable-in: firefox, nhos-identity-card")}, ""},
		"disabled for others":     {fstest.MapFS{"etc/pkcs11/modules/opensc-pkcs11.module": file("module: opensc-pkcs11.so\ndisable-in: firefox")}, folder + "opensc-pkcs11.so"},
		"enabled for others":      {fstest.MapFS{"etc/pkcs11/modules/opensc-pkcs11.module": file("module: opensc-pkcs11.so\nenable-in: firefox")}, ""},
		"trusted certificates":    {fstest.MapFS{"usr/share/p11-kit/modules/p11-kit-trust.module": file("module: /usr/lib/vendor.so\ntrust-policy: yes")}, folder + "opensc-pkcs11.so"},
		"a remote one":            {fstest.MapFS{"etc/pkcs11/modules/vendor.module": file("remote: |ssh host\nmodule: /usr/lib/vendor.so")}, folder + "opensc-pkcs11.so"},
		"one that isn't there":    {fstest.MapFS{"etc/pkcs11/modules/vendor.module": file("module: /usr/lib/gone.so")}, folder + "opensc-pkcs11.so"},
		"a folder":                {fstest.MapFS{"etc/pkcs11/modules/vendor.module": file("module: /usr/lib")}, folder + "opensc-pkcs11.so"},
		"twice the same":          {fstest.MapFS{"etc/pkcs11/modules/again.module": file("module: /" + folder + "opensc-pkcs11.so")}, folder + "opensc-pkcs11.so"},
		"no file of modules":      {fstest.MapFS{"etc/pkcs11/modules/README": file("module: /usr/lib/vendor.so")}, folder + "opensc-pkcs11.so"},
		"a path out of the folders": {
			fstest.MapFS{"etc/pkcs11/modules/vendor.module": file("module: ~/vendor.so")}, folder + "opensc-pkcs11.so",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for _, files := range []fstest.MapFS{base, test.files} {
				for path, file := range files {
					root[path] = file
				}
			}
			modules, err := modulesIn(root, "home/u/.config")
			if got := strings.Join(modules, " "); got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func FuzzParseModule(f *testing.F) {
	f.Add([]byte("module: opensc-pkcs11.so\npriority: 1\nenable-in: a, b\n# x: y\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		module := parseModule(text)
		if strings.ContainsAny(module.path, "\n") {
			t.Fatalf("a path of two lines: %q", module.path)
		}
		root := fstest.MapFS{"usr/lib/pkcs11/a.so": file(""), "etc/pkcs11/modules/a.module": {Data: text}}
		modules, err := modulesIn(root, "")
		for _, module := range modules {
			if root[module] == nil {
				t.Errorf("found %q, which is no file", module)
			}
		}
		if (err == nil) != (len(modules) > 0) {
			t.Errorf("found %q, %v", modules, err)
		}
	})
}
