package definition

import (
	"os"
	"strings"
	"testing"
)

func TestShow(t *testing.T) {
	tests := []struct {
		golden, id string
		origin     bool
	}{
		{"plain.txt", "plain", false},
		{"plain-origin.txt", "plain", true},
		{"mini-origin.txt", "mini", true},
		{"trust.txt", "trust", false},
		{"trust-origin.txt", "trust", true},
	}
	for _, test := range tests {
		t.Run(test.golden, func(t *testing.T) {
			var b strings.Builder
			if err := Show(&b, load(t, test.id), test.origin); err != nil {
				t.Fatal(err)
			}
			file := "testdata/show/" + test.golden
			if *update {
				write(t, file, b.String())
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			differ(t, test.golden, string(want), b.String())
		})
	}
}

func TestScalar(t *testing.T) {
	for value, want := range map[string]string{
		"plain":         "plain",
		"two words":     "two words",
		"Gŵynedd":       "Gŵynedd",
		"/usr/*":        "/usr/*",
		"a: b":          `"a: b"`,
		"a #b":          `"a #b"`,
		"":              `""`,
		" a":            `" a"`,
		"a ":            `"a "`,
		"a\nb":          `"a\nb"`,
		"\x1b[31m":      `"\x1b[31m"`,
		"- a":           `"- a"`,
		"console=ttyS0": "console=ttyS0",
	} {
		differ(t, "scalar", want, scalar(value))
	}
}
