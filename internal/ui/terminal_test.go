package ui

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A screen is a terminal that knows what this package writes: text, \r, \n, cursor up, erase to the end of the line and
// of the screen. Colours are left out. A line that is too long is a failure.
type screen struct {
	t             *testing.T
	columns, rows int

	mu    sync.Mutex
	lines [][]rune
	row   int
	col   int
	tall  int // the most rows that the cursor went up
}

func newScreen(t *testing.T, columns, rows int) *screen {
	return &screen{t: t, columns: columns, rows: rows, lines: [][]rune{nil}}
}

func (s *screen) size() (int, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.columns, s.rows
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := []rune(string(p))
	for i := 0; i < len(text); i++ {
		switch r := text[i]; r {
		case '\n':
			s.row, s.col = s.row+1, 0
			for len(s.lines) <= s.row {
				s.lines = append(s.lines, nil)
			}
		case '\r':
			s.col = 0
		case '\x1b':
			end := i + 2
			for text[end] < '@' {
				end++
			}
			s.control(string(text[i+2:end]), text[end])
			i = end
		default:
			for range width(string(r)) {
				s.put(r)
				r = '\u200b' // the other half of a wide letter
			}
		}
	}
	return len(p), nil
}

func (s *screen) put(r rune) {
	if s.col >= s.columns-1 {
		s.t.Errorf("column %d of %d is written to: %q", s.col+1, s.columns, string(s.lines[s.row]))
	}
	if s.col < len(s.lines[s.row]) {
		s.lines[s.row][s.col] = r
	} else {
		s.lines[s.row] = append(s.lines[s.row], r)
	}
	s.col++
}

func (s *screen) control(argument string, what rune) {
	switch what {
	case 'A':
		n, err := strconv.Atoi(argument)
		if err != nil || n > s.row {
			s.t.Fatalf("the cursor goes up %q from row %d", argument, s.row)
		}
		s.row -= n
		s.tall = max(s.tall, n)
	case 'K':
		s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
	case 'J':
		s.lines = s.lines[:s.row+1]
		s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
	case 'm':
	default:
		s.t.Errorf("unknown control %q", string(what))
	}
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for i, line := range s.lines {
		if i < len(s.lines)-1 || len(line) > 0 {
			b.WriteString(strings.TrimRight(string(line), " ") + "\n")
		}
	}
	return b.String()
}

func (s *screen) shows(want string) {
	s.t.Helper()
	if d := cmp.Diff(strings.TrimPrefix(want, "\n"), s.String()); d != "" {
		s.t.Errorf("the screen (-want +got)\n%s", d)
	}
}

var looks = style{palette: true, full: "=", empty: "-", cut: "..."}

func TestTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(t, 80, 24)
		p := newTerminal(s, s.size, looks)
		packages := p.Begin("packages", 214_000_000)
		base := p.Begin("base", 0)
		s.shows(`
  packages            ------------    0%       0 B
  base                       0 s
`)
		time.Sleep(time.Second / 20) // so that nothing happens at the moment of a redraw
		for range 40 {
			time.Sleep(time.Second / 10)
			packages.Add(2_140_000)
			base.Add(1000)
		}
		s.shows(`
  packages            ====--------   39%   83.5 MB   20.9 MB/s  6 s left
  base                 39.0 kB   9.75 kB/s         4 s
`)
		base.At("busybox 1.37 is being unpacked and set up")
		packages.At("nothing that there is room for")
		time.Sleep(time.Second / 10)
		s.shows(`
  packages            ====--------   40%   85.6 MB   20.9 MB/s  6 s left
  base                 40.0 kB   9.76 kB/s         4 s  busybox 1.37 is bein...
`)
		base.At("")
		packages.At("")
		base.Done("reused")
		p.Note("the mirror is slow")
		s.shows(`
  base                 40.0 kB       4.2 s  reused
the mirror is slow
  packages            ====--------   40%   85.6 MB   20.6 MB/s  6 s left
`)
		time.Sleep(8300 * time.Millisecond)
		packages.Add(128_400_000)
		packages.Done("214 MB")
		time.Sleep(time.Second)
		medium := p.Begin("medium", 0)
		medium.Fail(errors.New("writing the medium:\nxorriso: no space left on the device that holds the folder of the images"))
		p.Begin("test", 0)
		p.Close()
		p.Close()
		p.Begin("after the end", 0).Done("")
		s.shows(`
  base                 40.0 kB       4.2 s  reused
the mirror is slow
  packages              214 MB      12.5 s
  medium                             0.0 s  failed: writing the medium: xorr...
  test                               0.0 s  failed: not finished
`)
	})
}

func TestTerminalOfEverySize(t *testing.T) {
	for _, columns := range []int{2, 3, 5, 9, 20, 24, 25, 33, 40, 57, 66, 79, 80, 81, 99, 100, 101, 120, 200} {
		for _, total := range []int64{0, 3_000_000_000} {
			synctest.Test(t, func(t *testing.T) {
				s := newScreen(t, columns, 5)
				p := newTerminal(s, s.size, looks)
				var phases []Phase
				for i := range 9 {
					phases = append(phases, p.Begin(fmt.Sprintf("%d Büro with a name that goes on and on 你好", i), total))
				}
				for _, w := range phases {
					w.Add(1_260_000_000)
				}
				time.Sleep(2 * time.Second)
				if got := strings.Count(s.String(), "\n"); got > 4 {
					t.Errorf("%d live lines on 5 rows", got)
				}
				for _, w := range phases {
					w.Done("an outcome that is said in more words than it should be")
				}
				p.Close()
				if got := strings.Count(s.String(), "\n"); got != 9 {
					t.Errorf("%d lines stay, want 9", got)
				}
			})
		}
	}
}

// A window made narrower wraps the lines that it shows: what is drawn over is as high as they became.
func TestTerminalMadeNarrower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(t, 80, 24)
		p := newTerminal(s, s.size, looks)
		w := p.Begin("packages", 1000)
		s.mu.Lock()
		s.lines, s.row = append(s.lines, nil), s.row+1 // as the wrapped line pushes the cursor down
		s.columns = 40
		s.mu.Unlock()
		time.Sleep(time.Second + time.Second/20)
		synctest.Wait()
		if s.tall != 2 {
			t.Errorf("the cursor went up %d rows, want 2", s.tall)
		}
		w.Done("")
		p.Close()
	})
}

func TestTerminalOfManyGoroutines(t *testing.T) {
	s := newScreen(t, 80, 24)
	p := newTerminal(s, s.size, looks)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			w := p.Begin(fmt.Sprint("phase ", i), 1000)
			for range 10 {
				w.Add(100)
				time.Sleep(time.Millisecond * time.Duration(10+i))
			}
			w.Done("")
		})
	}
	all.Wait()
	p.Close()
	if got := strings.Count(s.String(), "1.00 kB"); got != 20 || strings.Count(s.String(), "\n") != 20 {
		t.Errorf("20 phases ended, the screen shows\n%s", s)
	}
}

func TestStyleForTheLocale(t *testing.T) {
	for _, c := range []struct{ all, lang, full string }{
		{"", "en_GB.UTF-8", "━"}, {"", "C.utf8", "━"}, {"C", "en_GB.UTF-8", "="}, {"", "", "="},
	} {
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_CTYPE", "")
		t.Setenv("LANG", c.lang)
		if got := styleFor(new(strings.Builder)).full; got != c.full {
			t.Errorf("LC_ALL=%s LANG=%s: the bar is of %q, want %q", c.all, c.lang, got, c.full)
		}
	}
}
