package definition

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestSchemaIsFresh(t *testing.T) {
	for _, kind := range SchemaKinds() {
		want, err := Schema(kind)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../../../docs/schema/" + string(kind) + ".json")
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/schema/%s.json is stale; run go generate ./internal/image/definition (%v)", kind, err)
		}
	}
	if _, err := Schema("flavour"); err == nil {
		t.Error("a schema of an unknown kind")
	}
}

func compiled(t *testing.T, kind Kind) *jsonschema.Schema {
	t.Helper()
	text, err := Schema(kind)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate holds YAML text against a schema, as an editor does.
func validate(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestFixturesFitSchema(t *testing.T) {
	patterns := map[Kind]string{
		KindBase: "bases/*/base.yaml", KindFeature: "features/*/feature.yaml", KindImage: "images/*.yaml",
		KindRespin: "respins/*/respin.yaml", kindChecks: "*/*/checks/*.yaml", kindControls: "controls/*.yaml",
	}
	for kind, pattern := range patterns {
		s := compiled(t, kind)
		files, err := filepath.Glob("testdata/*/" + pattern)
		shipped, _ := filepath.Glob("../../../" + pattern)
		files = append(files, shipped...)
		if err != nil || len(files) < 2 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate(t, s, text); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

// TestSchemaAgreesWithReader gives both the same image with one thing changed.
func TestSchemaAgreesWithReader(t *testing.T) {
	image := compiled(t, KindImage)
	tests := []struct {
		line string
		fits bool
	}{
		{"features: []", true},
		{"features: printing", false},
		{"featurs: []", false},
		{"settings: {locale: C.UTF-8}", true},
		{"settings: {locale: en_GB}", false},
		{"settings: {menu_timeout: 1m30s}", true},
		{"settings: {menu_timeout: 5}", false},
		{"settings: {user: {name: Nurse}}", false},
		{"settings: {user: {nome: nurse}}", false},
		{"settings: {graphical: true}", true},
		{"settings: {graphical: 'true'}", false},
		{"settings: {hostname: " + strings.Repeat("a", 64) + "}", false},
		{"settings: {hostname: " + strings.Repeat("a.", 31) + "a}", true},
		{"settings: {hostname: " + strings.Repeat("a.", 32) + "a}", false},
		{"settings: {kernel_arguments: [quiet, console=ttyS0]}", true},
		{"settings: {kernel_arguments: ['a;b']}", false},
		{"settings: {destinations: [arp, https updates.example.org, tcp *.example.org 8443, \"udp ff02::c 1900\", ntp 10.0.0.0/8]}", true},
		{"settings: {destinations: [https]}", false},
		{"settings: {destinations: [gopher example.org]}", false},
		{"compression: small", true},
		{"compression: tiny", false},
		{"packages: {add: [g++-14], remove: [0ad]}", true},
		{"packages: {add: [Cups]}", false},
		{"checks: [{id: a, claim: A, run: x}]", true},
		{"checks: [{id: a, claim: A}]", false},
		{"checks: [{id: a, claim: A, run: x, unit: y.service}]", false},
		{"checks: [{claim: A, run: x}]", false},
		{"checks: [{id: a, claim: A, file: /x, within: 30s}]", true},
		{"checks: [{id: a, claim: A, file: x}]", false},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			text := "description: A desktop\nbase: debian\nproduct: NHoS\n" + test.line + "\n"
			if err := validate(t, image, []byte(text)); (err == nil) != test.fits {
				t.Errorf("the schema says %v", err)
			}
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS("testdata/minimal")); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "images/desktop.yaml"), text)
			if _, err := Load(dir, "desktop"); (err == nil) != test.fits {
				t.Errorf("the reader says %v", err)
			}
		})
	}
	checks := compiled(t, kindChecks)
	for text, fits := range map[string]bool{
		"[{id: a, claim: A, run: x}]": true, "[{id: a, claim: A}]": false, "[{id: a, claim: A, run: x, file: /x}]": false,
		"[{id: a, claim: A, unit: x}]": false, "[{id: a, claim: A, run: x, wihtin: 5s}]": false, "{id: a, claim: A, run: x}": false,
	} {
		if err := validate(t, checks, []byte(text)); (err == nil) != fits {
			t.Errorf("checks %s: %v", text, err)
		}
	}
	mode := compiled(t, KindFeature)
	for value, fits := range map[string]bool{`"0440"`: true, "0440": true, "true": false, `"999"`: false, `"04400"`: false} {
		text := "description: A\nfiles: [{path: /a, mode: " + value + "}]\n"
		if err := validate(t, mode, []byte(text)); (err == nil) != fits {
			t.Errorf("mode %s: %v", value, err)
		}
	}
}

