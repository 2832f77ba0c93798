package yamlfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x", 100) + "HERE" + strings.Repeat("y", 100)
	tests := []struct {
		name, line   string
		number, at   int
		text, marker string
	}{
		{"plain", "  - printng", 14, 5, "    14 |   - printng", "       |     ^"},
		{"one digit", "a: b", 1, 4, "     1 | a: b", "       |    ^"},
		{"six digits", "a: b", 123456, 1, "123456 | a: b", "       | ^"},
		{"wide letters", "é: ŵ", 2, 4, "     2 | é: ŵ", "       |    ^"},
		{"tab", "\ta: b", 2, 2, "     2 | \ta: b", "       | \t^"},
		{"carriage return", "a: b\r", 2, 1, "     2 | a: b", "       | ^"},
		{"terminal escape", "a: \x1b[31m", 2, 4, "     2 | a: ?[31m", "       |    ^"},
		{"past the end", "a:", 2, 9, "     2 | a:", "       |   ^"},
		{"before the start", "a:", 2, 0, "     2 | a:", "       | ^"},
		{
			"long", long, 2, 101, "     2 | " + long[40:160],
			"       | " + strings.Repeat(" ", 60) + "^",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := &Error{Origin: Origin{"x.yaml", test.number, test.at}, line: test.line}
			if diff := cmp.Diff(test.text+"\n"+test.marker, e.Excerpt()); diff != "" {
				t.Errorf("excerpt differs (-want +got):\n%s", diff)
			}
		})
	}
	if got := (&Error{Origin: Origin{File: "x.yaml"}}).Excerpt(); got != "" {
		t.Errorf("excerpt of a whole file: %q", got)
	}
}
