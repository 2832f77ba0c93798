package screen

import (
	"strings"
	"unicode"
)

// Shows reports whether text, as it was read off a screen, contains words. Only letters and digits count, in either
// case, and one in eight of them may be misread: what was read is a guess.
func Shows(text, words string) bool {
	want := plain(words)
	allowed := len(want) / 8
	// Sellers' algorithm: distance[i] is how many edits the first i of want are away from the nearest substring of
	// text that ends at the present place.
	distance := make([]int, len(want)+1)
	for i := range distance {
		distance[i] = i
	}
	for _, have := range plain(text) {
		diagonal := 0
		for i, w := range want {
			best := diagonal
			if have != w {
				best++
			}
			best = min(best, distance[i]+1, distance[i+1]+1)
			diagonal, distance[i+1] = distance[i+1], best
		}
		if len(want) > 0 && distance[len(want)] <= allowed {
			return true
		}
	}
	return false
}

// plain keeps the letters and digits, lower-cased, and takes what a reader confuses as one.
func plain(s string) []rune {
	var kept []rune
	for _, r := range strings.ToLower(s) {
		switch {
		case r == '0':
			kept = append(kept, 'o')
		case r == '1' || r == 'i' || r == '|' || r == '!':
			kept = append(kept, 'l')
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			kept = append(kept, r)
		}
	}
	return kept
}