// node is what tests look at in a schema.
type node struct {
	Description          string          `json:"description"`
	Default              any             `json:"default"`
	Properties           map[string]node `json:"properties"`
	Items                *node           `json:"items"`
	AdditionalProperties *bool           `json:"additionalProperties"`
	Type                 string          `json:"type"`
}

// walk calls visit for every key of a schema, with its path: "settings.user.name".
func (n node) walk(path string, visit func(path string, n node)) {
	for key, p := range n.Properties {
		visit(path+key, p)
		p.walk(path+key+".", visit)
	}
	if n.Items != nil {
		n.Items.walk(path, visit)
	}
}

func TestSchemaIsStrictAndDocumented(t *testing.T) {
	sections := pageSections(t)
	for _, kind := range SchemaKinds() {
		text, err := Schema(kind)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `"format"`) {
			t.Errorf("%s: a format that is not in syntax.go", kind)
		}
		var s node
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		strict := func(path string, n node) {
			if n.Properties != nil && (n.AdditionalProperties == nil || *n.AdditionalProperties) {
				t.Errorf("%s: %s allows unknown keys", kind, path)
			}
		}
		strict("the file", s)
		if s.Items != nil {
			strict("an entry of the file", *s.Items)
		}
		s.walk("", func(path string, n node) {
			strict(path, n)
			if n.Description == "" {
				t.Errorf("%s: %s has no description", kind, path)
			}
			if n.Properties != nil {
				return // its keys are in the page
			}
			section, row := string(kind), path
			if of, key, below := strings.Cut(path, "."); below && sections[of] != "" {
				section, row = of, key
			}
			if !strings.Contains(sections[section], "\n| `"+row+"` |") {
				t.Errorf("docs/definitions.md, section %s, has no row for %s of a %s", section, row, kind)
			}
		})
	}
}

// pageSections returns the sections of docs/definitions.md by the kind or the key that they are about.
func pageSections(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/definitions.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, text := range strings.Split(string(page), "\n## ")[1:] {
		title, _, _ := strings.Cut(text, ":")
		title, _, _ = strings.Cut(title, "\n")
		sections[strings.ToLower(title[strings.LastIndex(title, " ")+1:])] = text
	}
	return sections
}

// TestPageExamples reads the examples of docs/definitions.md.
func TestPageExamples(t *testing.T) {
	sections := pageSections(t)
	for section, into := range map[string]any{
		"base": &baseKeys{}, "image": &imageKeys{}, "feature": &featureKeys{}, "respin": &respinKeys{},
		"settings": &struct {
			Settings Settings `json:"settings"`
		}{},
		"files": &struct {
			Files []fileKeys `json:"files"`
		}{},
		"checks": &[]checkKeys{}, "controls": &[]controlKeys{},
		"waivers": &struct {
			Waivers []waiverKeys `json:"waivers"`
		}{},
		"allow_secrets": &struct {
			Allow []allowKeys `json:"allow_secrets"`
		}{},
	} {
		_, example, found := strings.Cut(sections[section], "```yaml\n")
		example, _, closed := strings.Cut(example, "```")
		if !found || !closed {
			t.Errorf("section %s has no example", section)
			continue
		}
		r := newReport()
		if n := r.parseText(section, []byte(example)); n != nil {
			r.decode(section, n, into)
		}
		if err := r.err(); err != nil {
			t.Errorf("example of section %s:\n%s", section, printed(err))
		}
	}
}

// TestDefaults holds the defaults that the schema states against those that an image has.
func TestDefaults(t *testing.T) {
	s := defaults()
	want := map[string]string{
		"settings.locale": s.Locale.Value, "settings.keyboard": s.Keyboard.Value, "settings.timezone": s.Timezone.Value,
		"settings.hostname": s.Hostname.Value, "settings.user.name": s.User.Name.Value,
		"settings.user.full_name": s.User.FullName.Value, "settings.user.autologin": fmt.Sprint(s.User.Autologin.Value),
		"settings.menu_timeout": s.MenuTimeout.Value.String(), "settings.graphical": fmt.Sprint(s.Graphical.Value),
		"settings.browser.home_page": s.Browser.HomePage.Value, "settings.browser.protection_lists": fmt.Sprint(s.Browser.ProtectionLists.Value),
		"settings.kiosk.url": s.Kiosk.URL.Value, "settings.kiosk.idle": short(s.Kiosk.Idle.Value),
		"compression": "fast", "checks.within": "0s",
	}
	text, err := Schema(KindImage)
	if err != nil {
		t.Fatal(err)
	}
	var root node
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	root.walk("", func(path string, n node) {
		if n.Default != nil {
			got[path] = fmt.Sprint(n.Default)
		}
	})
	differ(t, "defaults", want, got)
}
