package secrets

import "bytes"

// A search finds any of some words in a text by the algorithm of Wu and Manber: it looks at two bytes at a time, and
// skips as far as no word can begin. Nearly all bytes are never looked at.
type search struct {
	window int           // the length of the shortest word
	shift  [1 << 16]byte // how far to go on from a pair of bytes; 0 where a window of a word may end
	words  map[uint16][]int
	all    [][]byte
}

func newSearch(words []string) *search {
	s := &search{window: 1 << 10, words: map[uint16][]int{}}
	for _, w := range words {
		s.all = append(s.all, []byte(w))
		s.window = min(s.window, len(w))
	}
	for i := range s.shift {
		s.shift[i] = byte(s.window - 1)
	}
	for i, w := range s.all {
		for j := range s.window - 1 {
			pair := pairOf(w[j], w[j+1])
			s.shift[pair] = min(s.shift[pair], byte(s.window-2-j))
		}
		last := pairOf(w[s.window-2], w[s.window-1])
		s.words[last] = append(s.words[last], i)
	}
	return s
}

func pairOf(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) }

// each calls found for every place where a word begins, with the word's index.
func (s *search) each(b []byte, found func(pos, word int)) {
	for i := s.window - 1; i < len(b); {
		pair := pairOf(b[i-1], b[i])
		if skip := s.shift[pair]; skip > 0 {
			i += int(skip)
			continue
		}
		at := i - s.window + 1
		for _, w := range s.words[pair] {
			if bytes.HasPrefix(b[at:], s.all[w]) {
				found(at, w)
			}
		}
		i++
	}
}
