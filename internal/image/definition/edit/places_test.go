package edit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nhos.org/nhos/internal/image/definition"
)

// TestPlaces shows where new text goes and what old text leaves behind.
func TestPlaces(t *testing.T) {
	type call = func(x *text) (*text, []Change, error)
	set := func(path, value string) call {
		return func(x *text) (*text, []Change, error) { return x.set(path, value) }
	}
	unset := func(path string) call { return func(x *text) (*text, []Change, error) { return x.unset(path) } }
	add := func(path, value string) call {
		return func(x *text) (*text, []Change, error) { return x.include(path, []string{value}) }
	}
	cut := func(path, value string) call {
		return func(x *text) (*text, []Change, error) { return x.exclude(path, []string{value}) }
	}
	for name, test := range map[string]struct {
		old  string
		call call
		want string
	}{
		"after the comments of what comes before": {
			"base: b\nsettings:\n  user:\n    name: x\n    # of the user\n\n  # of the settings\n\n# of the file\nchecks: []\n", set("compression", "small"),
			"base: b\nsettings:\n  user:\n    name: x\n    # of the user\n\n  # of the settings\n\n# of the file\nchecks: []\ncompression: small\n",
		},
		"within the comments": {
			"base: b\nsettings:\n  user:\n    name: x\n    # of the user\n  # of the settings\n", set("settings.graphical", "true"),
			"base: b\nsettings:\n  user:\n    name: x\n    # of the user\n  graphical: true\n  # of the settings\n",
		},
		"above the comment of the first key": {
			"settings: # all\n  # its name\n  hostname: x\n", set("settings.locale", "C.UTF-8"),
			"settings: # all\n  locale: C.UTF-8\n  # its name\n  hostname: x\n",
		},
		"before everything":       {"# head\n\nproduct: P\n", set("description", "D"), "# head\n\ndescription: D\nproduct: P\n"},
		"an empty key":            {"settings:   # none yet\nchecks: []\n", set("settings.user.name", "x"), "settings:   # none yet\n  user:\n    name: x\nchecks: []\n"},
		"a key without value":     {"product:  # none yet\n", set("product", "P"), "product: P  # none yet\n"},
		"no end of the last line": {"base: b", set("product", "P"), "base: b\nproduct: P"},
		"brackets beside":         {"features:\n  - a\npackages:\n  add: [x]\n", add("packages.remove", "z"), "features:\n  - a\npackages:\n  add: [x]\n  remove: [z]\n"},
		"lines above":             {"features:\n- a\n", add("packages.add", "z"), "features:\n- a\npackages:\n  add:\n  - z\n"},
		"brackets over lines":     {"features: [\n  a,\n  b\n]\n", add("features", "c"), "features: [\n  a,\n  b,\n  c\n]\n"},
		"out of brackets":         {"features: [a, b, c]\n", cut("features", "b"), "features: [a, c]\n"},
		"the last of brackets":    {"features: [a, b, c] # d\n", cut("features", "c"), "features: [a, b] # d\n"},
		"out of lines":            {"features:\n  # one\n  - a # a\n  # two\n  - b\n", cut("features", "a"), "features:\n  # one\n  # two\n  - b\n"},
		"the last of a list":      {"packages:\n  add: [a]\n  remove: [b]\n", cut("packages.remove", "b"), "packages:\n  add: [a]\n"},
		"all that is set": {
			"base: |\n  b\nsettings:\n    # why\n    hostname: x\nchecks: []\n", unset("settings.hostname"),
			"base: |\n  b\n# why\nchecks: []\n", // further in, it would be a part of the base
		},
		"the only one in braces": {"base: b\nsettings: {user: {name: x}}\n", unset("settings.user.name"), "base: b\n"},
		"one of two in braces":   {"settings: {user: {name: x}, locale: l}\n", unset("settings.user.name"), "settings: {locale: l}\n"},
		"a text in lines":        {"description: >-\n  a\n\n  b\n\nbase: b\n", set("description", "c"), "description: c\n\nbase: b\n"},
		"quotes":                 {"base: 'b'\n", set("base", "it's"), "base: 'it''s'\n"},
		"Windows":                {"base: b\r\nproduct: P\r\n", add("features", "f"), "base: b\r\nproduct: P\r\nfeatures:\r\n  - f\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			x := must(t)(parse(image, test.old))
			got := changed(t)(test.call(x)).String()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestScalar writes texts such that every reader of YAML takes them for text.
func TestScalar(t *testing.T) {
	for s, want := range map[string]string{
		"plain": "plain", "two words": "two words", "en_GB.UTF-8": "en_GB.UTF-8", "5s": "5s", "1m30s": "1m30s", "7A1": "7A1", "/usr/*": "/usr/*",
		`Debian 13 "trixie"`: `Debian 13 "trixie"`, "it's": "it's", "Gŵynedd": "Gŵynedd", "a:b": "a:b", "a#b": "a#b", "http://x/y": "http://x/y",
		"": `""`, " a": `" a"`, "a ": `"a "`, "true": `"true"`, "No": `"No"`, "ON": `"ON"`, "y": `"y"`, "null": `"null"`, "~": `"~"`, "1": `"1"`, "-1.5": `"-1.5"`,
		"1e3": `"1e3"`, "0x1f": `"0x1f"`, "0o17": `"0o17"`, "010": `"010"`, "1_000": `"1_000"`, ".5": `".5"`, ".inf": `".inf"`, "12:30": `"12:30"`,
		"2026-11-22": `"2026-11-22"`, "- a": `"- a"`, "-": `"-"`, "a: b": `"a: b"`, "a:": `"a:"`, "a #b": `"a #b"`, "#a": `"#a"`, "*a": `"*a"`, "&a": `"&a"`,
		"!a": `"!a"`, "%a": `"%a"`, "@a": `"@a"`, "`a": "\"`a\"", "[a": `"[a"`, "{a": `"{a"`, "'a": `"'a"`, `"a`: `"\"a"`, "|": `"|"`, "? a": `"? a"`,
		"a\nb": `"a\nb"`, "a\tb": `"a\tb"`, "\x1b": `"\x1b"`, `a\b`: `a\b`, "<<": `"<<"`, "=": `"="`, "...": `"..."`, "---": `"---"`,
	} {
		if got := scalar(s, 0, false); got != want {
			t.Errorf("%q is written %s, not %s", s, got, want)
		}
	}
	for s, want := range map[string]string{"a, b": `"a, b"`, "a]": `"a]"`, "a}": `"a}"`, "a:b": `"a:b"`, "plain": "plain"} {
		if got := scalar(s, 0, true); got != want {
			t.Errorf("%q is written %s in brackets, not %s", s, got, want)
		}
	}
}

// TestGuard sees to it that a change of the text that means something else is refused.
func TestGuard(t *testing.T) {
	x := must(t)(parse(image, "base: b\nproduct: P\n"))
	m, err := meaning(x.document)
	if err != nil {
		t.Fatal(err)
	}
	want := with(m, []string{"base"}, "c")
	for _, p := range []patch{{6, 7, "d"}, {6, 8, "c"}, {0, 0, "c"}, {6, 7, "c\nfeatures: []"}, {6, 99, "c"}, {6, 7, "[c"}} {
		if _, err := x.patched(want, p); err == nil || !strings.Contains(err.Error(), "change it with an editor") {
			t.Errorf("%v: %v", p, err)
		}
	}
	if _, err := x.patched(want, patch{6, 7, "c"}); err != nil {
		t.Error(err)
	}
	// Where the parser's places don't fit the text, nothing is found.
	x.lines[1]++
	if _, _, err := x.set("product", "Q"); err == nil {
		t.Error("a wrong place was taken")
	}
}

// TestOdd changes files that are written in ways that nobody uses: the change is right or refused.
func TestOdd(t *testing.T) {
	for _, s := range []string{
		"? base\n: b\n", "base : b\n", "{base: b, product: P}\n", "{\n  base: b\n}\n", "--- {base: b}\n", "\"ba\\x73e\": b\n", "base:\n  b\n",
		"base:\n  'b'\n", "base: b\n...\n", "base: b\n---\n", "settings: {hostname: x,\n  # y\n  locale: z}\n", "features: [[a], b]\n", "features:\n- - a\n- b\n",
		"base:\tb\n", "settings:\n  hostname: >2\n   x\n", "a: 1\nbase: b", "base: !!str b\n", "base: &a b\n", "'base': b\n",
	} {
		x, err := parse(image, s)
		if err != nil {
			continue
		}
		for _, k := range definition.Keys(definition.KindImage) {
			for _, call := range []func() (*text, []Change, error){
				func() (*text, []Change, error) { return x.set(k.Path, "v") },
				func() (*text, []Change, error) { return x.include(k.Path, []string{"v"}) },
				func() (*text, []Change, error) { return x.unset(k.Path) },
			} {
				if y, _, err := call(); err == nil && len(comments(y)) < len(comments(x)) {
					t.Errorf("%q became %q", s, y)
				}
			}
		}
	}
}
