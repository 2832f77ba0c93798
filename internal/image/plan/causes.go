package plan

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"nhos.org/nhos/internal/image/definition"
	"nhos.org/nhos/internal/image/rootfs"
)

// setting is a value of the definition, by the name that the definition knows it by.
func setting[T any](name string, v definition.Value[T]) rootfs.Cause {
	return rootfs.Cause{Name: name, Value: fmt.Sprint(v.Value), Origin: v.Origin.String()}
}

// yesOrNo is a setting that scripts see as yes or no.
func yesOrNo(name string, v definition.Value[bool]) rootfs.Cause {
	c := setting(name, v)
	c.Value = map[bool]string{true: "yes", false: "no"}[v.Value]
	return c
}

// listed is a list of words, with spaces between them.
func listed(name string, values []definition.Value[string]) rootfs.Cause {
	var words []string
	for _, v := range values {
		words = append(words, v.Value)
	}
	return rootfs.Cause{Name: name, Value: strings.Join(words, " "), Origin: lastOrigin(values, func(v definition.Value[string]) definition.Origin { return v.Origin })}
}

// lastOrigin is where the last entry of a list was stated: what a list that files add to follows from.
func lastOrigin[T any](list []T, of func(T) definition.Origin) string {
	if len(list) == 0 {
		return definition.Origin{}.String()
	}
	return of(list[len(list)-1]).String()
}

// variables are the settings that scripts and checks may know of, by the names that they know them by.
func variables(img *definition.Image) map[string]rootfs.Cause {
	s := img.Settings
	groups := rootfs.Cause{Name: "user.groups", Value: groupList(s.User), Origin: definition.Origin{}.String()}
	if n := len(s.User.Groups); n > 0 {
		groups.Origin = s.User.Groups[n-1].Origin.String()
	}
	var apps []string
	for _, a := range s.WebApps {
		apps = append(apps, a.Line())
	}
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
		"NHOS_AUTOLOGIN":      yesOrNo("user.autologin", s.User.Autologin),

		"NHOS_HOME_PAGE":        setting("browser.home_page", s.Browser.HomePage),
		"NHOS_BOOKMARKS":        {Name: "browser.bookmarks", Value: s.Browser.BookmarksJSON(), Origin: lastOrigin(s.Browser.Bookmarks, func(l definition.Link) definition.Origin { return l.At })},
		"NHOS_EXTENSIONS":       listed("browser.extensions", s.Browser.Extensions),
		"NHOS_PROTECTION_LISTS": yesOrNo("browser.protection_lists", s.Browser.ProtectionLists),
		"NHOS_WEB_APPS":         {Name: "web_apps", Value: strings.Join(apps, "\n"), Origin: lastOrigin(s.WebApps, func(a definition.WebApp) definition.Origin { return a.At })},
		"NHOS_KIOSK_URL":        setting("kiosk.url", s.Kiosk.URL),
		"NHOS_KIOSK_ALLOW":      listed("kiosk.allow", s.Kiosk.Allow),
		"NHOS_KIOSK_IDLE":       {Name: "kiosk.idle", Value: strconv.Itoa(int(s.Kiosk.Idle.Value.Seconds())), Origin: s.Kiosk.Idle.Origin.String()},
		sourceVariable:          packageSource(img),
	}
}

// sourceVariable is a variable for scripts alone: told to a medium's checks, it would make another medium of the same
// packages from another mirror.
const sourceVariable = "NHOS_PACKAGE_SOURCE"

// packageSource is where the running system may take packages from: what the definition names. Where the building machine
// takes them from ("auto", a folder) is its own affair, and an empty value; so is an address with a password in it.
func packageSource(img *definition.Image) rootfs.Cause {
	mirror := setting("mirror", img.Base.Mirror)
	if !strings.HasPrefix(mirror.Value, "http") || strings.Contains(mirror.Value, "@") {
		mirror.Value = ""
	}
	return mirror
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
