package yamlfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Suggest returns the hint for a word that isn't one of the words that are known: the nearest one, or else all of
// them. what names them in the plural: "features".
func Suggest(word, what string, known []string) string {
	if near := Nearest(word, known); near != "" {
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

// Nearest returns the known word that is likely to have been meant, or "".
func Nearest(word string, known []string) string {
	best, distance := "", 1+max(1, min(len(word)/3, 3))
	if len(word) > 100 {
		return ""
	}
	for _, k := range known {
		d := levenshtein.ComputeDistance(strings.ToLower(word), k)
		if d < distance || d == distance && best != "" && k < best {
			best, distance = k, d
		}
	}
	return best
}
