package evidence

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"nhos.org/nhos/internal/image/definition"
)

// touched says what a respin changes of that which a control rests on: packages and files of the parts that bring its
// checks, and settings that those checks look at. A control may hold all the same; whoever reads the pack should know.
func (j *judge) touched(c definition.Control) (all []string) {
	if j.img.Respin == "" {
		return nil
	}
	own := j.img.Parts[len(j.img.Parts)-1]
	add := func(at definition.Origin, format string, args ...any) {
		if s := fmt.Sprintf(format, args...) + fmt.Sprintf(" (%v)", at); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for _, v := range c.Checks {
		name, _, _ := strings.Cut(v.Value, "/")
		i := slices.IndexFunc(j.of.Parts, func(p definition.Part) bool { return p.Name == name })
		if i < 0 {
			continue
		}
		part := j.of.Parts[i]
		for _, removed := range own.Packages.Remove {
			if slices.ContainsFunc(part.Packages.Add, func(a definition.Package) bool { return a.Name == removed.Name }) {
				add(removed.Origin, "the respin removes package %s of %s", removed.Name, name)
			}
		}
		for _, f := range own.Files {
			if f.Type != fs.ModeDir && slices.ContainsFunc(part.Files, func(of definition.File) bool { return of.Path == f.Path && of.Type != fs.ModeDir }) {
				add(f.Origin, "the respin lays a file of its own over %s of %s", f.Path, name)
			}
		}
		for _, k := range part.Checks {
			if k.ID == v.Value {
				j.settings(k.Run, add)
			}
		}
	}
	return all
}

var variable = regexp.MustCompile(`NHOS_[A-Z_]+`)

// settings adds the respin's settings that a check's command looks at by their variables (docs/features.md).
func (j *judge) settings(run string, add func(definition.Origin, string, ...any)) {
	s := j.img.Settings
	stated := map[string]definition.Origin{
		"NHOS_LOCALE": s.Locale.Origin, "NHOS_KEYBOARD": s.Keyboard.Origin, "NHOS_TIMEZONE": s.Timezone.Origin,
		"NHOS_USER": s.User.Name.Origin, "NHOS_AUTOLOGIN": s.User.Autologin.Origin,
	}
	file := "respins/" + j.img.Respin + "/respin.yaml"
	for _, name := range variable.FindAllString(run, -1) {
		if at := stated[name]; at.File == file {
			add(at, "the respin changes the setting that the check knows as %s", name)
		}
	}
}
