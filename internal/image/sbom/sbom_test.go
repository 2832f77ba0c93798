package sbom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"nhos.org/nhos/internal/image/lock"
	"nhos.org/nhos/internal/inventory"
)

const sum = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func medium(t *testing.T) Medium {
	t.Helper()
	stanza := func(name, layer, more string) string {
		return fmt.Sprintf("Package: %[1]s\nVersion: 1:2.0+b1~x\nArchitecture: amd64\n%[2]sFilename: pool/%[1]s.deb\nSize: 1\nSHA256: %[3]s\nNhos-Layer: %[4]s\nNhos-Archive: main\n\n", name, more, sum, layer)
	}
	l, err := lock.Parse(strings.NewReader(stanza("tea", "packages", "Depends: lemon | milk (>= 1), cup\n") +
		stanza("milk", "base", "Provides: cup\n") + stanza("shim", "medium", "")))
	if err != nil {
		t.Fatal(err)
	}
	pkg := func(name string, wanted bool) inventory.Package {
		return inventory.Package{Name: name, Version: "1:2.0+b1~x", Architecture: "amd64", Layer: "packages", Part: "feature tea", Wanted: wanted}
	}
	return Medium{
		Inventory: &inventory.Inventory{
			Image: "desk", Respin: "ward", Product: "The Ward", Packages: []inventory.Package{pkg("milk", false), pkg("tea", true)},
			Files: []inventory.File{
				{Path: "/etc", Mode: fs.ModeDir, Layer: "base"},
				{Path: "/etc/motd", SHA256: sum, Layer: "configuration"},
				{Path: "/link", Mode: fs.ModeSymlink, Target: "/etc", Layer: "configuration"},
				{Path: "/usr/bin/tea", SHA256: sum, Package: "tea", Layer: "packages"},
			},
		},
		Lock: l, Licences: map[string][]string{"tea": {"GPL-2+", "Expat"}}, Distribution: "debian", Suite: "trixie",
		Key: sum, File: "ward-amd64.iso", SHA256: sum, Date: time.Unix(1_700_000_000, 0), Version: "v1.2.3",
	}
}

func written(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, medium(t)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestValid holds the bill against CycloneDX's own schema.
func TestValid(t *testing.T) {
	c := jsonschema.NewCompiler()
	for _, name := range []string{"bom-1.6", "spdx", "jsf-0.82"} {
		text, err := os.ReadFile("testdata/" + name + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("http://cyclonedx.org/schema/"+name+".schema.json", schema); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	bom, err := jsonschema.UnmarshalJSON(bytes.NewReader(written(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(bom); err != nil {
		t.Error(err)
	}
}

func TestWrite(t *testing.T) {
	text := written(t)
	if !bytes.Equal(text, written(t)) {
		t.Error("the same medium gave other bytes")
	}
	var bom cdx.BOM
	if err := json.Unmarshal(text, &bom); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range *bom.Components {
		got = append(got, fmt.Sprintf("%s %s %s", c.Type, c.Name, (*c.Hashes)[0].Value[:4]))
	}
	if d := cmp.Diff([]string{"library milk 0123", "library tea 0123", "library shim 0123", "file /etc/motd 0123"}, got); d != "" {
		t.Errorf("components (-want +got):\n%s", d)
	}
	tea := (*bom.Components)[1]
	if want := "pkg:deb/debian/tea@1:2.0%2Bb1~x?arch=amd64&distro=trixie"; tea.PackageURL != want {
		t.Errorf("package URL %s, not %s", tea.PackageURL, want)
	}
	if l := *tea.Licenses; len(l) != 2 || l[0].License.Name != "GPL-2+" {
		t.Errorf("licences %v", l)
	}
	milk := (*bom.Components)[0].BOMRef
	if d := cmp.Diff([]cdx.Dependency{{Ref: "medium", Dependencies: &[]string{tea.BOMRef}}, {Ref: tea.BOMRef, Dependencies: &[]string{milk}}}, *bom.Dependencies); d != "" {
		t.Errorf("dependencies (-want +got):\n%s", d)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bom.SerialNumber) {
		t.Errorf("serial number %s", bom.SerialNumber)
	}
	if bom.Metadata.Timestamp != "2023-11-14T22:13:20Z" || (*bom.Metadata.Component.Hashes)[0].Value != sum {
		t.Errorf("metadata %+v", bom.Metadata)
	}
}
