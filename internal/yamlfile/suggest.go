package yamlfile

import (
	"fmt"
	"slices"
	"strings"

	"nhos.org/nhos/internal/ui"
)

// Suggest returns the hint for a word that isn't one of the words that are known: the nearest one, or else all of
// them. what names them in the plural: "features".
func Suggest(word, what string, known []string) string {
	if near := ui.Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) == 0 {
		return "there are no " + what
	}
	known = slices.Sorted(slices.Values(known))
	const most = 20
	if len(known) > most {
		known = append(known[:most], "…")
	}
	return what + " are " + strings.Join(known, ", ")
}
