package definition

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"nhos.org/nhos/internal/ui"
)

// A Form is what the value of a key looks like.
type Form string

// The forms.
const (
	FormText    Form = "text"
	FormBool    Form = "true or false"
	FormList    Form = "list"    // of texts
	FormEntries Form = "entries" // a list of keys and values
)

// A Key is one key of a definition file that holds a value.
type Key struct {
	Path        string // with dots: "settings.user.name"
	Form        Form
	Description string
	Example     string   // of a text, or of an entry of a list
	Words       []string // the values that there are, where they are few
}

// Keys returns the keys of a kind of definition file, in the order that docs/definitions.md has them.
func Keys(kind Kind) []Key {
	return keysOf(reflect.TypeOf(keysFor(kind)).Elem(), "")
}

// keysFor returns a pointer to an empty struct of keys.go.
func keysFor(kind Kind) any {
	switch kind {
	case KindBase:
		return &baseKeys{}
	case KindFeature:
		return &featureKeys{}
	case KindImage:
		return &imageKeys{}
	}
	return &respinKeys{}
}

func keysOf(t reflect.Type, prefix string) (keys []Key) {
	for _, f := range fieldsOf(t) {
		x := t.Field(f.index)
		k := Key{
			Path: prefix + f.key, Form: FormText, Description: x.Tag.Get("jsonschema_description"),
			Example: syntaxes[f.format].example, Words: syntaxes[f.format].words,
		}
		switch x.Type {
		case reflect.TypeFor[Value[string]](), reflect.TypeFor[Value[time.Duration]]():
		case reflect.TypeFor[Value[bool]]():
			k.Form, k.Words, k.Example = FormBool, []string{"true", "false"}, "true"
		case reflect.TypeFor[[]Value[string]]():
			k.Form = FormList
		default:
			if x.Type.Kind() == reflect.Struct {
				keys = append(keys, keysOf(x.Type, k.Path+".")...)
				continue
			}
			k.Form = FormEntries
		}
		keys = append(keys, k)
	}
	return keys
}

// FindKey returns the key of a kind of definition file that goes by path. The error names the nearest one.
func FindKey(kind Kind, path string) (Key, error) {
	var paths, last []string
	for _, k := range Keys(kind) {
		if k.Path == path {
			return k, nil
		}
		paths = append(paths, k.Path)
		if _, end, nested := cutLast(k.Path); nested && end == path {
			last = append(last, k.Path)
		}
	}
	err := fmt.Errorf("%s has no key %s", aKind(kind), quote(path))
	below := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return !strings.HasPrefix(p, path+".") })
	switch near := ui.Nearest(path, paths); {
	case len(below) > 0:
		return Key{}, ui.Hint(fmt.Errorf("%s holds other keys", quote(path)), "name one of them: "+strings.Join(below, ", "))
	case len(last) > 0:
		return Key{}, ui.Hint(err, "did you mean "+strings.Join(last, " or ")+"?")
	case near != "":
		return Key{}, ui.Hint(err, "did you mean "+near+"?")
	}
	return Key{}, ui.Hint(err, "the keys are "+strings.Join(paths, ", "))
}

func cutLast(path string) (before, last string, nested bool) {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)], path[i+1:], i >= 0
}

// aKind is a kind with its article.
func aKind(k Kind) string {
	if k == KindImage {
		return "an image"
	}
	return "a " + string(k)
}

// Values returns what a key comes to: of an image or a respin the merged value, of a base or a feature what its file
// states. Of a key that nothing states there is none; a list has any number. A built-in default has no origin.
func Values(dir string, t Target, key Key) ([]Value[string], error) {
	var keys any
	merged := t.Kind == KindImage || t.Kind == KindRespin
	if merged {
		img, err := Load(dir, t.Name)
		if err != nil {
			return nil, err
		}
		keys = img.keys()
	} else {
		_, document, err := ReadFile(dir, t)
		if err != nil {
			return nil, err
		}
		keys = keysFor(t.Kind)
		r := newReport()
		r.decode(t.File(), document, keys)
		if err := r.err(); err != nil {
			return nil, err
		}
	}
	values := valuesOf(reflect.ValueOf(keys).Elem(), key.Path)
	if len(values) == 1 && values[0].Origin == (Origin{}) && (!merged || values[0].Value == "") && key.Form != FormList {
		return nil, nil
	}
	return values, nil
}

// keys gives the merged values back in the shape of the file.
func (i *Image) keys() any {
	wanted := packageKeys{Add: valuesOfPackages(i.WantedPackages()), Remove: valuesOfPackages(append(i.ImageRemoved(), i.RespinRemoved()...))}
	own := i.Parts[len(i.Parts)-1]
	description := Value[string]{own.Description, own.Origins["description"]}
	if i.Respin != "" {
		image := Value[string]{i.Name, i.Parts[len(i.Parts)-2].Origin}
		return &respinKeys{
			Description: description, Image: image, ODSCode: i.ODSCode, Product: i.Product, Mirror: i.Base.Mirror, Packages: wanted,
			Settings: i.Settings, Compression: i.Compression,
		}
	}
	k := &imageKeys{
		Description: description, Base: Value[string]{i.Base.Name, i.Base.Origins["name"]}, Product: i.Product, Packages: wanted,
		Settings: i.Settings, Compression: i.Compression,
	}
	for _, p := range i.Parts {
		if p.Kind == KindFeature {
			k.Features = append(k.Features, Value[string]{p.Name, p.Origin})
		}
	}
	return k
}

func valuesOfPackages(packages []Package) (values []Value[string]) {
	for _, p := range packages {
		values = append(values, Value[string]{p.Name, p.Origin})
	}
	return values
}

// valuesOf returns the values of one key of a struct of keys.go, as they are written.
func valuesOf(v reflect.Value, path string) []Value[string] {
	first, rest, nested := strings.Cut(path, ".")
	for _, f := range fieldsOf(v.Type()) {
		if f.key != first {
			continue
		}
		if nested {
			return valuesOf(v.Field(f.index), rest)
		}
		switch x := v.Field(f.index).Interface().(type) {
		case Value[string]:
			return []Value[string]{x}
		case Value[bool]:
			return []Value[string]{{strconv.FormatBool(x.Value), x.Origin}}
		case Value[time.Duration]:
			return []Value[string]{{short(x.Value), x.Origin}}
		case []Value[string]:
			return x
		}
	}
	return nil
}
