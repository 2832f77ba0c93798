package edit

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"nhos.org/nhos/internal/image/definition"
)

// all are the definition files of this repository, and those of testdata/styles, which are written as oddly as may be.
func all(t testing.TB) map[string]definition.Target {
	t.Helper()
	files := map[string]definition.Target{}
	for _, root := range []string{"../../../..", "../testdata/good", "../testdata/minimal", "../../../../cmd/nhos/testdata/definitions"} {
		for _, kind := range definition.Kinds() {
			names, err := definition.Names(root, kind)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				target := definition.Target{Kind: kind, Name: name}
				files[filepath.Join(root, target.File())] = target
			}
		}
	}
	styles, err := filepath.Glob("testdata/styles/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range styles {
		files[file] = definition.Target{Kind: definition.KindImage, Name: "style"}
	}
	if len(files) < 18 {
		t.Fatalf("only %d definition files", len(files))
	}
	return files
}

func read(t testing.TB, file string, target definition.Target) *text {
	t.Helper()
	s, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return must(t)(parse(target, string(s)))
}

func must(t testing.TB) func(x *text, err error) *text {
	return func(x *text, err error) *text {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}

// changed is for the methods that return what they changed too.
func changed(t testing.TB) func(x *text, changes []Change, err error) *text {
	return func(x *text, changes []Change, err error) *text {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if c.Line < 1 || c.Old == nil && c.New == nil {
				t.Errorf("an odd change: %+v", c)
			}
		}
		return x
	}
}

func equal(t testing.TB, what string, want, got *text) {
	t.Helper()
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// comments are those of a text, in order.
func comments(x *text) (all []string) {
	for _, tok := range lexer.Tokenize(strings.ReplaceAll(x.s, "\r\n", "\n")) {
		if tok.Type == token.CommentType {
			all = append(all, strings.TrimSpace(tok.Value))
		}
	}
	return all
}

// otherLines is how many lines of a are not in b, counted from both ends.
func otherLines(a, b *text) int {
	x, y := strings.SplitAfter(a.s, "\n"), strings.SplitAfter(b.s, "\n")
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	return len(x)
}

// TestThereAndBack changes every key of every file and back again: the bytes are the same.
func TestThereAndBack(t *testing.T) {
	for file, target := range all(t) {
		for _, key := range definition.Keys(target.Kind) {
			t.Run(file+"/"+key.Path, func(t *testing.T) {
				x := read(t, file, target)
				m := at(must2(t, x), segments(key.Path))
				switch {
				case key.Form == definition.FormEntries:
				case key.Form == definition.FormList:
					thereAndBackList(t, x, key.Path)
				case m == nil:
					y := changed(t)(x.set(key.Path, "new value"))
					if n := otherLines(x, y); n > 1 {
						t.Errorf("%d lines changed for a new key:\n%s", n, y)
					}
					keepsComments(t, x, y)
					equal(t, "set and unset", x, changed(t)(y.unset(key.Path)))
				default:
					was := strs([]any{m})[0]
					y := changed(t)(x.set(key.Path, "new value"))
					if n := otherLines(x, y); n > 1 && !strings.Contains(file, "image-lines") {
						t.Errorf("%d lines changed for one value:\n%s", n, y)
					}
					keepsComments(t, x, y)
					if z, changes, err := y.set(key.Path, "new value"); z != y || changes != nil || err != nil {
						t.Errorf("setting it again: %v, %v", changes, err)
					}
					back := changed(t)(y.set(key.Path, was))
					if strings.Contains(file, "image-lines") && (key.Path == "description" || key.Path == "product") {
						break // text on several lines isn't broken into lines again
					}
					equal(t, "set and set back", x, back)
				}
			})
		}
	}
}

func must2(t testing.TB, x *text) any {
	t.Helper()
	m, err := meaning(x.document)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func keepsComments(t testing.TB, x, y *text) {
	t.Helper()
	if diff := cmp.Diff(comments(x), comments(y)); diff != "" {
		t.Errorf("comments differ (-old +new):\n%s\n%s", diff, y)
	}
}

func thereAndBackList(t *testing.T, x *text, path string) {
	was := x.entries(path)
	y := changed(t)(x.include(path, []string{"new", "newer"}))
	if want := append(slices.Clone(was), "new", "newer"); !slices.Equal(want, y.entries(path)) {
		t.Errorf("after adding: %q", y.entries(path))
	}
	keepsComments(t, x, y)
	if z, changes, err := y.include(path, []string{"newer", "new"}); z != y || changes != nil || err != nil {
		t.Errorf("adding them again: %v, %v", changes, err)
	}
	if back := changed(t)(y.exclude(path, []string{"new", "newer"})); !strings.Contains(x.s, "add: [a-package, b-package,], remove: [ ]") {
		equal(t, "add and remove", x, back)
	}
	for i := range was {
		y := changed(t)(x.remove(path, i))
		if len(was) > 1 {
			if want := slices.Delete(slices.Clone(was), i, i+1); !slices.Equal(want, y.entries(path)) {
				t.Errorf("after removing entry %d: %q", i, y.entries(path))
			}
			z := changed(t)(y.add(path, i, was[i]))
			if !slices.Equal(was, z.entries(path)) {
				t.Errorf("after putting entry %d back: %q", i, z.entries(path))
			}
			// A comment above an entry stays when the entry goes, and is then the next one's.
			commented := regexp.MustCompile(`(?m)^\s*#.*\n\s*- ` + regexp.QuoteMeta(was[i]) + `$`).MatchString(x.s)
			if !commented && !strings.Contains(x.s, "style") && len(comments(x)) == len(comments(z)) && !strings.ContainsAny(x.s, `"'`) {
				equal(t, "remove and add", x, z)
			}
		}
	}
	for _, list := range [][]string{{"a"}, {"b", "c"}, slices.Concat(was, []string{"x"}), slices.Concat([]string{"y"}, was)} {
		y := changed(t)(x.setList(path, list))
		if !slices.Equal(list, y.entries(path)) {
			t.Errorf("after setting it to %q: %q", list, y.entries(path))
		}
		if z, changes, err := y.setList(path, list); z != y || changes != nil || err != nil {
			t.Errorf("setting it again: %v, %v", changes, err)
		}
		if len(was) > 0 {
			y = changed(t)(y.setList(path, was))
			if !slices.Equal(was, y.entries(path)) {
				t.Errorf("after setting it back: %q", y.entries(path))
			}
		}
	}
}
