package script

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPage holds docs/scenarios.md against the verbs, and reads its example and every scenario that is shipped.
func TestPage(t *testing.T) {
	b, err := os.ReadFile("../../../docs/scenarios.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	_, table, _ := strings.Cut(page, "## Verbs")
	for _, v := range verbs {
		name := strings.Replace(v.name, "wait for no ", "", 1)
		if !strings.Contains(table, name) {
			t.Errorf("the page doesn't have %q", v.name)
		}
		if about := strings.Contains(table, "**guest**"); !about {
			t.Error("the page doesn't say what is asked of the guest")
		}
	}
	_, example, _ := strings.Cut(page, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	if _, err := parse("example.yaml", []byte(example)); err != nil {
		t.Errorf("the page's example:\n%s", told(err))
	}

	shipped := 0
	for _, pattern := range []string{"scenarios/*.yaml", "*/*/scenarios/*.yaml"} {
		files, err := filepath.Glob("../../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			shipped++
			if _, err := Read(file); err != nil {
				t.Errorf("%s:\n%s", file, told(err))
			}
		}
	}
	if shipped == 0 {
		t.Error("no scenario is shipped")
	}
}
