package plan

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/rootfs"
)

// setting is a value of the definition, by the name that the definition knows it by.
func setting[T any](name string, v definition.Value[T]) rootfs.Cause {
	return rootfs.Cause{Name: name, Value: fmt.Sprint(v.Value), Origin: v.Origin.String()}
}

// variables are the settings that scripts and checks may know of, by the names that they know them by.
func variables(img *definition.Image) map[string]rootfs.Cause {
	s := img.Settings
	groups := rootfs.Cause{Name: "user.groups", Value: groupList(s.User), Origin: definition.Origin{}.String()}
	if n := len(s.User.Groups); n > 0 {
		groups.Origin = s.User.Groups[n-1].Origin.String()
	}
	autologin := setting("user.autologin", s.User.Autologin)
	autologin.Value = map[bool]string{true: "yes", false: "no"}[s.User.Autologin.Value]
	return map[string]rootfs.Cause{
		"NHOS_IMAGE":          {Name: "image", Value: img.Name},
		"NHOS_RESPIN":         {Name: "respin", Value: img.Respin},
		"NHOS_ODS_CODE":       setting("ods_code", img.ODSCode),
		"NHOS_PRODUCT":        setting("product", img.Product),
		"NHOS_LOCALE":         setting("locale", s.Locale),
		"NHOS_KEYBOARD":       setting("keyboard", s.Keyboard),
		"NHOS_TIMEZONE":       setting("timezone", s.Timezone),
		"NHOS_HOSTNAME":       setting("hostname", s.Hostname),
		"NHOS_USER":           setting("user.name", s.User.Name),
		"NHOS_USER_FULL_NAME": setting("user.full_name", s.User.FullName),
		"NHOS_USER_GROUPS":    groups,
		"NHOS_AUTOLOGIN":      autologin,
	}
}

// account are the settings that the default user is made by.
func account(v map[string]rootfs.Cause) []rootfs.Cause {
	return []rootfs.Cause{v["NHOS_USER"], v["NHOS_USER_FULL_NAME"], v["NHOS_USER_GROUPS"]}
}

// distribution is what an image is made from.
func distribution(img *definition.Image) []rootfs.Cause {
	b := img.Base
	return []rootfs.Cause{
		{Name: "distribution", Value: b.Distribution, Origin: b.Origins["distribution"].String()},
		{Name: "suite", Value: b.Suite, Origin: b.Origins["suite"].String()},
	}
}

// baseCauses are the values of a base that are no packages.
func baseCauses(img *definition.Image) []rootfs.Cause {
	b := img.Base
	from := distribution(img)[1:]
	list := func(name string, values []string) {
		for i, v := range values {
			from = append(from, rootfs.Cause{Name: name, Value: v, Origin: b.Origins[fmt.Sprintf("%s[%d]", name, i)].String()})
		}
	}
	list("exclude", b.Exclude)
	list("include", b.Include)
	return from
}

// mediumCauses are the settings that show in a medium's own files.
func mediumCauses(img *definition.Image) []rootfs.Cause {
	from := append(distribution(img),
		setting("menu_timeout", img.Settings.MenuTimeout), setting("graphical", img.Settings.Graphical))
	for _, a := range img.Settings.KernelArguments {
		from = append(from, setting("kernel_arguments", a))
	}
	for _, d := range img.Settings.Destinations {
		from = append(from, setting("destinations", d))
	}
	v := variables(img)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		from = append(from, v[name])
	}
	return from
}

// fileCauses are what a laid file follows from: itself, and the line that states its mode or owner.
func fileCauses(part definition.Part, f definition.File) []rootfs.Cause {
	from := []rootfs.Cause{{Origin: path.Join(string(part.Kind)+"s", part.Name, "files", f.Path)}}
	if f.Stated {
		from = append(from, rootfs.Cause{Origin: f.Origin.String()})
	}
	return from
}

// scriptCauses are what a script follows from: its file, and the settings that it names.
func scriptCauses(part definition.Part, s definition.Script, named map[string]string, v map[string]rootfs.Cause) []rootfs.Cause {
	from := []rootfs.Cause{{Origin: path.Join(string(part.Kind)+"s", part.Name, "scripts", s.Name)}}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		from = append(from, v[name])
	}
	return from
}
