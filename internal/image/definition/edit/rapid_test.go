package edit

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"nhos.org/nhos/internal/image/definition"
)

var image = definition.Target{Kind: definition.KindImage, Name: "drawn"}

// An author draws an image's file in every way that a person may write one.
type author struct {
	t    *rapid.T
	b    strings.Builder
	wide int // blanks that each level is further in
	dash int
}

func (a *author) chance(of int) bool { return rapid.IntRange(1, of).Draw(a.t, "chance") == 1 }

func (a *author) word() string {
	return rapid.StringMatching(`[a-zäöŵ][a-z0-9é.-]{0,8}( [a-z]{1,5})?`).Draw(a.t, "word")
}

// between are blank lines and comments, not further in than the keys.
func (a *author) between(indent int) {
	if a.chance(4) {
		a.b.WriteString("\n")
	}
	if a.chance(3) {
		fmt.Fprintf(&a.b, "%s# %s\n", strings.Repeat(" ", indent), a.word())
	}
}

func (a *author) end() {
	if a.chance(4) {
		fmt.Fprintf(&a.b, "  # %s", a.word())
	}
	a.b.WriteString("\n")
}

func (a *author) scalar(flow bool) string {
	w := a.word()
	switch rapid.IntRange(0, 4).Draw(a.t, "style") {
	case 0:
		return fmt.Sprintf("%q", w+`"\`)
	case 1:
		return "'" + w + "''s'"
	default:
		return scalar(w, 0, flow)
	}
}

func (a *author) key(indent int, name string, form definition.Form) {
	a.between(indent)
	fmt.Fprintf(&a.b, "%s%s:", strings.Repeat(" ", indent), name)
	switch {
	case form == definition.FormBool:
		a.b.WriteString(" true")
	case form != definition.FormList && indent == 0 && a.chance(6):
		fmt.Fprintf(&a.b, " |\n%s%s\n\n%s%s\n", strings.Repeat(" ", indent+1), a.word(), strings.Repeat(" ", indent+1), a.word())
		return
	case form != definition.FormList:
		a.b.WriteString(" " + a.scalar(false))
	case a.chance(2):
		var s []string
		for range rapid.IntRange(0, 4).Draw(a.t, "entries") {
			s = append(s, a.scalar(true))
		}
		a.b.WriteString(" [" + strings.Join(s, ", ") + "]")
	default:
		a.end()
		for range rapid.IntRange(1, 4).Draw(a.t, "entries") {
			a.between(indent + a.dash)
			fmt.Fprintf(&a.b, "%s- %s", strings.Repeat(" ", indent+a.dash), a.scalar(false))
			a.end()
		}
		return
	}
	a.end()
}

// write writes the keys below a path, as many as chance has it.
func (a *author) write(keys []definition.Key, prefix string, indent int) {
	for i := 0; i < len(keys); i++ {
		name, _, nested := strings.Cut(strings.TrimPrefix(keys[i].Path, prefix), ".")
		if !nested {
			if keys[i].Form != definition.FormEntries && (prefix == "" && i < 3 || a.chance(2)) {
				a.key(indent, name, keys[i].Form)
			}
			continue
		}
		j := i
		for j < len(keys) && strings.HasPrefix(keys[j].Path, prefix+name+".") {
			j++
		}
		if below := keys[i:j]; a.chance(2) {
			a.between(indent)
			fmt.Fprintf(&a.b, "%s%s:", strings.Repeat(" ", indent), name)
			if a.chance(4) {
				s := ""
				for _, k := range below {
					if last := strings.TrimPrefix(k.Path, prefix+name+"."); !strings.Contains(last, ".") && k.Form == definition.FormText && a.chance(2) {
						s += last + ": " + a.scalar(true) + ", "
					}
				}
				a.b.WriteString(" {" + strings.TrimSuffix(s, ", ") + "}")
				a.end()
			} else {
				a.end()
				before := a.b.Len()
				a.write(below, prefix+name+".", indent+a.wide)
				if !strings.Contains(a.b.String()[before:], ":") {
					a.key(indent+a.wide, strings.TrimPrefix(below[0].Path, prefix+name+"."), below[0].Form)
				}
			}
		}
		i = j - 1
	}
}

func drawn(t *rapid.T) *text {
	a := &author{t: t, wide: rapid.IntRange(1, 4).Draw(t, "wide")}
	a.dash = rapid.IntRange(0, 4).Draw(t, "dash")
	a.write(definition.Keys(definition.KindImage), "", 0)
	s := a.b.String()
	if a.chance(3) {
		s = strings.TrimRight(s, "\n") // the last line without an end
	}
	if a.chance(4) {
		s = strings.ReplaceAll(s, "\n", "\r\n")
	}
	if a.chance(6) {
		s = byteOrderMark + s
	}
	x, err := parse(image, s)
	if err != nil {
		t.Fatalf("drawn badly: %v\n%s", err, s)
	}
	return x
}

// TestAnyFile makes changes, one after another, to files of any style. None is refused; each means what it should, which
// the package itself sees to, and keeps every comment that isn't within what it takes away; and all can be made undone.
func TestAnyFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawn(t)
		start := x
		keys := slices.DeleteFunc(definition.Keys(definition.KindImage), func(k definition.Key) bool { return k.Form == definition.FormEntries })
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			key := keys[rapid.IntRange(0, len(keys)-1).Draw(t, "key")]
			value := rapid.OneOf(rapid.SampledFrom([]string{"plain", "true", "1.5", "a: b", "#", "- x", "it's", `"q"`, "[", "a, b", "two\nlines", "null", "é", "\\", "5s"}), rapid.String()).Draw(t, "value")
			if !strings.Contains(value, "\x00") && strings.ToValidUTF8(value, "") != value {
				continue
			}
			var next *text
			var err error
			keeps := true
			m, _ := meaning(x.document)
			was := at(m, segments(key.Path))
			switch list := key.Form == definition.FormList; {
			case list && rapid.Bool().Draw(t, "adds"):
				next, _, err = x.include(key.Path, []string{value})
				if err == nil && !slices.Contains(x.entries(key.Path), value) {
					back, _, err := next.exclude(key.Path, []string{value})
					if err != nil {
						t.Fatalf("undoing: %v\n%s", err, next)
					}
					if was != nil && len(x.entries(key.Path)) > 0 && back.String() != x.String() {
						t.Fatalf("adding %q to %s and taking it out again made\n%s\nof\n%s", value, key.Path, back, x)
					}
				}
			case list:
				values := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c: d", value}), 1, 4).Draw(t, "values")
				next, _, err = x.setList(key.Path, values)
				if err == nil && !slices.Equal(next.entries(key.Path), values) {
					t.Fatalf("setting %s to %q gave %q", key.Path, values, next.entries(key.Path))
				}
				keeps = was == nil
			case rapid.IntRange(1, 4).Draw(t, "what") == 1:
				next, _, err = x.unset(key.Path)
				keeps = was == nil
				if strings.Contains(fmt.Sprint(err), "it is empty") {
					continue
				}
			default:
				next, _, err = x.set(key.Path, value)
				if err == nil && was == nil {
					back, _, err := next.unset(key.Path)
					if err != nil {
						t.Fatalf("undoing: %v\n%s", err, next)
					}
					if in := at(m, segments(key.Path)[:strings.Count(key.Path, ".")]); in != nil && len(in.(map[string]any)) > 0 && back.String() != x.String() {
						t.Fatalf("setting %s and taking it away again made\n%q\nof\n%q", key.Path, back, x)
					}
				}
			}
			if err != nil {
				t.Fatalf("%s to %q in\n%s\n%v", key.Path, value, x, err)
			}
			if keeps && !slices.Equal(comments(x), comments(next)) {
				t.Fatalf("comments %q became %q:\n%s\n%s", comments(x), comments(next), x, next)
			}
			x = next
		}
		if x.mark != start.mark {
			t.Fatal("the byte order mark is gone")
		}
	})
}
