package ui

import "strings"

// Nearest returns the known word that was likely meant by one that isn't known, for a hint "did you mean …?", or "".
// A slip is a letter too many, too few or wrong, or two that changed places; long words may have up to three.
func Nearest(word string, known []string) string {
	if len(word) > 100 {
		return ""
	}
	best, least := "", 1+max(1, min(len(word)/3, 3))
	lower := strings.ToLower(word)
	for _, k := range known {
		if d := slips(lower, k); d < least || d == least && best != "" && k < best {
			best, least = k, d
		}
	}
	return best
}

// slips counts what makes one word of the other: the Damerau-Levenshtein distance in its variant of optimal string
// alignment.
func slips(a, b string) int {
	x, y := []rune(a), []rune(b)
	var before []int // the row before the last
	last := make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			wrong := 1
			if x[i-1] == y[j-1] {
				wrong = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+wrong)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(y)]
}
