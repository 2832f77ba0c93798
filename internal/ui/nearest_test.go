package ui_test

import (
	"testing"

	"nhos.org/nhos/internal/ui"
)

func TestNearest(t *testing.T) {
	known := []string{"table", "chair", "desktop", "libreoffice-writer", "lamp", "ward", "wand"}
	for word, want := range map[string]string{
		"tabel":              "table", // two letters changed places, which Levenshtein counts as two slips
		"tabl":               "table",
		"tablee":             "table",
		"TABLE":              "table",
		"hcair":              "chair",
		"desktpo":            "desktop",
		"dekstpo":            "desktop",
		"libreofice-wirterr": "libreoffice-writer",
		"waud":               "wand", // the first by its letters, of those that are as near
		"tabelx":             "table",
		"lapm":               "lamp",
		"plma":               "",
		"xyzzy":              "",
		"":                   "",
	} {
		if got := ui.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
